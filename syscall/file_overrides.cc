// SPDX-License-Identifier: Apache-2.0

// The calls of the C library that open files or ask about them, for a whole
// process: what they do with pins is in pin_calls.h. Other paths are passed on
// unchanged.
//
// Functions that open files inside the C library, such as fopen(), nftw() and
// glob(), do not arrive here.

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bpfmap/syscall/next_function.h"
#include "bpfmap/syscall/pin_calls.h"
#include "bpfmap/syscall/pin_directory.h"
#include "bpfmap/syscall/raw_syscall.h"
#include "bpfmap/syscall/trace_files.h"

#ifndef BPF_FS_MAGIC
#define BPF_FS_MAGIC 0xcafe4a11
#endif

namespace bpfmap {
namespace {

constinit NextFunction<int(const char*, struct stat*)> next_stat("stat");
constinit NextFunction<int(const char*, struct stat*)> next_lstat("lstat");
constinit NextFunction<int(int, const char*, struct stat*, int)> next_fstatat(
    "fstatat");
constinit NextFunction<int(const char*, struct stat64*)> next_stat64("stat64");
constinit NextFunction<int(const char*, struct stat64*)> next_lstat64(
    "lstat64");
constinit NextFunction<int(int, const char*, struct stat64*, int)>
    next_fstatat64("fstatat64");
constinit NextFunction<int(int, const char*, int, unsigned, struct statx*)>
    next_statx("statx");
constinit NextFunction<int(const char*, int)> next_access("access");
constinit NextFunction<int(int, const char*, int, int)> next_faccessat(
    "faccessat");
constinit NextFunction<int(const char*, int)> next_euidaccess("euidaccess");
constinit NextFunction<int(const char*, int)> next_eaccess("eaccess");
constinit NextFunction<int(const char*, mode_t)> next_chmod("chmod");
constinit NextFunction<int(int, const char*, mode_t, int)> next_fchmodat(
    "fchmodat");
constinit NextFunction<int(const char*, uid_t, gid_t)> next_chown("chown");
constinit NextFunction<int(const char*, uid_t, gid_t)> next_lchown("lchown");
constinit NextFunction<int(int, const char*, uid_t, gid_t, int)> next_fchownat(
    "fchownat");
constinit NextFunction<int(int, const char*, const timespec*, int)>
    next_utimensat("utimensat");
constinit NextFunction<int(const char*, int, ...)> next_open("open");
constinit NextFunction<int(const char*, int, ...)> next_open64("open64");
constinit NextFunction<int(int, const char*, int, ...)> next_openat("openat");
constinit NextFunction<int(int, const char*, int, ...)> next_openat64(
    "openat64");
constinit NextFunction<DIR*(const char*)> next_opendir("opendir");
constinit NextFunction<int(const char*, struct statfs*)> next_statfs("statfs");
constinit NextFunction<int(const char*, struct statfs64*)> next_statfs64(
    "statfs64");
constinit NextFunction<int(const char*)> next_chdir("chdir");
constinit NextFunction<char*(const char*, char*)> next_realpath("realpath");

__attribute__((constructor(101))) void LookForNextFunctions() {
  next_stat.Look();
  next_lstat.Look();
  next_fstatat.Look();
  next_stat64.Look();
  next_lstat64.Look();
  next_fstatat64.Look();
  next_statx.Look();
  next_access.Look();
  next_faccessat.Look();
  next_euidaccess.Look();
  next_eaccess.Look();
  next_chmod.Look();
  next_fchmodat.Look();
  next_chown.Look();
  next_lchown.Look();
  next_fchownat.Look();
  next_utimensat.Look();
  next_open.Look();
  next_open64.Look();
  next_openat.Look();
  next_openat64.Look();
  next_opendir.Look();
  next_statfs.Look();
  next_statfs64.Look();
  next_chdir.Look();
  next_realpath.Look();
}

bool TakesMode(int flags) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

template <typename Buffer>
long StatBpffs(const PathAt& at, Buffer* buffer) {
  struct stat file;
  const long error = StatAt(at, &file, 0);
  if (error != 0) return error;
  std::memset(buffer, 0, sizeof *buffer);
  buffer->f_type = BPF_FS_MAGIC;
  buffer->f_bsize = 4096;
  buffer->f_namelen = 255;
  return 0;
}

// Those that are only read: see trace_files.h.
int OpenForReading(const char* path, int flags) {
  if (!MayBeTraceFile(path) || (flags & O_ACCMODE) != O_RDONLY) return -1;
  return OpenTraceFile(path);
}

bool IsReadableTraceFile(const char* path, int mode) {
  std::string text;
  return MayBeTraceFile(path) && (mode & (W_OK | X_OK)) == 0 &&
         ReadTraceFile(path, &text);
}

static_assert(sizeof(struct stat) == sizeof(struct stat64));

// As the C library reports it.
int Status(long result) { return static_cast<int>(WithErrno(result)); }

}  // namespace
}  // namespace bpfmap

using bpfmap::PinPath;
using bpfmap::Status;

#pragma GCC visibility push(default)

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = bpfmap::TakesMode(flags) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_open) {
    const int file = bpfmap::OpenForReading(path, flags);
    if (file >= 0) return file;
    return bpfmap::next_open(path, flags, mode);
  }
  return Status(OpenAt(pin.at(), flags, mode));
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = bpfmap::TakesMode(flags) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_open64) {
    const int file = bpfmap::OpenForReading(path, flags);
    if (file >= 0) return file;
    return bpfmap::next_open64(path, flags, mode);
  }
  return Status(OpenAt(pin.at(), flags, mode));
}

int openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = bpfmap::TakesMode(flags) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_openat) {
    const int file = bpfmap::OpenForReading(path, flags);
    if (file >= 0) return file;
    return bpfmap::next_openat(directory, path, flags, mode);
  }
  return Status(OpenAt(pin.at(), flags, mode));
}

int openat64(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = bpfmap::TakesMode(flags) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_openat64) {
    const int file = bpfmap::OpenForReading(path, flags);
    if (file >= 0) return file;
    return bpfmap::next_openat64(directory, path, flags, mode);
  }
  return Status(OpenAt(pin.at(), flags, mode));
}

// What <fcntl.h> makes of the calls above where _FORTIFY_SOURCE is defined.
int __open_2(const char* path, int flags) { return open(path, flags); }

int __open64_2(const char* path, int flags) { return open64(path, flags); }

int __openat_2(int directory, const char* path, int flags) {
  return openat(directory, path, flags);
}

int __openat64_2(int directory, const char* path, int flags) {
  return openat64(directory, path, flags);
}

DIR* opendir(const char* path) {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_opendir) return bpfmap::next_opendir(path);
  const int fd = Status(
      OpenAt(pin.at(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK, 0));
  if (fd < 0) return nullptr;
  DIR* const directory = fdopendir(fd);
  if (directory == nullptr) close(fd);
  return directory;
}

int stat(const char* path, struct stat* file) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_stat) {
    return bpfmap::next_stat(path, file);
  }
  return Status(StatAt(pin.at(), file, 0));
}

int lstat(const char* path, struct stat* file) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_lstat) {
    return bpfmap::next_lstat(path, file);
  }
  return Status(StatAt(pin.at(), file, AT_SYMLINK_NOFOLLOW));
}

int fstatat(int directory, const char* path, struct stat* file,
            int flags) noexcept {
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_fstatat) {
    return bpfmap::next_fstatat(directory, path, file, flags);
  }
  return Status(StatAt(pin.at(), file, flags));
}

int stat64(const char* path, struct stat64* file) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_stat64) {
    return bpfmap::next_stat64(path, file);
  }
  return Status(StatAt(pin.at(), reinterpret_cast<struct stat*>(file), 0));
}

int lstat64(const char* path, struct stat64* file) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_lstat64) {
    return bpfmap::next_lstat64(path, file);
  }
  return Status(StatAt(pin.at(), reinterpret_cast<struct stat*>(file),
                       AT_SYMLINK_NOFOLLOW));
}

int fstatat64(int directory, const char* path, struct stat64* file,
              int flags) noexcept {
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_fstatat64) {
    return bpfmap::next_fstatat64(directory, path, file, flags);
  }
  return Status(StatAt(pin.at(), reinterpret_cast<struct stat*>(file), flags));
}

// Programs that were built with a C library before 2.33 call these.
int __xstat(int, const char* path, struct stat* file) noexcept {
  return stat(path, file);
}

int __lxstat(int, const char* path, struct stat* file) noexcept {
  return lstat(path, file);
}

int __fxstatat(int, int directory, const char* path, struct stat* file,
               int flags) noexcept {
  return fstatat(directory, path, file, flags);
}

int __xstat64(int, const char* path, struct stat64* file) noexcept {
  return stat64(path, file);
}

int __lxstat64(int, const char* path, struct stat64* file) noexcept {
  return lstat64(path, file);
}

int __fxstatat64(int, int directory, const char* path, struct stat64* file,
                 int flags) noexcept {
  return fstatat64(directory, path, file, flags);
}

int statx(int directory, const char* path, int flags, unsigned mask,
          struct statx* file) noexcept {
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_statx) {
    return bpfmap::next_statx(directory, path, flags, mask, file);
  }
  return Status(StatxAt(pin.at(), flags, mask, file));
}

int statfs(const char* path, struct statfs* buffer) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (pin.is_pin()) return Status(bpfmap::StatBpffs(pin.at(), buffer));
  if (bpfmap::next_statfs) return bpfmap::next_statfs(path, buffer);
  return Status(
      bpfmap::RawSyscall(SYS_statfs, bpfmap::Word(path), bpfmap::Word(buffer)));
}

int statfs64(const char* path, struct statfs64* buffer) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (pin.is_pin()) return Status(bpfmap::StatBpffs(pin.at(), buffer));
  if (bpfmap::next_statfs64) return bpfmap::next_statfs64(path, buffer);
  return Status(
      bpfmap::RawSyscall(SYS_statfs, bpfmap::Word(path), bpfmap::Word(buffer)));
}

int access(const char* path, int mode) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_access) {
    if (bpfmap::IsReadableTraceFile(path, mode)) return 0;
    return bpfmap::next_access(path, mode);
  }
  return Status(AccessAt(pin.at(), mode, 0));
}

int faccessat(int directory, const char* path, int mode, int flags) noexcept {
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_faccessat) {
    if (bpfmap::IsReadableTraceFile(path, mode)) return 0;
    return bpfmap::next_faccessat(directory, path, mode, flags);
  }
  return Status(AccessAt(pin.at(), mode, flags));
}

int euidaccess(const char* path, int mode) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_euidaccess) {
    return bpfmap::next_euidaccess(path, mode);
  }
  return Status(AccessAt(pin.at(), mode, AT_EACCESS));
}

int eaccess(const char* path, int mode) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_eaccess) {
    return bpfmap::next_eaccess(path, mode);
  }
  return Status(AccessAt(pin.at(), mode, AT_EACCESS));
}

int chmod(const char* path, mode_t mode) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_chmod) {
    return bpfmap::next_chmod(path, mode);
  }
  return Status(ChmodAt(pin.at(), mode, 0));
}

int fchmodat(int directory, const char* path, mode_t mode, int flags) noexcept {
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_fchmodat) {
    return bpfmap::next_fchmodat(directory, path, mode, flags);
  }
  return Status(ChmodAt(pin.at(), mode, flags));
}

int chown(const char* path, uid_t user, gid_t group) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_chown) {
    return bpfmap::next_chown(path, user, group);
  }
  return Status(ChownAt(pin.at(), user, group, 0));
}

int lchown(const char* path, uid_t user, gid_t group) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_lchown) {
    return bpfmap::next_lchown(path, user, group);
  }
  return Status(ChownAt(pin.at(), user, group, AT_SYMLINK_NOFOLLOW));
}

int fchownat(int directory, const char* path, uid_t user, gid_t group,
             int flags) noexcept {
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_fchownat) {
    return bpfmap::next_fchownat(directory, path, user, group, flags);
  }
  return Status(ChownAt(pin.at(), user, group, flags));
}

int utimensat(int directory, const char* path, const timespec* times,
              int flags) noexcept {
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_utimensat) {
    return bpfmap::next_utimensat(directory, path, times, flags);
  }
  return Status(UtimeAt(pin.at(), times, flags));
}

int chdir(const char* path) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_chdir) return bpfmap::next_chdir(path);
  const int fd = Status(OpenAt(pin.at(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  if (fd < 0) return -1;
  const int result = fchdir(fd);
  bpfmap::RawSyscall(SYS_close, fd);
  return result;
}

char* realpath(const char* path, char* resolved) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin()) {
    return bpfmap::next_realpath ? bpfmap::next_realpath(path, resolved)
                                 : nullptr;
  }
  struct stat file;
  if (Status(StatAt(pin.at(), &file, 0)) != 0) return nullptr;
  char plain[bpfmap::PinDirectory::kLongestPath];
  bpfmap::PinDirectory::Global().Spell(pin.at(), plain);
  if (resolved == nullptr) return strdup(plain);
  return std::strcpy(resolved, plain);
}

}  // extern "C"

#pragma GCC visibility pop
