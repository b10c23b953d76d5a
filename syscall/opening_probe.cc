// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/opening_probe.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "bpfmap/syscall/high_fd.h"

namespace bpfmap {

OpeningProbe::OpeningProbe(int fd) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  struct stat file;
  if (fstat(fd, &file) != 0 || flock(fd, LOCK_SH | LOCK_NB) != 0) return;
  fd_ = MoveToHighFd(open(path, O_RDONLY | O_CLOEXEC));
  inode_ = file.st_ino;
}

OpeningProbe::~OpeningProbe() {
  if (fd_ >= 0) IsOpen() ? CloseHighFd(fd_) : ForgetHighFd(fd_);
}

OpeningProbe::OpeningProbe(OpeningProbe&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), inode_(other.inode_) {}

OpeningProbe& OpeningProbe::operator=(OpeningProbe&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(inode_, other.inode_);
  return *this;
}

bool OpeningProbe::IsLeft() const {
  if (!IsOpen() || flock(fd_, LOCK_EX | LOCK_NB) != 0) return false;
  flock(fd_, LOCK_UN);
  return true;
}

bool OpeningProbe::IsOpen() const {
  struct stat file;
  return fd_ >= 0 && fstat(fd_, &file) == 0 && file.st_ino == inode_;
}

}  // namespace bpfmap
