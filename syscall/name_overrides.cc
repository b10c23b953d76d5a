// SPDX-License-Identifier: Apache-2.0

// The calls of the C library that change names, for a whole process: what they
// do with pins is in pin_calls.h. Other paths are passed on unchanged.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>

#include "bpfmap/syscall/next_function.h"
#include "bpfmap/syscall/pin_calls.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

constinit NextFunction<int(const char*)> next_unlink("unlink");
constinit NextFunction<int(int, const char*, int)> next_unlinkat("unlinkat");
constinit NextFunction<int(const char*)> next_rmdir("rmdir");
constinit NextFunction<int(const char*, mode_t)> next_mkdir("mkdir");
constinit NextFunction<int(int, const char*, mode_t)> next_mkdirat("mkdirat");
constinit NextFunction<int(const char*, const char*)> next_rename("rename");
constinit NextFunction<int(int, const char*, int, const char*)> next_renameat(
    "renameat");
constinit NextFunction<int(int, const char*, int, const char*, unsigned)>
    next_renameat2("renameat2");
constinit NextFunction<int(const char*, const char*)> next_link("link");
constinit NextFunction<int(int, const char*, int, const char*, int)>
    next_linkat("linkat");
constinit NextFunction<int(const char*, const char*)> next_symlink("symlink");
constinit NextFunction<int(const char*, int, const char*)> next_symlinkat(
    "symlinkat");
constinit NextFunction<ssize_t(const char*, char*, size_t)> next_readlink(
    "readlink");
constinit NextFunction<ssize_t(int, const char*, char*, size_t)>
    next_readlinkat("readlinkat");
constinit NextFunction<int(const char*)> next_remove("remove");

__attribute__((constructor(101))) void LookForNextFunctions() {
  next_unlink.Look();
  next_unlinkat.Look();
  next_rmdir.Look();
  next_mkdir.Look();
  next_mkdirat.Look();
  next_rename.Look();
  next_renameat.Look();
  next_renameat2.Look();
  next_link.Look();
  next_linkat.Look();
  next_symlink.Look();
  next_symlinkat.Look();
  next_readlink.Look();
  next_readlinkat.Look();
  next_remove.Look();
}

// As the C library reports it.
int Status(long result) { return static_cast<int>(WithErrno(result)); }

}  // namespace
}  // namespace bpfmap

using bpfmap::PinPath;
using bpfmap::Status;

#pragma GCC visibility push(default)

extern "C" {

int unlink(const char* path) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_unlink) {
    return bpfmap::next_unlink(path);
  }
  return Status(UnlinkAt(pin.at(), 0));
}

int unlinkat(int directory, const char* path, int flags) noexcept {
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_unlinkat) {
    return bpfmap::next_unlinkat(directory, path, flags);
  }
  return Status(UnlinkAt(pin.at(), flags));
}

int rmdir(const char* path) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_rmdir) {
    return bpfmap::next_rmdir(path);
  }
  return Status(UnlinkAt(pin.at(), AT_REMOVEDIR));
}

// Of the C library it makes the system calls itself.
int remove(const char* path) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_remove) return bpfmap::next_remove(path);
  const long error = UnlinkAt(pin.at(), 0);
  return Status(error == -EISDIR ? UnlinkAt(pin.at(), AT_REMOVEDIR) : error);
}

int mkdir(const char* path, mode_t mode) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_mkdir) {
    return bpfmap::next_mkdir(path, mode);
  }
  return Status(MakeDirectoryAt(pin.at(), mode));
}

int mkdirat(int directory, const char* path, mode_t mode) noexcept {
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_mkdirat) {
    return bpfmap::next_mkdirat(directory, path, mode);
  }
  return Status(MakeDirectoryAt(pin.at(), mode));
}

int rename(const char* from, const char* to) noexcept {
  const PinPath from_pin(AT_FDCWD, from);
  const PinPath to_pin(AT_FDCWD, to);
  if (!from_pin.is_pin() && !to_pin.is_pin() && bpfmap::next_rename) {
    return bpfmap::next_rename(from, to);
  }
  return Status(RenameAt(from_pin.at(), to_pin.at(), 0));
}

int renameat(int from_directory, const char* from, int to_directory,
             const char* to) noexcept {
  const PinPath from_pin(from_directory, from);
  const PinPath to_pin(to_directory, to);
  if (!from_pin.is_pin() && !to_pin.is_pin() && bpfmap::next_renameat) {
    return bpfmap::next_renameat(from_directory, from, to_directory, to);
  }
  return Status(RenameAt(from_pin.at(), to_pin.at(), 0));
}

int renameat2(int from_directory, const char* from, int to_directory,
              const char* to, unsigned flags) noexcept {
  const PinPath from_pin(from_directory, from);
  const PinPath to_pin(to_directory, to);
  if (!from_pin.is_pin() && !to_pin.is_pin() && bpfmap::next_renameat2) {
    return bpfmap::next_renameat2(from_directory, from, to_directory, to,
                                  flags);
  }
  return Status(RenameAt(from_pin.at(), to_pin.at(), flags));
}

int link(const char* from, const char* to) noexcept {
  const PinPath from_pin(AT_FDCWD, from);
  const PinPath to_pin(AT_FDCWD, to);
  if (!from_pin.is_pin() && !to_pin.is_pin() && bpfmap::next_link) {
    return bpfmap::next_link(from, to);
  }
  return Status(LinkAt(from_pin.at(), to_pin.at(), 0));
}

int linkat(int from_directory, const char* from, int to_directory,
           const char* to, int flags) noexcept {
  const PinPath from_pin(from_directory, from);
  const PinPath to_pin(to_directory, to);
  if (!from_pin.is_pin() && !to_pin.is_pin() && bpfmap::next_linkat) {
    return bpfmap::next_linkat(from_directory, from, to_directory, to, flags);
  }
  return Status(LinkAt(from_pin.at(), to_pin.at(), flags));
}

int symlink(const char* target, const char* path) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_symlink) {
    return bpfmap::next_symlink(target, path);
  }
  return Status(SymlinkAt(target, pin.at()));
}

int symlinkat(const char* target, int directory, const char* path) noexcept {
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_symlinkat) {
    return bpfmap::next_symlinkat(target, directory, path);
  }
  return Status(SymlinkAt(target, pin.at()));
}

ssize_t readlink(const char* path, char* buffer, size_t size) noexcept {
  const PinPath pin(AT_FDCWD, path);
  if (!pin.is_pin() && bpfmap::next_readlink) {
    return bpfmap::next_readlink(path, buffer, size);
  }
  return bpfmap::WithErrno(ReadlinkAt(pin.at(), buffer, size));
}

ssize_t readlinkat(int directory, const char* path, char* buffer,
                   size_t size) noexcept {
  const PinPath pin(directory, path);
  if (!pin.is_pin() && bpfmap::next_readlinkat) {
    return bpfmap::next_readlinkat(directory, path, buffer, size);
  }
  return bpfmap::WithErrno(ReadlinkAt(pin.at(), buffer, size));
}

}  // extern "C"

#pragma GCC visibility pop
