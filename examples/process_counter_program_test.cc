// SPDX-License-Identifier: Apache-2.0

// A unit test of BPF logic: the programs run here as they would in a kernel.

#include "examples/process_counter_program.h"

#include <barrier>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/testing.h"
#include "bpfmap/maps/typed_map.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap::examples {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StrEq;

constexpr uint32_t kMaxProcesses = 4;

auto IsCount(const char* comm, uint64_t calls) {
  return AllOf(Field("comm", &OpenatCount::comm, StrEq(comm)),
               Field("calls", &OpenatCount::calls, calls));
}

class ProcessCounterProgramTest : public testing::Test {
 protected:
  ProcessCounterProgramTest() { Create(kMaxProcesses); }

  void Create(uint32_t max_processes) {
    counts_ = CreateMap(CountsDef(max_processes)).value();
    dropped_ = CreateMap(DroppedDef()).value();
  }

  // The view of the programs.
  ProcessCounterMaps maps() {
    return {.counts = CountsMap::Create(counts_.get()).value(),
            .dropped = DroppedMap::Create(dropped_.get()).value()};
  }

  // The view of user space.
  TypedMap<uint32_t, OpenatCount> counts() {
    return TypedMap<uint32_t, OpenatCount>::Create(counts_.get()).value();
  }
  uint64_t dropped() {
    return TypedMap<uint32_t, uint64_t>::Create(dropped_.get())->Get(0).value();
  }

 private:
  std::shared_ptr<LocalMap> counts_;
  std::shared_ptr<LocalMap> dropped_;
};

TEST_F(ProcessCounterProgramTest, EveryCallIsCountedForItsProcess) {
  OnOpenat(maps(), 10, "cc1");
  OnOpenat(maps(), 11, "as");
  OnOpenat(maps(), 10, "cc1");
  EXPECT_THAT(counts(), Entries(ElementsAre(Pair(10, IsCount("cc1", 2)),
                                            Pair(11, IsCount("as", 1)))));
  EXPECT_EQ(dropped(), 0u);
}

TEST_F(ProcessCounterProgramTest, AFullMapCountsWhatItHasAndDropsTheRest) {
  for (uint32_t pid = 1; pid <= kMaxProcesses; ++pid) {
    OnOpenat(maps(), pid, "cc1");
  }
  OnOpenat(maps(), 100, "ld");
  OnOpenat(maps(), 1, "cc1");
  OnOpenat(maps(), 100, "ld");
  OnOpenat(maps(), 101, "ar");
  EXPECT_THAT(counts(), HasEntry(1, IsCount("cc1", 2)));
  EXPECT_THAT(counts().Get(100), IsErrno(Errno::kNoEnt));
  EXPECT_EQ(dropped(), 3u);
}

TEST_F(ProcessCounterProgramTest, ANameIsCutToFifteenBytes) {
  OnOpenat(maps(), 10, "0123456789abcdefgh");
  EXPECT_THAT(counts(), HasEntry(10, IsCount("0123456789abcde", 1)));
}

TEST_F(ProcessCounterProgramTest, ARenamedProcessKeepsItsCount) {
  OnOpenat(maps(), 10, "long_name");
  OnTaskRename(maps(), 10, "cc");
  OnOpenat(maps(), 10, "cc");
  EXPECT_THAT(counts(), HasEntry(10, IsCount("cc", 2)));
}

TEST_F(ProcessCounterProgramTest, ARenameAloneCountsNothing) {
  OnTaskRename(maps(), 10, "cc");
  EXPECT_THAT(counts(), Entries(IsEmpty()));
}

// Inserts race for the same keys: one wins, the others find its element.
TEST_F(ProcessCounterProgramTest, ManyCpusLoseNoCall) {
  constexpr uint32_t kProcesses = 500;
  constexpr uint64_t kCallsEach = 500;
  constexpr int kCpus = 4;
  Create(kProcesses);
  std::barrier together(kCpus);
  std::vector<std::thread> cpus;
  cpus.reserve(kCpus);
  for (int cpu = 0; cpu < kCpus; ++cpu) {
    cpus.emplace_back([this, &together] {
      for (uint32_t pid = 1; pid <= kProcesses; ++pid) {
        together.arrive_and_wait();
        for (uint64_t i = 0; i < kCallsEach; ++i) OnOpenat(maps(), pid, "sh");
      }
    });
  }
  for (std::thread& cpu : cpus) cpu.join();
  EXPECT_THAT(counts(), Entries(SizeIs(kProcesses)));
  EXPECT_THAT(counts(),
              Entries(Each(Pair(_, IsCount("sh", kCpus * kCallsEach)))));
  EXPECT_EQ(dropped(), 0u);
}

}  // namespace
}  // namespace bpfmap::examples
