// SPDX-License-Identifier: Apache-2.0

// CallsAtWork: the calls that threads of the supervisor are at work on.
//
// On Linux a process that was killed ends after its system call has, and a call
// that has returned keeps nothing. Here the caller goes first: for a moment,
// the thread that answered it still has its map. So a command that looks for
// what is left waits for such threads.
//
// Thread-safe.

#ifndef BPFMAP_RUN_CALLS_AT_WORK_H_
#define BPFMAP_RUN_CALLS_AT_WORK_H_

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <unordered_set>

#include "bpfmap/run/notification.h"

namespace bpfmap {

class CallsAtWork {
 public:
  // One call, while it lives. Arguments must outlive it.
  class Entry {
   public:
    Entry(CallsAtWork* calls, const Listener& listener,
          const Notification& call)
        : calls_(*calls), listener_(listener), call_(call) {
      const std::lock_guard<std::mutex> lock(calls_.mutex_);
      calls_.entries_.insert(this);
    }
    ~Entry() {
      const std::lock_guard<std::mutex> lock(calls_.mutex_);
      calls_.entries_.erase(this);
      if (calls_.waiting_ != 0) calls_.changed_.notify_all();
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    bool is_over() const { return !listener_.IsValid(call_); }

   private:
    CallsAtWork& calls_;
    const Listener& listener_;
    const Notification& call_;
  };

  // Waits until there are no calls whose callers have the answer, or were
  // killed. A second at most: there may be new ones all the time.
  void WaitForThoseOver() {
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::seconds(1);
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiting_;
    while (SomeIsOver() &&
           changed_.wait_until(lock, deadline) == std::cv_status::no_timeout) {
    }
    --waiting_;
  }

 private:
  // REQUIRES: mutex_ is held.
  bool SomeIsOver() const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [](const Entry* entry) { return entry->is_over(); });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::unordered_set<const Entry*> entries_;
  int waiting_ = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_RUN_CALLS_AT_WORK_H_
