// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/profiles/event.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace bpfmap {

void Event::Set() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    // Release pairs with the acquires in WaitUntil() and Clear().
    set_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
}

void Event::Clear() { set_.exchange(false, std::memory_order_acquire); }

Event::Deadline Event::In(int timeout_ms) {
  if (timeout_ms < 0) return Deadline::max();
  return std::chrono::steady_clock::now() +
         std::chrono::milliseconds(timeout_ms);
}

bool Event::WaitUntil(Deadline deadline) {
  constexpr int kSpins = 1000;  // about a microsecond
  const auto set = [this] { return set_.load(std::memory_order_acquire); };
  for (int look = 0; look < kSpins; ++look) {
    if (set()) return true;
  }
  std::unique_lock<std::mutex> lock(mutex_);
  if (deadline == Deadline::max()) {
    // Some C++ libraries wait by the system's clock, in which this deadline
    // overflows.
    changed_.wait(lock, set);
    return true;
  }
  return changed_.wait_until(lock, deadline, set);
}

}  // namespace bpfmap
