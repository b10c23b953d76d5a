// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/pin_calls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "bpfmap/syscall/pin_directory.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

constexpr long kFaccessat2 = 439;
constexpr long kFchmodat2 = 452;

long CheckName(const PathAt& at) {
  return PinDirectory::Global().CheckName(at);
}

// After a call that may take a name from a file.
long Changed(const PathAt& at, long result) {
  // The working directory may be in that of pins.
  if (result == 0 && (at.is_pin || *at.path != '/')) {
    PinDirectory::Global().NoteChange();
  }
  return result;
}

bool IsRoot(const PathAt& at) { return PinDirectory::Global().IsRoot(at); }

// Whether a file is a pin: a regular file there.
bool IsPin(const struct stat& file) {
  return S_ISREG(file.st_mode) && PinDirectory::Global().Owns(file);
}

}  // namespace

long UnlinkAt(const PathAt& at, int flags) {
  if (const long error = CheckName(at)) return error;
  if (IsRoot(at)) return (flags & AT_REMOVEDIR) != 0 ? -EBUSY : -EISDIR;
  return Changed(at,
                 RawSyscall(SYS_unlinkat, at.directory, Word(at.path), flags));
}

long MakeDirectoryAt(const PathAt& at, mode_t mode) {
  if (const long error = CheckName(at)) return error;
  return RawSyscall(SYS_mkdirat, at.directory, Word(at.path), mode);
}

long RenameAt(const PathAt& from, const PathAt& to, unsigned flags) {
  if (from.is_pin != to.is_pin) return -EXDEV;
  if (const long error = CheckName(from)) return error;
  if (const long error = CheckName(to)) return error;
  if (IsRoot(from) || IsRoot(to)) return -EBUSY;
  return Changed(to, RawSyscall(SYS_renameat2, from.directory, Word(from.path),
                                to.directory, Word(to.path), flags));
}

long LinkAt(const PathAt& from, const PathAt& to, int flags) {
  if (from.is_pin != to.is_pin) return -EXDEV;
  if (const long error = CheckName(from)) return error;
  if (const long error = CheckName(to)) return error;
  return RawSyscall(SYS_linkat, from.directory, Word(from.path), to.directory,
                    Word(to.path), flags);
}

long SymlinkAt(const char* target, const PathAt& at) {
  if (const long error = CheckName(at)) return error;
  return RawSyscall(SYS_symlinkat, Word(target), at.directory, Word(at.path));
}

long OpenAt(const PathAt& at, int flags, mode_t mode) {
  if (!at.is_pin) {
    return RawSyscall(SYS_openat, at.directory, Word(at.path), flags, mode);
  }
  if (const long error = CheckName(at)) return error;
  struct stat file;
  // A file is made here by BPF_OBJ_PIN only.
  if ((flags & O_CREAT) != 0 &&
      RawSyscall(SYS_newfstatat, at.directory, Word(at.path), Word(&file), 0) ==
          -ENOENT) {
    return -EACCES;
  }
  const long fd = RawSyscall(SYS_openat, at.directory, Word(at.path),
                             flags & ~O_TRUNC, mode);
  if (fd < 0 || (flags & O_PATH) != 0) return fd;
  if (RawSyscall(SYS_newfstatat, fd, Word(""), Word(&file), AT_EMPTY_PATH) ==
          0 &&
      S_ISDIR(file.st_mode)) {
    return fd;
  }
  RawSyscall(SYS_close, fd);
  return -EIO;
}

long StatAt(const PathAt& at, struct stat* file, int flags) {
  if (const long error = CheckName(at)) return error;
  const long error = RawSyscall(SYS_newfstatat, at.directory, Word(at.path),
                                Word(file), flags);
  // One link is PinDirectory's.
  if (error == 0 && at.is_pin && IsPin(*file)) --file->st_nlink;
  return error;
}

long StatxAt(const PathAt& at, int flags, unsigned mask, struct statx* file) {
  if (const long error = CheckName(at)) return error;
  const long error = RawSyscall(SYS_statx, at.directory, Word(at.path), flags,
                                mask, Word(file));
  if (error == 0 && at.is_pin && S_ISREG(file->stx_mode)) --file->stx_nlink;
  return error;
}

long AccessAt(const PathAt& at, int mode, int flags) {
  if (const long error = CheckName(at)) return error;
  const long error =
      RawSyscall(kFaccessat2, at.directory, Word(at.path), mode, flags);
  if (error != -ENOSYS) return error;
  return RawSyscall(SYS_faccessat, at.directory, Word(at.path), mode);
}

long ChmodAt(const PathAt& at, mode_t mode, int flags) {
  if (const long error = CheckName(at)) return error;
  if (flags != 0) {
    const long error =
        RawSyscall(kFchmodat2, at.directory, Word(at.path), mode, flags);
    return error == -ENOSYS ? -EOPNOTSUPP : error;
  }
  return RawSyscall(SYS_fchmodat, at.directory, Word(at.path), mode);
}

long ChownAt(const PathAt& at, uid_t user, gid_t group, int flags) {
  if (const long error = CheckName(at)) return error;
  return RawSyscall(SYS_fchownat, at.directory, Word(at.path), user, group,
                    flags);
}

long ReadlinkAt(const PathAt& at, char* buffer, size_t size) {
  if (const long error = CheckName(at)) return error;
  return RawSyscall(SYS_readlinkat, at.directory, Word(at.path), Word(buffer),
                    static_cast<long>(size));
}

long UtimeAt(const PathAt& at, const struct timespec* times, int flags) {
  if (const long error = CheckName(at)) return error;
  return RawSyscall(SYS_utimensat, at.directory, Word(at.path), Word(times),
                    flags);
}

}  // namespace bpfmap
