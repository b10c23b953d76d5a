// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/spare_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "bpfmap/syscall/high_fd.h"

namespace bpfmap {
namespace {

// Whether `fd` is still the descriptor of the file with this inode: the program
// may have closed it, and have another with its number.
bool IsOwn(int fd, ino_t inode) {
  struct stat file;
  return fstat(fd, &file) == 0 && file.st_ino == inode;
}

void CloseOwn(int fd, ino_t inode) {
  IsOwn(fd, inode) ? CloseHighFd(fd) : ForgetHighFd(fd);
}

}  // namespace

int SpareFiles::Keep(int fd) {
  if (!CanKeep()) return -1;
  spares_.reserve(kMost);  // Put() takes no memory
  if (directory_ < 0) {
    directory_ =
        MoveToHighFd(open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat file;
    if (directory_ < 0 || fstat(directory_, &file) != 0) return -1;
    directory_inode_ = file.st_ino;
  }
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const int kept = MoveToHighFd(open(path, O_PATH | O_CLOEXEC));
  if (kept >= 0) ++kept_;
  return kept;
}

void SpareFiles::Drop(int kept, ino_t inode) {
  CloseOwn(kept, inode);
  --kept_;
}

bool SpareFiles::Take(Spare* spare) {
  if (spares_.empty()) return false;
  *spare = spares_.back();
  spares_.pop_back();
  return true;
}

bool SpareFiles::Remove(ino_t inode, Spare* spare) {
  const auto found =
      std::find_if(spares_.begin(), spares_.end(),
                   [=](const Spare& one) { return one.inode == inode; });
  if (found == spares_.end()) return false;
  *spare = *found;
  spares_.erase(found);
  return true;
}

int SpareFiles::Open(const Spare& spare) {
  if (!IsOwn(spare.kept, spare.inode)) return -1;
  char number[16];
  std::snprintf(number, sizeof number, "%d", spare.kept);
  return openat(directory_, number, O_RDWR | O_CLOEXEC);
}

void SpareFiles::StartAgain() {
  if (directory_ >= 0) CloseOwn(directory_, directory_inode_);
  directory_ = -1;
}

}  // namespace bpfmap
