// SPDX-License-Identifier: Apache-2.0

// Monitor: a lock, and the threads that sleep until what it guards has changed.
//
// On Windows it is the system's own lock and condition variable, and elsewhere
// those of the C++ library. That of mingw makes condition variables of
// semaphores (winpthreads), and tests that waited for one hung now and then
// under wine.
//
// Thread-safe. Needs an operating system.

#ifndef BPFMAP_PROFILES_PLATFORM_MONITOR_H_
#define BPFMAP_PROFILES_PLATFORM_MONITOR_H_

#include <chrono>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/platform/platform.h"

#ifndef BPFMAP_PLATFORM_WINDOWS
#include <condition_variable>
#include <mutex>
#endif

namespace bpfmap::platform {

class ABSL_LOCKABLE Monitor {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  Monitor() = default;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION();
  void Unlock() ABSL_UNLOCK_FUNCTION();

  // Wakes all threads that sleep by now.
  void WakeAll();

  // Gives the lock back and falls asleep, at once for all other threads that
  // take it. Returns with the lock, after WakeAll(), after the deadline
  // (Deadline::max(): never), or for no reason.
  void SleepUntil(Deadline deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);

 private:
#ifdef BPFMAP_PLATFORM_WINDOWS
  // SRWLOCK and CONDITION_VARIABLE, without <windows.h> and its macros. Both
  // are a pointer, and null is what their initializers give.
  void* lock_ = nullptr;
  void* changed_ = nullptr;
#else
  std::mutex mutex_;
  std::condition_variable changed_;
#endif
};

}  // namespace bpfmap::platform

#endif  // BPFMAP_PROFILES_PLATFORM_MONITOR_H_
