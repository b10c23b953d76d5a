// SPDX-License-Identifier: Apache-2.0

// Descriptors that this library keeps for itself. They are close-on-exec, and
// have high numbers: a program gets the numbers that it would get without.

#ifndef BPFMAP_SYSCALL_HIGH_FD_H_
#define BPFMAP_SYSCALL_HIGH_FD_H_

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace bpfmap {

// Moves `fd` out of the way, if there is room there. Returns the descriptor,
// which is `fd` itself where that is -1.
inline int MoveToHighFd(int fd) {
  if (fd < 0) return fd;
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return fd;
  const auto half =
      static_cast<int>(std::min<rlim_t>(limit.rlim_cur, rlim_t{1} << 20) / 2);
  const int hidden = fcntl(fd, F_DUPFD_CLOEXEC, half);
  if (hidden < 0) return fd;
  close(fd);
  return hidden;
}

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_HIGH_FD_H_
