// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/interleave.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/assembler.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/world.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using namespace assembler;  // NOLINT: the test is written in it

std::shared_ptr<LocalMap> Create(const MapDef& def) {
  absl::StatusOr<std::shared_ptr<LocalMap>> map = CreateMap(def);
  EXPECT_TRUE(map.ok()) << map.status();
  return *map;
}

// Two runs of a program with the maps 0 and on.
class InterleaveTest : public testing::Test {
 protected:
  std::function<void()> RunOf(const Code& code) {
    ProgramDef def;
    def.type = ProgramType::kXdp;
    def.gpl_compatible = true;
    def.instructions = code;
    def.map_of_fd = [this](int32_t fd) {
      return maps_[static_cast<std::size_t>(fd)];
    };
    for (uint32_t at = 0; at < code.size(); ++at) {
      def.lines.push_back({at, "src/a.c", at + 1, "  line"});
    }
    std::shared_ptr<const Program> program;
    const LoadError error = Program::Load(def, &program);
    EXPECT_FALSE(error.failed()) << error.reason;
    return [this, program] {
      World world;
      Machine machine(&world);
      const RunResult result = machine.Run(*program, {});
      returned_ = result.r0;
    };
  }

  InterleaveResult Twice(const Code& code, InterleaveOptions options = {}) {
    const std::function<void()> run = RunOf(code);
    options.reset = [this] {
      const uint32_t zero = 0;
      const uint64_t none[4] = {};
      EXPECT_EQ(maps_[0]->Update(&zero, none), Errno::kOk);
    };
    if (!options.holds) options.holds = [this] { return Count() == 2; };
    return Interleave({run, run}, options);
  }

  // The first 8 bytes of element 0 of map 0.
  uint64_t Count() const {
    const uint32_t zero = 0;
    uint64_t value[4] = {};
    EXPECT_EQ(maps_[0]->Lookup(&zero, value), Errno::kOk);
    return value[0];
  }

  std::vector<std::shared_ptr<LocalMap>> maps_ = {
      Create({.type = MapType::kArray,
              .key_size = 4,
              .value_size = 24,
              .max_entries = 1,
              .name = "counts",
              .spin_lock_offset = 16})};
  uint64_t returned_ = 0;
};

// *value += 1, with a load and a store.
const Code kAddOne = Join({LoadMapValue(R6, 0, 0),
                           {Load(kSizeDw, R1, R6, 0), Alu64(kAdd, R1, 1),
                            Store(kSizeDw, R6, 0, R1), Mov64(R0, 0), Exit()}});

TEST_F(InterleaveTest, FindsALostUpdate) {
  const InterleaveResult result = Twice(kAddOne);
  EXPECT_TRUE(result.broken);
  EXPECT_FALSE(result.complete);
  EXPECT_FALSE(result.diverged);
  EXPECT_EQ(result.preemptions, 1);
  EXPECT_EQ(result.Text(),
            "In schedule 2, with 1 preemption, the condition does not hold:\n"
            "  run 0  a.c:3  line\n"
            "                reads 0 from map counts, byte 0\n"
            "  run 1  a.c:3  reads 0 from map counts, byte 0\n"
            "  run 1  a.c:5  writes 1 to map counts, byte 0\n"
            "  run 0  a.c:5  writes 1 to map counts, byte 0\n");
}

TEST_F(InterleaveTest, AtomicAdditionLosesNone) {
  const InterleaveResult result =
      Twice(Join({LoadMapValue(R6, 0, 0),
                  {Mov64(R1, 1), Atomic(kSizeDw, kAdd, R6, 0, R1), Mov64(R0, 0),
                   Exit()}}));
  EXPECT_FALSE(result.broken) << result;
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.schedules, 2U);
}

TEST_F(InterleaveTest, LockKeepsOthersOut) {
  const Code lock = {Mov64(R1, R6), Alu64(kAdd, R1, 16)};
  const InterleaveResult result =
      Twice(Join({LoadMapValue(R6, 0, 0),
                  lock,
                  {CallHelper(93), Load(kSizeDw, R1, R6, 0), Alu64(kAdd, R1, 1),
                   Store(kSizeDw, R6, 0, R1)},
                  lock,
                  {CallHelper(94), Mov64(R0, 0), Exit()}}));
  EXPECT_FALSE(result.broken) << result;
  EXPECT_TRUE(result.complete);
  EXPECT_GT(result.schedules, 2U);
}

TEST_F(InterleaveTest, LockThatAFaultLeavesIsOpen) {
  InterleaveOptions options;
  options.holds = [] { return true; };
  const InterleaveResult result = Twice(
      Join({LoadMapValue(R6, 0, 0),
            {Mov64(R1, R6), Alu64(kAdd, R1, 16), CallHelper(93),
             Load(kSizeDw, R1, R6, 0), Load(kSizeDw, R1, R1, 0), Exit()}}),
      options);
  EXPECT_TRUE(result.broken);
  EXPECT_NE(result.reason.find("run 0 faults at a.c:7"), std::string::npos)
      << result;
}

TEST_F(InterleaveTest, EveryOrderIsTriedWithinTheBound) {
  InterleaveOptions options;
  options.max_preemptions = 0;
  InterleaveResult result = Twice(kAddOne, options);
  EXPECT_FALSE(result.broken);
  EXPECT_EQ(result.schedules, 2U);
  // Two accesses each: 4! / 2! 2!
  options.max_preemptions = 100;
  options.holds = [] { return true; };
  result = Twice(kAddOne, options);
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.schedules, 6U);
}

TEST_F(InterleaveTest, MapsComeBackBeforeEachSchedule) {
  const std::function<void()> run = RunOf(kAddOne);
  const uint32_t zero = 0;
  const uint64_t value[4] = {40};
  ASSERT_EQ(maps_[0]->Update(&zero, value), Errno::kOk);
  InterleaveOptions options;
  options.maps = {maps_[0].get()};
  options.max_preemptions = 0;
  options.holds = [this] { return Count() == 42; };
  const InterleaveResult result = Interleave({run, run}, options);
  EXPECT_FALSE(result.broken) << result;
  EXPECT_EQ(result.schedules, 2U);
}

TEST_F(InterleaveTest, ReplayIsTheSameSchedule) {
  const InterleaveResult found = Twice(kAddOne);
  InterleaveOptions options;
  options.replay = found.choices;
  const InterleaveResult again = Twice(kAddOne, options);
  EXPECT_TRUE(again.broken);
  EXPECT_EQ(again.schedules, 1U);
  EXPECT_EQ(again.choices, found.choices);
}

TEST_F(InterleaveTest, RandomSchedulesComeFromTheSeed) {
  InterleaveOptions options;
  options.seed = 7;
  options.max_schedules = 1000;
  const InterleaveResult one = Twice(kAddOne, options);
  const InterleaveResult two = Twice(kAddOne, options);
  EXPECT_TRUE(one.broken);
  EXPECT_EQ(one.Text(), two.Text());
}

TEST_F(InterleaveTest, BoundOfSchedulesIsNotComplete) {
  InterleaveOptions options;
  options.max_schedules = 3;
  options.holds = [] { return true; };
  const InterleaveResult result = Twice(kAddOne, options);
  EXPECT_EQ(result.schedules, 3U);
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(result.Text(),
            "The condition holds after each of 3 schedules that were tried.\n");
}

TEST_F(InterleaveTest, PerCpuValuesAreEachRunsOwn) {
  maps_.clear();
  const ScopedPossibleCpus cpus(2);
  maps_.push_back(Create({.type = MapType::kPerCpuArray,
                          .key_size = 4,
                          .value_size = 8,
                          .max_entries = 1}));
  const std::function<void()> run = RunOf(Join(
      {LoadMap(R1, 0),
       {StoreImm(kSizeW, R10, -4, 0), Mov64(R2, R10), Alu64(kAdd, R2, -4),
        CallHelper(1), JumpIf(kJne, R0, 0, 1), Exit(), Load(kSizeDw, R1, R0, 0),
        Store(kSizeDw, R0, 0, R1), Mov64(R0, 0), Exit()}}));
  const InterleaveOptions options = {.reset = [] {},
                                     .holds = [] { return true; }};
  EXPECT_EQ(Interleave({run, run}, options).schedules, 2U);
  const auto on_one_cpu = [&] {
    const ScopedCpu cpu(1);
    run();
  };
  EXPECT_GT(Interleave({on_one_cpu, on_one_cpu}, options).schedules, 2U);
  maps_.clear();
}

// A callback may be stopped, while another run changes the map.
TEST_F(InterleaveTest, CallbacksAreStoppedToo) {
  maps_.push_back(Create({.type = MapType::kHash,
                          .key_size = 4,
                          .value_size = 8,
                          .max_entries = 4,
                          .name = "seen"}));
  // bpf_for_each_map_elem(seen, add one to the value, null, 0)
  const std::function<void()> walk =
      RunOf(Join({LoadMap(R1, 1),
                  LoadFunction(R2, 5),
                  {Mov64(R3, 0), Mov64(R4, 0), CallHelper(164), Exit(),
                   Load(kSizeDw, R1, R3, 0), Alu64(kAdd, R1, 1),
                   Store(kSizeDw, R3, 0, R1), Mov64(R0, 0), Exit()}}));
  const uint32_t keys[] = {1, 2};
  const uint64_t ten = 10;
  const auto insert = [&] {
    for (const uint32_t key : keys) {
      SchedulePoint("inserts");
      EXPECT_EQ(maps_[1]->Update(&key, &ten), Errno::kOk);
    }
  };
  const auto reset = [&] {
    for (const uint32_t key : keys) {
      const uint64_t one = 1;
      EXPECT_EQ(maps_[1]->Update(&key, &one), Errno::kOk);
    }
  };
  InterleaveResult result = Interleave(
      {walk, insert}, {.reset = reset, .holds = [] { return true; }});
  EXPECT_TRUE(result.complete);
  EXPECT_GT(result.schedules, 10U);

  result = Interleave({walk, insert},
                      {.reset = reset, .holds = [] { return false; }});
  EXPECT_TRUE(result.broken);
  ASSERT_EQ(result.steps.size(), 7U) << result;
  EXPECT_EQ(result.steps[0].access,
            "calls bpf_for_each_map_elem() on map seen: 2");
}

// Two runs that insert what they do not find.
TEST_F(InterleaveTest, CallsSayWhatTheyReturn) {
  maps_.push_back(Create({.type = MapType::kHash,
                          .key_size = 4,
                          .value_size = 8,
                          .max_entries = 4,
                          .name = "seen"}));
  const Code key = {Mov64(R2, R10), Alu64(kAdd, R2, -4)};
  const std::function<void()> run = RunOf(
      Join({{StoreImm(kSizeW, R10, -4, 7), StoreImm(kSizeDw, R10, -16, 1)},
            LoadMap(R1, 1),
            key,
            {CallHelper(1), JumpIf(kJeq, R0, 0, 2), Mov64(R0, 0), Exit()},
            LoadMap(R1, 1),
            key,
            {Mov64(R3, R10), Alu64(kAdd, R3, -16), Mov64(R4, 1), CallHelper(2),
             Exit()}}));
  const uint32_t seven = 7;
  const InterleaveResult result = Interleave(
      {run, run},
      {.reset =
           [&] {
             const Errno error = maps_[1]->Delete(&seven);
             EXPECT_TRUE(error == Errno::kOk || error == Errno::kNoEnt);
             returned_ = 0;
           },
       .holds = [&] { return returned_ == 0; }});
  EXPECT_TRUE(result.broken);
  ASSERT_EQ(result.steps.size(), 4U) << result;
  EXPECT_EQ(result.steps[0].access,
            "calls bpf_map_lookup_elem() on map seen: 0");
  EXPECT_EQ(result.steps[3].access,
            "calls bpf_map_update_elem() on map seen: -17");
}

TEST_F(InterleaveTest, UserSpaceHasPointsOfItsOwn) {
  uint64_t count = 0;
  const auto run = [&] {
    SchedulePoint("reads the count");
    const uint64_t old = count;
    SchedulePoint("writes the count");
    count = old + 1;
  };
  const InterleaveResult result = Interleave(
      {run, run},
      {.reset = [&] { count = 0; }, .holds = [&] { return count == 2; }});
  EXPECT_TRUE(result.broken);
  ASSERT_EQ(result.steps.size(), 4U);
  EXPECT_EQ(result.steps[1].access, "reads the count");
  SchedulePoint("is nothing outside of a run");
}

TEST_F(InterleaveTest, ThreeRuns) {
  const std::function<void()> run = RunOf(kAddOne);
  InterleaveOptions options;
  options.max_preemptions = 1;
  options.reset = [this] {
    const uint32_t zero = 0;
    const uint64_t none[4] = {};
    EXPECT_EQ(maps_[0]->Update(&zero, none), Errno::kOk);
  };
  options.holds = [this] { return Count() >= 2; };
  const InterleaveResult result = Interleave({run, run, run}, options);
  // One preemption loses one update, or two if both others run there.
  EXPECT_TRUE(result.broken);
  EXPECT_EQ(Count(), 1U);
}

TEST_F(InterleaveTest, SaysWhenRunsAreNotTheSame) {
  const std::function<void()> run = RunOf(kAddOne);
  int times = 0;
  const InterleaveResult result =
      Interleave({run,
                  [&] {
                    if (++times % 2 == 0) run();
                  }},
                 {.reset = [] {}, .holds = [] { return true; }});
  EXPECT_TRUE(result.diverged);
}

}  // namespace
}  // namespace bpfmap
