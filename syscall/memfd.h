// SPDX-License-Identifier: Apache-2.0

// CreateMemfd: a file without a name, in memory.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_MEMFD_H_
#define BPFMAP_SYSCALL_MEMFD_H_

#include <sys/mman.h>

#include <atomic>
#include <cerrno>

namespace bpfmap {

// A descriptor, close-on-exec, to which seals may be added; or -1. Where Linux
// knows that (6.3), it can never be executed: some systems demand it
// (vm.memfd_noexec), others write to the log without it.
inline int CreateMemfd(const char* name) {
  constexpr unsigned kNoExecSeal = 8;
  // A hint, which saves asking again: relaxed.
  static constinit std::atomic<unsigned> no_exec{kNoExecSeal};
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const unsigned asked = no_exec.load(std::memory_order_relaxed);
  const int fd = memfd_create(name, kFlags | asked);
  if (fd >= 0 || errno != EINVAL || asked == 0) return fd;
  no_exec.store(0, std::memory_order_relaxed);
  return memfd_create(name, kFlags);
}

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_MEMFD_H_
