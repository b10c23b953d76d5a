// SPDX-License-Identifier: Apache-2.0

// The contract of cpu.h.

#include "bpfmap/profiles/cpu.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/possible_cpus.h"

namespace bpfmap {
namespace {

class CpuTest : public testing::Test {
 protected:
  ~CpuTest() override { EXPECT_TRUE(SetPossibleCpus(0)); }

  static int CurrentCpuOfANewThread() {
    int cpu = -1;
    std::thread([&] { cpu = CurrentCpu(); }).join();
    return cpu;
  }
};

TEST_F(CpuTest, ThereAreAsManyAsMachineHasUnlessTheirNumberWasSet) {
  ASSERT_TRUE(SetPossibleCpus(0));
  const int of_machine = PossibleCpus();
  if (const int listed = ListedCpus(); listed > 0) {
    EXPECT_EQ(of_machine, listed);
  } else {
    // Those that this process may use, which can be fewer; 0: not known.
    const int usable = static_cast<int>(std::thread::hardware_concurrency());
    EXPECT_GE(of_machine, std::max(usable, 1));
  }

  EXPECT_TRUE(SetPossibleCpus(of_machine + 5));
  EXPECT_EQ(PossibleCpus(), of_machine + 5);
  EXPECT_TRUE(SetPossibleCpus(0));
  EXPECT_EQ(PossibleCpus(), of_machine);
}

TEST_F(CpuTest, TheirNumberCanBeSetFrom1ToLargest) {
  EXPECT_TRUE(SetPossibleCpus(1));
  EXPECT_EQ(PossibleCpus(), 1);
  EXPECT_TRUE(SetPossibleCpus(kMaxCpus));
  EXPECT_EQ(PossibleCpus(), kMaxCpus);
}

TEST_F(CpuTest, NumberOutOfRangeIsRefusedAndChangesNothing) {
  EXPECT_TRUE(SetPossibleCpus(3));
  EXPECT_FALSE(SetPossibleCpus(-1));
  EXPECT_FALSE(SetPossibleCpus(kMaxCpus + 1));
  EXPECT_EQ(PossibleCpus(), 3);
}

TEST_F(CpuTest, ScopedPossibleCpusNestAndGiveNumberBack) {
  EXPECT_TRUE(SetPossibleCpus(3));
  {
    const ScopedPossibleCpus outer(8);
    EXPECT_EQ(PossibleCpus(), 8);
    {
      const ScopedPossibleCpus inner(1);
      EXPECT_EQ(PossibleCpus(), 1);
      EXPECT_EQ(CurrentCpu(), 0);
    }
    EXPECT_EQ(PossibleCpus(), 8);
  }
  EXPECT_EQ(PossibleCpus(), 3);
}

TEST_F(CpuTest, ListNamesCpusOneByOneAndInRanges) {
  EXPECT_EQ(CpusInList("0"), 1);
  EXPECT_EQ(CpusInList("0-1\n"), 2);
  EXPECT_EQ(CpusInList("0,2-3"), 3);
  EXPECT_EQ(CpusInList("0-3,8-11,16\n"), 9);
  EXPECT_EQ(CpusInList("0-8191"), kMaxCpus);
}

TEST_F(CpuTest, OtherTextNamesNoCpu) {
  for (const char* text :
       {"", "\n", "-", "x", " 0", "-1", "0-", "0-x", "3-2", "0,", "0,,1",
        "0-1x", "0-8192", "0-8191,0", "99999999999999999999", "0--1", "+1"}) {
    EXPECT_EQ(CpusInList(text), 0) << text;
  }
}

TEST_F(CpuTest, ThreadKeepsItsCpu) {
  EXPECT_TRUE(SetPossibleCpus(4));
  const int cpu = CurrentCpu();
  EXPECT_GE(cpu, 0);
  EXPECT_LT(cpu, 4);
  // Others come and go.
  for (int i = 0; i < 10; ++i) {
    (void)CurrentCpuOfANewThread();
    EXPECT_EQ(CurrentCpu(), cpu);
  }
}

TEST_F(CpuTest, ThreadsInRowHaveAllCpusInTurn) {
  constexpr int kCpus = 4;
  EXPECT_TRUE(SetPossibleCpus(kCpus));
  std::set<int> seen;
  for (int i = 0; i < kCpus; ++i) seen.insert(CurrentCpuOfANewThread());
  EXPECT_EQ(seen, (std::set<int>{0, 1, 2, 3}));
}

TEST_F(CpuTest, ThreadsInParallelHaveDifferentCpusIfThereAreEnough) {
  constexpr int kCpus = 4;
  EXPECT_TRUE(SetPossibleCpus(kCpus));
  std::vector<int> cpus(kCpus, -1);
  std::vector<std::thread> threads;
  threads.reserve(kCpus);
  for (int& cpu : cpus) threads.emplace_back([&] { cpu = CurrentCpu(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<int>(cpus.begin(), cpus.end()),
            (std::set<int>{0, 1, 2, 3}));
}

TEST_F(CpuTest, MoreThreadsThanCpusShareThem) {
  EXPECT_TRUE(SetPossibleCpus(2));
  for (int i = 0; i < 10; ++i) {
    const int cpu = CurrentCpuOfANewThread();
    EXPECT_GE(cpu, 0);
    EXPECT_LT(cpu, 2);
  }
}

TEST_F(CpuTest, ScopedCpuHoldsForItsScopeAndNests) {
  EXPECT_TRUE(SetPossibleCpus(8));
  const int outside = CurrentCpu();
  {
    ScopedCpu outer(7);
    EXPECT_EQ(CurrentCpu(), 7);
    {
      ScopedCpu inner(0);
      EXPECT_EQ(CurrentCpu(), 0);
      ScopedCpu innermost(7);
      EXPECT_EQ(CurrentCpu(), 7);
    }
    EXPECT_EQ(CurrentCpu(), 7);
  }
  EXPECT_EQ(CurrentCpu(), outside);
}

TEST_F(CpuTest, ScopedCpuIsItsThreadsOwn) {
  EXPECT_TRUE(SetPossibleCpus(8));
  const int outside = CurrentCpu();
  const int inside = (outside + 1) % 8;
  std::atomic<bool> is_inside{false};
  std::atomic<bool> was_seen{false};
  std::thread other([&] {
    ScopedCpu scope(inside);
    is_inside.store(true);
    while (!was_seen.load()) std::this_thread::yield();
    EXPECT_EQ(CurrentCpu(), inside);
  });
  while (!is_inside.load()) std::this_thread::yield();
  EXPECT_EQ(CurrentCpu(), outside);
  was_seen.store(true);
  other.join();
  EXPECT_EQ(CurrentCpu(), outside);
}

}  // namespace
}  // namespace bpfmap
