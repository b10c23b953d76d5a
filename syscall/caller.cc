// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/caller.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace bpfmap {
namespace {

constinit thread_local Caller* other = nullptr;

}  // namespace

Caller* Caller::Other() { return other; }

long FindFile(int fd, FileStatus* status) {
  if (other != nullptr) return other->FindFile(fd, status);
  struct stat file;
  const int saved_errno = errno;
  status->flags = fcntl(fd, F_GETFL);
  const bool found = status->flags >= 0 && fstat(fd, &file) == 0;
  errno = saved_errno;
  if (!found) return -EBADF;
  status->device = file.st_dev;
  status->inode = file.st_ino;
  return 0;
}

ScopedCaller::ScopedCaller(Caller* caller)
    : previous_(std::exchange(other, caller)) {}

ScopedCaller::~ScopedCaller() { other = previous_; }

}  // namespace bpfmap
