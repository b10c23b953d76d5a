// Numbers of threads: those that live at the same time have different ones.

#include "bpfmap/profiles/thread_number.h"

#include <latch>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace bpfmap {
namespace {

TEST(ThreadNumberTest, ThreadsThatLiveAtSameTimeShareNone) {
  constexpr int kThreads = kThreadNumbers + 16;
  std::latch all_asked(kThreads);
  std::vector<int> numbers(kThreads);
  std::vector<std::thread> threads;
  for (int& number : numbers) {
    threads.emplace_back([&] {
      number = ThreadNumber();
      all_asked.arrive_and_wait();
      EXPECT_EQ(ThreadNumber(), number);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<int> given;
  int without = 0;
  for (const int number : numbers) {
    EXPECT_LT(number, kThreadNumbers);
    if (number == kNoThreadNumber) {
      ++without;
    } else {
      EXPECT_TRUE(given.insert(number).second) << number;
    }
  }
  EXPECT_EQ(without, kThreads - kThreadNumbers);
}

TEST(ThreadNumberTest, ThreadThatEndsHandsItsNumberOn) {
  for (int i = 0; i < 3 * kThreadNumbers; ++i) {
    std::thread([] { EXPECT_NE(ThreadNumber(), kNoThreadNumber); }).join();
  }
}

// Asks for a number when the thread has handed its own on.
struct AsksLate {
  ~AsksLate() { *number = ThreadNumber(); }
  int* number;
};

TEST(ThreadNumberTest, ThreadThatHandedItsNumberOnHasNone) {
  int late = 0;
  std::thread([&] {
    thread_local AsksLate asks_late;  // destroyed last
    asks_late.number = &late;
    EXPECT_NE(ThreadNumber(), kNoThreadNumber);
  }).join();
  EXPECT_EQ(late, kNoThreadNumber);
}

}  // namespace
}  // namespace bpfmap
