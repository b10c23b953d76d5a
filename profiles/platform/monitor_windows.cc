// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/profiles/platform/platform.h"

#ifdef BPFMAP_PLATFORM_WINDOWS

#include <windows.h>

#include <chrono>
#include <cstdint>

#include "bpfmap/profiles/platform/monitor.h"

namespace bpfmap::platform {
namespace {

static_assert(sizeof(SRWLOCK) == sizeof(void*));
static_assert(sizeof(CONDITION_VARIABLE) == sizeof(void*));

SRWLOCK* LockOf(void** lock) { return reinterpret_cast<SRWLOCK*>(lock); }
CONDITION_VARIABLE* ConditionOf(void** condition) {
  return reinterpret_cast<CONDITION_VARIABLE*>(condition);
}

// From now to `deadline`, rounded up. Later ones come in pieces, as a sleeping
// thread may be woken for no reason.
DWORD MillisecondsTo(Monitor::Deadline deadline) {
  if (deadline == Monitor::Deadline::max()) return INFINITE;
  constexpr int64_t kMost = 1 << 30;
  const auto now = std::chrono::steady_clock::now();
  if (deadline <= now) return 0;
  const int64_t left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
  return static_cast<DWORD>(left < kMost ? left : kMost);
}

}  // namespace

void Monitor::Lock() { AcquireSRWLockExclusive(LockOf(&lock_)); }

void Monitor::Unlock() { ReleaseSRWLockExclusive(LockOf(&lock_)); }

void Monitor::WakeAll() { WakeAllConditionVariable(ConditionOf(&changed_)); }

void Monitor::SleepUntil(Deadline deadline) {
  SleepConditionVariableSRW(ConditionOf(&changed_), LockOf(&lock_),
                            MillisecondsTo(deadline), 0);
}

}  // namespace bpfmap::platform

#endif  // BPFMAP_PLATFORM_WINDOWS
