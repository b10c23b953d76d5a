// SPDX-License-Identifier: Apache-2.0
//
// perf_event_open(2), and ioctl(2) of its descriptors, as the kernel answers
// them: a result, or -errno. mmap(2), epoll(7) and poll(2) of them are those of
// bpf_syscall.h. See perf_event.h.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_PERF_EVENT_CALLS_H_
#define BPFMAP_SYSCALL_PERF_EVENT_CALLS_H_

#include <sys/types.h>

#include <cstdint>

namespace bpfmap {

// `attr` is an address of the caller's (caller.h).
long PerfEventOpen(uint64_t attr, pid_t pid, int cpu, int group,
                   unsigned long flags);

// Whether a request of ioctl(2) may be for a perf event.
constexpr bool IsPerfRequest(unsigned long request) {
  return (request >> 8 & 0xff) == '$';
}

// False: `fd` is no perf event. *result is that of the call.
bool PerfEventIoctl(int fd, unsigned long request, unsigned long argument,
                    long* result);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_PERF_EVENT_CALLS_H_
