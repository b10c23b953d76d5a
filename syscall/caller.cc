// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/caller.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
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
  status->mode = file.st_mode;
  return 0;
}

long FindProcess(int fd, uint32_t* pid) {
  if (other != nullptr) return other->FindProcess(fd, pid);
  return ProcessOfOwnFd(fd, pid);
}

// Source: proc(5), fdinfo; pidfd_open(2).
long ProcessOfOwnFd(int fd, uint32_t* pid) {
  const int saved_errno = errno;
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path, "re"),
                                                   &std::fclose);
  errno = saved_errno;
  if (file == nullptr) return -EBADF;
  char line[128];
  while (std::fgets(line, sizeof line, file.get()) != nullptr) {
    int number;
    if (std::sscanf(line, "Pid: %d", &number) != 1) continue;
    if (number <= 0) return -ENOENT;
    *pid = static_cast<uint32_t>(number);
    return 0;
  }
  return -EBADF;
}

BorrowedFd::BorrowedFd(int fd)
    : is_own_(other == nullptr), fd_(is_own_ ? fd : other->BorrowFile(fd)) {}

BorrowedFd::~BorrowedFd() {
  if (!is_own_ && fd_ >= 0) close(fd_);
}

ScopedCaller::ScopedCaller(Caller* caller)
    : previous_(std::exchange(other, caller)) {}

ScopedCaller::~ScopedCaller() { other = previous_; }

}  // namespace bpfmap
