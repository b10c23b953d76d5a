// SPDX-License-Identifier: Apache-2.0
//
// SystemTimers: the timers of programs that bpf(2) runs.
//
// Their clock is that of the operating system, and nothing wakes for them: what
// is due fires as the next call of bpf(2) begins.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_SYSTEM_TIMERS_H_
#define BPFMAP_SYSCALL_SYSTEM_TIMERS_H_

#include "bpfmap/programs/timers.h"

namespace bpfmap {

// The process has one.
inline Timers& SystemTimers() {
  static auto& timers = *new Timers;
  return timers;
}

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_SYSTEM_TIMERS_H_
