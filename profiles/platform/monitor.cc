// SPDX-License-Identifier: Apache-2.0

// The monitor of each platform but Windows and none.

#include "bpfmap/profiles/platform/platform.h"

#if defined(BPFMAP_PLATFORM_LINUX) || defined(BPFMAP_PLATFORM_POSIX)

#include <mutex>

#include "bpfmap/profiles/platform/monitor.h"

namespace bpfmap::platform {

void Monitor::Lock() { mutex_.lock(); }

void Monitor::Unlock() { mutex_.unlock(); }

void Monitor::WakeAll() { changed_.notify_all(); }

void Monitor::SleepUntil(Deadline deadline) {
  std::unique_lock<std::mutex> lock(mutex_, std::adopt_lock);
  // Some C++ libraries wait by the system's clock, in which the last deadline
  // overflows.
  if (deadline == Deadline::max()) {
    changed_.wait(lock);
  } else {
    changed_.wait_until(lock, deadline);
  }
  lock.release();  // the caller has it
}

}  // namespace bpfmap::platform

#endif  // BPFMAP_PLATFORM_LINUX || BPFMAP_PLATFORM_POSIX
