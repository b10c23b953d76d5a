// SPDX-License-Identifier: Apache-2.0

// ThreadTeam: the threads of one test, started together.
//
//   ThreadTeam team;
//   team.AddWorker([&] { ...; return testing::AssertionSuccess(); });
//   team.AddWatcher([&] { ...; return testing::AssertionSuccess(); });
//   team.Run();
//
// Threads say what went wrong by what they return: GoogleTest's own assertions
// take a lock once they fail, and a thread would go on after them.
//
// While it runs, the team orders its threads by nothing, so ThreadSanitizer
// sees what the code under test orders and no more.

#ifndef BPFMAP_TESTS_SUPPORT_THREAD_TEAM_H_
#define BPFMAP_TESTS_SUPPORT_THREAD_TEAM_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/yielding_latch.h"

namespace bpfmap {

class ThreadTeam {
 public:
  using Task = std::function<testing::AssertionResult()>;

  // A thread that runs `work` once. Its work is bounded.
  void AddWorker(Task work) { workers_.push_back(std::move(work)); }

  // A thread that runs `look` again and again while there is a worker at work,
  // and once more when there is none; but not after a failure of its own.
  void AddWatcher(Task look) { watchers_.push_back(std::move(look)); }

  // Runs all threads to their end. Each failure is one of the test.
  void Run() {
    YieldingLatch start(
        static_cast<std::ptrdiff_t>(workers_.size() + watchers_.size()));
    working_.store(workers_.size(), std::memory_order_relaxed);
    std::vector<std::thread> threads;
    std::vector<testing::AssertionResult> results(
        workers_.size() + watchers_.size(), testing::AssertionSuccess());
    for (const Task& work : workers_) {
      testing::AssertionResult& result = results[threads.size()];
      threads.emplace_back([this, &start, &work, &result] {
        start.ArriveAndWait();
        result = work();
        if (!result) failed_.store(true, std::memory_order_relaxed);
        // Release pairs with the acquire in Watch.
        working_.fetch_sub(1, std::memory_order_release);
      });
    }
    for (const Task& look : watchers_) {
      testing::AssertionResult& result = results[threads.size()];
      threads.emplace_back([this, &start, &look, &result] {
        start.ArriveAndWait();
        result = Watch(look);
        if (!result) failed_.store(true, std::memory_order_relaxed);
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const testing::AssertionResult& result : results) {
      EXPECT_TRUE(result);
    }
  }

  // Whether a thread has failed: one that waits for it would wait for ever.
  bool failed() const { return failed_.load(std::memory_order_relaxed); }

 private:
  testing::AssertionResult Watch(const Task& look) const {
    while (working_.load(std::memory_order_relaxed) != 0) {
      testing::AssertionResult result = look();
      if (!result) return result;
    }
    std::ignore = working_.load(std::memory_order_acquire);
    return look();
  }

  std::vector<Task> workers_;
  std::vector<Task> watchers_;
  std::atomic<std::size_t> working_{0};
  std::atomic<bool> failed_{false};
};

// Counts what one thread does: up to `most` steps, or as many as fit into half
// a second. So a test has much to do without a sanitizer, and ends with one.
//
//   for (Steps steps(100'000); steps.Next();) { ... }
class Steps {
 public:
  explicit Steps(uint64_t most) : most_(most) {}

  // Begins the next step, if there is one.
  bool Next() {
    if (begun_ == most_ || (begun_ % 64 == 0 && Clock::now() >= end_)) {
      return false;
    }
    ++begun_;
    return true;
  }

  // How many have begun.
  uint64_t begun() const { return begun_; }

 private:
  using Clock = std::chrono::steady_clock;

  const uint64_t most_;
  const Clock::time_point end_ = Clock::now() + std::chrono::milliseconds(500);
  uint64_t begun_ = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_THREAD_TEAM_H_
