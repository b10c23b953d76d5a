// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/profiles/event.h"

#include <atomic>
#include <chrono>

namespace bpfmap {

void Event::Set() {
  monitor_.Lock();
  // Release pairs with the acquires in WaitUntil() and Clear().
  set_.store(true, std::memory_order_release);
  monitor_.Unlock();
  monitor_.WakeAll();
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
  // Set() takes the lock: it comes before the look, or after the thread sleeps.
  monitor_.Lock();
  bool is_set = set();
  while (!is_set && (deadline == Deadline::max() ||
                     std::chrono::steady_clock::now() < deadline)) {
    monitor_.SleepUntil(deadline);
    is_set = set();
  }
  monitor_.Unlock();
  return is_set;
}

}  // namespace bpfmap
