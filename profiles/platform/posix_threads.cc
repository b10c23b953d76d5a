// SPDX-License-Identifier: Apache-2.0

// The threads of platform.h on Linux and any other POSIX.

#include "bpfmap/profiles/platform/platform.h"

#if defined(BPFMAP_PLATFORM_LINUX) || defined(BPFMAP_PLATFORM_POSIX)

#include <sched.h>

namespace bpfmap::platform {

constinit thread_local int internal::thread_word = 0;

void YieldThread() { sched_yield(); }

void CallAtThreadExit(void (*call)()) {
  struct AtExit {
    void (*call)();
    ~AtExit() { call(); }
  };
  static thread_local const AtExit at_exit{call};
  static_cast<void>(at_exit);
}

}  // namespace bpfmap::platform

#endif  // BPFMAP_PLATFORM_LINUX || BPFMAP_PLATFORM_POSIX
