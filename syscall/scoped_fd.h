// SPDX-License-Identifier: Apache-2.0

// ScopedFd: a descriptor that is closed at the end of a block.

#ifndef BPFMAP_SYSCALL_SCOPED_FD_H_
#define BPFMAP_SYSCALL_SCOPED_FD_H_

#include <sys/syscall.h>

#include <utility>

#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {

class ScopedFd {
 public:
  // -1 and less: there is none.
  explicit ScopedFd(long fd) : fd_(static_cast<int>(fd)) {}
  ~ScopedFd() {
    if (fd_ >= 0) RawSyscall(SYS_close, fd_);
  }
  ScopedFd(const ScopedFd&) = delete;
  ScopedFd& operator=(const ScopedFd&) = delete;

  int get() const { return fd_; }
  // It is the caller's from now on.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_SCOPED_FD_H_
