// SPDX-License-Identifier: Apache-2.0

// TeamThreads: threads that are all waited for. Wherever it can be, by joining
// them.
//
// Under wine, WaitForSingleObject() on a thread, and so join(), sometimes never
// returns although the thread is gone. There a thread says itself that it has
// come to its end, as the last thing that it does.

#ifndef BPFMAP_TESTS_SUPPORT_TEAM_THREADS_H_
#define BPFMAP_TESTS_SUPPORT_TEAM_THREADS_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "bpfmap/profiles/event.h"

namespace bpfmap {

#ifndef _WIN32

class TeamThreads {
 public:
  template <typename Task>
  void Start(Task task) {
    threads_.emplace_back(std::move(task));
  }

  // Waits until all tasks are done. REQUIRES: called once, after all Start().
  void WaitForAll() {
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::vector<std::thread> threads_;
};

#else

class TeamThreads {
 public:
  template <typename Task>
  void Start(Task task) {
    running_->count.fetch_add(1, std::memory_order_relaxed);
    std::thread([task = std::move(task), running = running_] {
      task();
      running->OneLess();
    }).detach();
  }

  void WaitForAll() {
    running_->OneLess();
    running_->none.WaitUntil(Event::In(-1));
  }

 private:
  // The threads own it, too: the last one still touches it as it sets `none`.
  struct Running {
    std::atomic<std::size_t> count{1};  // WaitForAll() is one of them
    Event none;

    // Release and acquire: all that tasks did comes before Set().
    void OneLess() {
      if (count.fetch_sub(1, std::memory_order_acq_rel) == 1) none.Set();
    }
  };
  std::shared_ptr<Running> running_ = std::make_shared<Running>();
};

#endif

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_TEAM_THREADS_H_
