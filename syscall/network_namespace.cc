// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/network_namespace.h"

#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>

#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/scoped_fd.h"

namespace bpfmap {
namespace {

bool IsNetwork(int fd) { return ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET; }

}  // namespace

long NetworkNamespaceOfFd(int fd, uint64_t* number) {
  FileStatus status;
  const long error = FindFile(fd, &status);
  if (error != 0) return error;
  // Other files may know the ioctl as another one.
  struct stat own;
  if (stat("/proc/self/ns/net", &own) != 0 || own.st_dev != status.device) {
    return -EINVAL;
  }
  if (Caller* const caller = Caller::Other()) {
    const ScopedFd borrowed(caller->BorrowFile(fd));
    if (borrowed.get() < 0 || !IsNetwork(borrowed.get())) return -EINVAL;
  } else if (!IsNetwork(fd)) {
    return -EINVAL;
  }
  *number = status.inode;
  return 0;
}

}  // namespace bpfmap
