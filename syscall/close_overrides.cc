// SPDX-License-Identifier: Apache-2.0

// The calls of the C library that close descriptors, for a whole process: those
// that this library keeps for itself (high_fd.h) stay open. A daemon that
// closes all from 3 on finds its pinned maps again.

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "bpfmap/syscall/high_fd.h"
#include "bpfmap/syscall/next_function.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

constinit NextFunction<int(int)> next_close("close");

__attribute__((constructor(101))) void LookForNextFunctions() {
  next_close.Look();
}

constexpr long kCloseRange = 436;  // older headers lack it
constexpr int kOnExecOnly = 1 << 2;

long CloseRange(unsigned first, unsigned last, int flags) {
  if (first > last || (flags & kOnExecOnly) != 0) {
    return RawSyscall(kCloseRange, first, last, flags);
  }
  for (int kept; (kept = NextHighFd(first)) >= 0;) {
    const auto number = static_cast<unsigned>(kept);
    if (number > last) break;
    if (number > first) {
      const long error = RawSyscall(kCloseRange, first, number - 1, flags);
      if (error != 0) return error;
    }
    if (number == last) return 0;
    first = number + 1;
  }
  return RawSyscall(kCloseRange, first, last, flags);
}

}  // namespace
}  // namespace bpfmap

#pragma GCC visibility push(default)

extern "C" {

int close(int fd) {
  if (bpfmap::IsHighFd(fd)) {
    errno = EBADF;
    return -1;
  }
  if (bpfmap::next_close) return bpfmap::next_close(fd);
  return static_cast<int>(bpfmap::WithErrno(bpfmap::RawSyscall(SYS_close, fd)));
}

int close_range(unsigned first, unsigned last, int flags) noexcept {
  return static_cast<int>(
      bpfmap::WithErrno(bpfmap::CloseRange(first, last, flags)));
}

void closefrom(int lowest) noexcept {
  const auto first = static_cast<unsigned>(lowest < 0 ? 0 : lowest);
  if (bpfmap::CloseRange(first, ~0U, 0) != -ENOSYS) return;
  const long most = sysconf(_SC_OPEN_MAX);
  for (long fd = first; fd < most; ++fd) close(static_cast<int>(fd));
}

}  // extern "C"

#pragma GCC visibility pop
