// SPDX-License-Identifier: Apache-2.0
//
// One program on many threads, which share its maps. Under TSan, it shows that
// what the engine does to maps is ordered where it must be.

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/assembler.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/world.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using namespace assembler;  // NOLINT: the test is written in it

constexpr int kThreads = 8;
constexpr uint64_t kRuns = 500;

std::shared_ptr<LocalMap> Create(const MapDef& def) {
  absl::StatusOr<std::shared_ptr<LocalMap>> map = CreateMap(def);
  EXPECT_TRUE(map.ok()) << map.status();
  return *map;
}

class ThreadsTest : public testing::TestWithParam<Checks> {
 protected:
  // Runs `code`, with the maps 0 and on, kRuns times on each thread.
  void RunOnThreads(const Code& code,
                    const std::vector<std::shared_ptr<LocalMap>>& maps) {
    ProgramDef def;
    def.type = ProgramType::kXdp;
    def.gpl_compatible = true;
    def.instructions = code;
    def.map_of_fd = [&](int32_t fd) {
      return maps[static_cast<std::size_t>(fd)];
    };
    std::shared_ptr<const Program> program;
    const LoadError error = Program::Load(def, &program);
    ASSERT_FALSE(error.failed()) << error.reason;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        World world;
        Machine machine(&world);
        for (uint64_t run = 0; run < kRuns; ++run) {
          RunInput input;
          input.checks = GetParam();
          const RunResult result = machine.Run(*program, input);
          EXPECT_FALSE(result.faulted()) << result.fault;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

TEST_P(ThreadsTest, AtomicAdditionsAreAllCounted) {
  const auto counts = Create({.type = MapType::kArray,
                              .key_size = 4,
                              .value_size = 16,
                              .max_entries = 1});
  RunOnThreads(
      Join({LoadMapValue(R6, 0, 0),
            {Mov64(R1, 1), Atomic(kSizeDw, kAdd, R6, 0, R1), Mov64(R1, 2),
             Atomic(kSizeW, kAdd | kFetch, R6, 8, R1), Load(kSizeDw, R2, R6, 0),
             Store(kSizeW, R6, 12, R2), Mov64(R0, 0), Exit()}}),
      {counts});
  const uint32_t zero = 0;
  struct {
    uint64_t ones;
    uint32_t twos, last;
  } value;
  ASSERT_EQ(counts->Lookup(&zero, &value), Errno::kOk);
  EXPECT_EQ(value.ones, kThreads * kRuns);
  EXPECT_EQ(value.twos, 2 * kThreads * kRuns);
}

TEST_P(ThreadsTest, ALockKeepsTwoWordsEqual) {
  const auto guarded = Create({.type = MapType::kArray,
                               .key_size = 4,
                               .value_size = 24,
                               .max_entries = 1,
                               .spin_lock_offset = 16});
  const Code lock = {Mov64(R1, R6), Alu64(kAdd, R1, 16)};
  RunOnThreads(
      Join({LoadMapValue(R6, 0, 0),
            lock,
            {CallHelper(93), Load(kSizeDw, R1, R6, 0), Alu64(kAdd, R1, 1),
             Store(kSizeDw, R6, 0, R1), Load(kSizeDw, R1, R6, 8),
             Alu64(kAdd, R1, 1), Store(kSizeDw, R6, 8, R1)},
            lock,
            {CallHelper(94), Mov64(R0, 0), Exit()}}),
      {guarded});
  const uint32_t zero = 0;
  uint64_t value[3];
  ASSERT_EQ(guarded->Lookup(&zero, value), Errno::kOk);
  EXPECT_EQ(value[0], kThreads * kRuns);
  EXPECT_EQ(value[1], kThreads * kRuns);
}

TEST_P(ThreadsTest, ElementsComeAndGo) {
  const auto hash = Create({.type = MapType::kHash,
                            .key_size = 4,
                            .value_size = 8,
                            .max_entries = 64});
  const Code key = {Store(kSizeW, R10, -4, R7), Mov64(R2, R10),
                    Alu64(kAdd, R2, -4)};
  RunOnThreads(Join({{CallHelper(7), Alu64(kAnd, R0, 15), Mov64(R7, R0)},
                     LoadMap(R1, 0),
                     key,
                     {StoreImm(kSizeDw, R10, -16, 0), Mov64(R3, R10),
                      Alu64(kAdd, R3, -16), Mov64(R4, 0), CallHelper(2)},
                     LoadMap(R1, 0),
                     key,
                     {CallHelper(1), JumpIf(kJeq, R0, 0, 2), Mov64(R1, 1),
                      Atomic(kSizeDw, kAdd, R0, 0, R1)},
                     LoadMap(R1, 0),
                     key,
                     {CallHelper(3), Mov64(R0, 0), Exit()}}),
               {hash});
  uint32_t next = 0;
  EXPECT_EQ(hash->GetNextKey(nullptr, &next), Errno::kNoEnt);
}

INSTANTIATE_TEST_SUITE_P(Checks, ThreadsTest,
                         testing::Values(Checks::kAll, Checks::kNone),
                         [](const auto& info) {
                           return info.param == Checks::kAll ? "checked"
                                                             : "unchecked";
                         });

}  // namespace
}  // namespace bpfmap
