// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/profiles/event.h"

#include <atomic>
#include <chrono>
#include <cstdint>

#include "gtest/gtest.h"
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

constexpr int kForEver = -1;

TEST(EventTest, StaysAsItIsUntilChanged) {
  Event event;
  EXPECT_FALSE(event.is_set());
  event.Set();
  EXPECT_TRUE(event.is_set());
  EXPECT_TRUE(event.WaitUntil(Event::In(kForEver)));
  EXPECT_TRUE(event.WaitUntil(Event::In(0)));
  EXPECT_TRUE(event.is_set());
  event.Clear();
  EXPECT_FALSE(event.is_set());
  EXPECT_FALSE(event.WaitUntil(Event::In(0)));
}

TEST(EventTest, WaitsNoShorterThanAsked) {
  Event event;
  for (const int timeout_ms : {1, 2, 5}) {
    const auto deadline = Event::In(timeout_ms);
    EXPECT_FALSE(event.WaitUntil(deadline));
    EXPECT_GE(std::chrono::steady_clock::now(), deadline);
  }
}

TEST(EventTest, NoTimeoutIsForEver) {
  EXPECT_EQ(Event::In(kForEver), Event::Deadline::max());
}

// Two threads hand a turn over. A wake-up that is lost ends it for ever.
TEST(EventTest, EachSetWakesSleeper) {
  constexpr uint64_t kTurns = 20000;
  Event events[2];
  uint64_t turns = 0;  // whose turn it is says the events
  ThreadTeam team;
  for (int self = 0; self < 2; ++self) {
    team.AddWorker([&events, &turns, self]() -> testing::AssertionResult {
      for (uint64_t i = 0; i < kTurns; ++i) {
        // Now and then with a deadline, which is another call of the system's.
        const int timeout_ms = i % 2 == 0 ? kForEver : 1 << 20;
        if (!events[self].WaitUntil(Event::In(timeout_ms))) {
          return testing::AssertionFailure() << "gave up in turn " << i;
        }
        events[self].Clear();
        ++turns;
        events[1 - self].Set();
      }
      return testing::AssertionSuccess();
    });
  }
  events[0].Set();
  team.Run();
  EXPECT_EQ(turns, 2 * kTurns);
}

TEST(EventTest, SetWakesAllSleepers) {
  constexpr int kSleepers = 4;
  constexpr int kRounds = 500;
  Event go[2];
  Event done;
  std::atomic<int> awake{0};
  ThreadTeam team;
  for (int i = 0; i < kSleepers; ++i) {
    team.AddWorker([&] {
      for (int round = 0; round < kRounds; ++round) {
        go[round % 2].WaitUntil(Event::In(kForEver));
        if (awake.fetch_add(1) + 1 == kSleepers) done.Set();
      }
      return testing::AssertionSuccess();
    });
  }
  team.AddWorker([&] {
    for (int round = 0; round < kRounds; ++round) {
      go[round % 2].Set();
      done.WaitUntil(Event::In(kForEver));
      // All have seen it, and wait for the other one, which is not set yet.
      done.Clear();
      awake.store(0);
      go[round % 2].Clear();
    }
    return testing::AssertionSuccess();
  });
  team.Run();
  EXPECT_FALSE(done.is_set());
}

}  // namespace
}  // namespace bpfmap
