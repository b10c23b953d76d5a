// SPDX-License-Identifier: Apache-2.0

// Event: how a thread sleeps until another one has something for it.
//
// It is set or not, and stays as it is until a thread changes it; its meaning
// is the user's. A waiting thread spins for a moment before it sleeps: waking a
// sleeper costs more than most waits last.
//
// Thread-safe. Needs an operating system.

#ifndef BPFMAP_PROFILES_EVENT_H_
#define BPFMAP_PROFILES_EVENT_H_

#include <atomic>
#include <chrono>

#include "bpfmap/profiles/platform/monitor.h"

namespace bpfmap {

class Event {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // `timeout_ms` milliseconds from now; below 0, never.
  static Deadline In(int timeout_ms);

  // Whether it is set. No more than a hint: it orders nothing.
  bool is_set() const { return set_.load(std::memory_order_relaxed); }

  // Wakes all waiting threads. A thread that finds it set sees what was done
  // before.
  void Set();

  // Afterwards the caller sees what was done before the Set() that this takes
  // back.
  void Clear();

  // Waits until it is set, or until the deadline. Returns whether it is set.
  bool WaitUntil(Deadline deadline);

 private:
  std::atomic<bool> set_{false};
  platform::Monitor monitor_;  // held while set_ becomes true
};

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_EVENT_H_
