// SPDX-License-Identifier: Apache-2.0

// The calls of the C library that concern maps, for a whole process.
//
// Defined here, they are found in front of the C library's: in a program that
// this is linked into, and in any program that it is preloaded into. Calls
// that do not concern a map are passed on unchanged. bpf_syscall.h says what
// each does.

#include <dlfcn.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>

#include "absl/base/attributes.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/pins.h"

#ifndef BPF_FS_MAGIC
#define BPF_FS_MAGIC 0xcafe4a11
#endif

namespace bpfmap {
namespace {

// A system call, as it is: a result or -errno.
long Raw(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
               : "memory");
  return x0;
#else
#error "How are system calls made on this processor?"
#endif
}

// As the C library reports it.
long WithErrno(long result) {
  if (result >= 0 || result < -4095) return result;
  errno = static_cast<int>(-result);
  return -1;
}

// The function that would be called without this library.
template <typename Function>
Function* Next(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

void* Mmap(void* address, std::size_t length, int protection, int flags, int fd,
           off_t offset) {
  if ((flags & MAP_ANONYMOUS) == 0) {
    const long error = CheckMmap(length, protection, flags, fd, offset);
    if (error != 0) {
      WithErrno(error);
      return MAP_FAILED;
    }
  }
  // Not Next(): whoever allocates memory may be here before there is any.
  return reinterpret_cast<void*>(
      WithErrno(Raw(SYS_mmap, reinterpret_cast<long>(address),
                    static_cast<long>(length), protection, flags, fd, offset)));
}

// Whether `path` is in the name space of pins.
bool IsPin(const char* path) {
  return path != nullptr && PinTable::Global().Covers(path);
}

template <typename Buffer>
bool IsBpfFileSystem(const char* path, Buffer* buffer) {
  if (!IsPin(path) || !PinTable::Global().IsDirectory(path)) return false;
  std::memset(buffer, 0, sizeof *buffer);
  buffer->f_type = BPF_FS_MAGIC;
  buffer->f_bsize = 4096;
  buffer->f_namelen = 255;
  return true;
}

// Programs find the width of per-CPU values in the same file.
__attribute__((constructor)) void FindPossibleCpus() {
  FILE* const possible = std::fopen("/sys/devices/system/cpu/possible", "re");
  if (possible == nullptr) return;
  char list[4096];
  const bool read = std::fgets(list, sizeof list, possible) != nullptr;
  std::fclose(possible);
  if (read) SetPossibleCpus(CpusInList(list));
}

}  // namespace
}  // namespace bpfmap

extern "C" {

// Reads six arguments, however many were passed; like the C library's.
ABSL_ATTRIBUTE_NO_SANITIZE_ADDRESS
__attribute__((visibility("default"))) long syscall(long number, ...) noexcept {
  va_list arguments;
  va_start(arguments, number);
  long argument[6];
  for (long& each : argument) each = va_arg(arguments, long);
  va_end(arguments);
  if (number == SYS_bpf) {
    return bpfmap::WithErrno(bpfmap::BpfSyscall(
        static_cast<int>(argument[0]), reinterpret_cast<bpf_attr*>(argument[1]),
        static_cast<unsigned>(argument[2])));
  }
  return bpfmap::WithErrno(bpfmap::Raw(number, argument[0], argument[1],
                                       argument[2], argument[3], argument[4],
                                       argument[5]));
}

__attribute__((visibility("default"))) void* mmap(void* address,
                                                  std::size_t length,
                                                  int protection, int flags,
                                                  int fd,
                                                  off_t offset) noexcept {
  return bpfmap::Mmap(address, length, protection, flags, fd, offset);
}

__attribute__((visibility("default"))) void* mmap64(void* address,
                                                    std::size_t length,
                                                    int protection, int flags,
                                                    int fd,
                                                    off64_t offset) noexcept {
  return bpfmap::Mmap(address, length, protection, flags, fd, offset);
}

__attribute__((visibility("default"))) int epoll_ctl(
    int set, int operation, int fd, epoll_event* event) noexcept {
  static const auto next = bpfmap::Next(&epoll_ctl, "epoll_ctl");
  return next(set, operation, bpfmap::EpollDescriptor(fd), event);
}

__attribute__((visibility("default"))) int epoll_wait(int set,
                                                      epoll_event* events,
                                                      int most, int timeout) {
  static const auto next = bpfmap::Next(&epoll_wait, "epoll_wait");
  bpfmap::RefreshEpoll();
  return next(set, events, most, timeout);
}

__attribute__((visibility("default"))) int epoll_pwait(int set,
                                                       epoll_event* events,
                                                       int most, int timeout,
                                                       const sigset_t* mask) {
  static const auto next = bpfmap::Next(&epoll_pwait, "epoll_pwait");
  bpfmap::RefreshEpoll();
  return next(set, events, most, timeout, mask);
}

__attribute__((visibility("default"))) int statfs(
    const char* path, struct statfs* buffer) noexcept {
  static const auto next =
      bpfmap::Next<int(const char*, struct statfs*)>(nullptr, "statfs");
  if (bpfmap::IsBpfFileSystem(path, buffer)) return 0;
  return next(path, buffer);
}

__attribute__((visibility("default"))) int statfs64(
    const char* path, struct statfs64* buffer) noexcept {
  static const auto next =
      bpfmap::Next<int(const char*, struct statfs64*)>(nullptr, "statfs64");
  if (bpfmap::IsBpfFileSystem(path, buffer)) return 0;
  return next(path, buffer);
}

__attribute__((visibility("default"))) int unlink(const char* path) noexcept {
  static const auto next = bpfmap::Next(&unlink, "unlink");
  if (bpfmap::IsPin(path)) {
    return static_cast<int>(
        bpfmap::WithErrno(bpfmap::PinTable::Global().Unlink(path)));
  }
  return next(path);
}

__attribute__((visibility("default"))) int mkdir(const char* path,
                                                 mode_t mode) noexcept {
  static const auto next = bpfmap::Next(&mkdir, "mkdir");
  if (bpfmap::IsPin(path)) {
    return static_cast<int>(
        bpfmap::WithErrno(bpfmap::PinTable::Global().MakeDirectory(path)));
  }
  return next(path, mode);
}

__attribute__((visibility("default"))) int rmdir(const char* path) noexcept {
  static const auto next = bpfmap::Next(&rmdir, "rmdir");
  if (bpfmap::IsPin(path)) {
    return static_cast<int>(
        bpfmap::WithErrno(bpfmap::PinTable::Global().RemoveDirectory(path)));
  }
  return next(path);
}

}  // extern "C"
