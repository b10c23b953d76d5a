// SPDX-License-Identifier: Apache-2.0

// Numbers of threads: those that live at the same time have different ones.

#include "bpfmap/profiles/thread_number.h"

#include <future>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/yielding_latch.h"

namespace bpfmap {
namespace {

int NumberOfANewThread() {
  int number = kNoThreadNumber;
  std::thread([&] { number = ThreadNumber(); }).join();
  return number;
}

TEST(ThreadNumberTest, ThreadsThatLiveAtSameTimeShareNone) {
  constexpr int kThreads = kThreadNumbers + 16;
  YieldingLatch all_asked(kThreads);
  std::vector<int> numbers(kThreads);
  std::vector<std::thread> threads;
  for (int& number : numbers) {
    threads.emplace_back([&] {
      number = ThreadNumber();
      all_asked.ArriveAndWait();
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
  const int first = NumberOfANewThread();
  EXPECT_NE(first, kNoThreadNumber);
  for (int i = 0; i < 3 * kThreadNumbers; ++i) {
    ASSERT_EQ(NumberOfANewThread(), first) << i;
  }
}

TEST(ThreadNumberTest, NumberThatWasHandedOnIsNotFreeTwice) {
  for (int i = 0; i < kThreadNumbers; ++i) {
    std::ignore = NumberOfANewThread();
  }
  std::promise<int> asked;
  std::promise<void> may_end;
  std::thread lives([&] {
    asked.set_value(ThreadNumber());
    may_end.get_future().wait();
  });
  const int first = asked.get_future().get();
  // The next one's number is free again as soon as that has ended.
  const int second = NumberOfANewThread();
  EXPECT_NE(first, kNoThreadNumber);
  EXPECT_NE(second, kNoThreadNumber);
  EXPECT_NE(second, first);
  EXPECT_EQ(NumberOfANewThread(), second);
  may_end.set_value();
  lives.join();
}

// mingw frees a thread_local object before it calls the object's destructor.
#ifndef __MINGW32__

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

#endif  // __MINGW32__

}  // namespace
}  // namespace bpfmap
