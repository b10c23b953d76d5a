// A unit test of BPF logic: the programs run here as they would in a kernel.

#include "examples/process_counter_program.h"

#include <barrier>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "gtest/gtest.h"

namespace bpfmap::examples {
namespace {

constexpr uint32_t kMaxProcesses = 4;

class ProcessCounterProgramTest : public testing::Test {
 protected:
  ProcessCounterProgramTest() { Create(kMaxProcesses); }

  void Create(uint32_t max_processes) {
    counts_ = CreateMap(CountsDef(max_processes)).value();
    dropped_ = CreateMap(DroppedDef()).value();
  }

  ProcessCounterMaps maps() { return {*counts_, *dropped_}; }

  // What user space reads: "cc1 3", or the errno's name.
  std::string Read(uint32_t pid) {
    OpenatCount count;
    const Errno error = counts_->Lookup(&pid, &count);
    if (error != Errno::kOk) return ErrnoName(error);
    return std::string(count.comm) + " " + std::to_string(count.calls);
  }

  uint64_t Dropped() {
    const uint32_t index = 0;
    uint64_t dropped = 0;
    EXPECT_EQ(dropped_->Lookup(&index, &dropped), Errno::kOk);
    return dropped;
  }

 private:
  std::shared_ptr<LocalMap> counts_;
  std::shared_ptr<LocalMap> dropped_;
};

TEST_F(ProcessCounterProgramTest, EveryCallIsCountedForItsProcess) {
  OnOpenat(maps(), 10, "cc1");
  OnOpenat(maps(), 11, "as");
  OnOpenat(maps(), 10, "cc1");
  EXPECT_EQ(Read(10), "cc1 2");
  EXPECT_EQ(Read(11), "as 1");
  EXPECT_EQ(Read(12), "ENOENT");
  EXPECT_EQ(Dropped(), 0u);
}

TEST_F(ProcessCounterProgramTest, AFullMapCountsWhatItHasAndDropsTheRest) {
  for (uint32_t pid = 1; pid <= kMaxProcesses; ++pid) {
    OnOpenat(maps(), pid, "cc1");
  }
  OnOpenat(maps(), 100, "ld");
  OnOpenat(maps(), 1, "cc1");
  OnOpenat(maps(), 100, "ld");
  OnOpenat(maps(), 101, "ar");
  EXPECT_EQ(Read(1), "cc1 2");
  EXPECT_EQ(Read(100), "ENOENT");
  EXPECT_EQ(Dropped(), 3u);
}

TEST_F(ProcessCounterProgramTest, ANameIsCutToFifteenBytes) {
  OnOpenat(maps(), 10, "0123456789abcdefgh");
  EXPECT_EQ(Read(10), "0123456789abcde 1");
}

TEST_F(ProcessCounterProgramTest, ARenamedProcessKeepsItsCount) {
  OnOpenat(maps(), 10, "long_name");
  OnTaskRename(maps(), 10, "cc");
  OnOpenat(maps(), 10, "cc");
  EXPECT_EQ(Read(10), "cc 2");
}

TEST_F(ProcessCounterProgramTest, ARenameAloneCountsNothing) {
  OnTaskRename(maps(), 10, "cc");
  EXPECT_EQ(Read(10), "ENOENT");
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
  const std::string expected = "sh " + std::to_string(kCpus * kCallsEach);
  for (uint32_t pid = 1; pid <= kProcesses; ++pid) {
    EXPECT_EQ(Read(pid), expected);
  }
  EXPECT_EQ(Dropped(), 0u);
}

}  // namespace
}  // namespace bpfmap::examples
