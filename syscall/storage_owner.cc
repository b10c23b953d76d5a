// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/storage_owner.h"

#include <sys/stat.h>

#include <cerrno>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/cgroup.h"

namespace bpfmap {
namespace {

class Inodes {
 public:
  uint32_t NumberOf(const FileStatus& file) {
    WriterLock lock(lock_);
    const auto [at, is_new] =
        numbers_.try_emplace({file.device, file.inode}, last_ + 1);
    if (is_new) ++last_;
    return at->second;
  }

 private:
  Cloud::Lock lock_;
  uint32_t last_ ABSL_GUARDED_BY(lock_) = 0;
  std::map<std::pair<dev_t, ino_t>, uint32_t> numbers_ ABSL_GUARDED_BY(lock_);
};

}  // namespace

long FindStorageOwner(MapTraits::Owners owners, int fd, uint32_t* number) {
  static auto& inodes = *new Inodes;
  if (owners == MapTraits::Owners::kTasks) return FindProcess(fd, number);
  FileStatus file;
  const long error = FindFile(fd, &file);
  if (error != 0) return error;
  if (owners == MapTraits::Owners::kSockets && !S_ISSOCK(file.mode)) {
    return -ENOTSOCK;
  }
  if (owners == MapTraits::Owners::kCgroups && CgroupOfFd(fd) == 0) {
    return -EBADF;
  }
  *number = inodes.NumberOf(file);
  return 0;
}

}  // namespace bpfmap
