// SPDX-License-Identifier: Apache-2.0

// System calls on paths, as they are in the directory of pins.
//
// Each takes what PinDirectory::Find() made of a path and returns what the
// kernel returns: a result, or -errno. Paths that are elsewhere are passed on
// as they are. Where they differ from those of any other directory, they do
// as bpffs does: see kernel/bpf/inode.c of Linux.
//
// Thread-safe, and may be called in signal handlers.

#ifndef BPFMAP_SYSCALL_PIN_CALLS_H_
#define BPFMAP_SYSCALL_PIN_CALLS_H_

#include <sys/stat.h>
#include <sys/types.h>

#include "bpfmap/syscall/pin_directory.h"

namespace bpfmap {

// A path and where its file really is.
class PinPath {
 public:
  PinPath(int directory, const char* path)
      : at_(PinDirectory::Global().Find(directory, path, buffer_)) {}
  PinPath(const PinPath&) = delete;
  PinPath& operator=(const PinPath&) = delete;

  const PathAt& at() const { return at_; }
  bool is_pin() const { return at_.is_pin; }

 private:
  char buffer_[PinDirectory::kLongestPath];
  const PathAt at_;
};

// unlinkat(2). EBUSY for the directory of pins itself.
long UnlinkAt(const PathAt& at, int flags);
long MakeDirectoryAt(const PathAt& at, mode_t mode);
// renameat2(2). EXDEV between pins and other files.
long RenameAt(const PathAt& from, const PathAt& to, unsigned flags);
long LinkAt(const PathAt& from, const PathAt& to, int flags);
long SymlinkAt(const char* target, const PathAt& at);
// openat(2). EIO for a pin, unless with O_PATH; EACCES where a file would have
// to be made.
long OpenAt(const PathAt& at, int flags, mode_t mode);
// fstatat(2) and statx(2).
long StatAt(const PathAt& at, struct stat* file, int flags);
long StatxAt(const PathAt& at, int flags, unsigned mask, struct statx* file);
// faccessat2(2).
long AccessAt(const PathAt& at, int mode, int flags);
long ChmodAt(const PathAt& at, mode_t mode, int flags);
long ChownAt(const PathAt& at, uid_t user, gid_t group, int flags);
long ReadlinkAt(const PathAt& at, char* buffer, size_t size);
long UtimeAt(const PathAt& at, const struct timespec* times, int flags);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_PIN_CALLS_H_
