// SPDX-License-Identifier: Apache-2.0

// The calls of the C library that concern maps, for a whole process. Those that
// take paths are in name_overrides.cc and file_overrides.cc, those that wait in
// poll_overrides.cc.
//
// Defined here, they are found in front of the C library's: in a program that
// this is linked into, and in any program that it is preloaded into. Calls
// that do not concern a map are passed on unchanged. bpf_syscall.h says what
// each does.

#include <linux/bpf.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>

#include "absl/base/attributes.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/certain_memory.h"
#include "bpfmap/syscall/memory_overrides.h"
#include "bpfmap/syscall/perf_event_calls.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

constexpr long kCloseRange = 436;  // older headers lack these
constexpr long kEpollPwait2 = 441;

void* Mmap(void* address, std::size_t length, int protection, int flags, int fd,
           off_t offset) {
  // The memory that was there is there no more.
  if ((flags & MAP_FIXED) != 0) {
    CertainMemory::Forget(reinterpret_cast<uintptr_t>(address), length);
  }
  int mapped = fd;
  if ((flags & MAP_ANONYMOUS) == 0) {
    const long error =
        CheckMmap(length, protection, flags, fd, offset, address);
    if (error != 0) {
      WithErrno(error);
      return MAP_FAILED;
    }
    mapped = MmapDescriptor(fd, protection);
  }
  // Past the C library: whoever allocates memory may be here before there is
  // any.
  const long result =
      RawSyscall(SYS_mmap, Word(address), static_cast<long>(length), protection,
                 flags, mapped, offset);
  if (mapped != fd) RawSyscall(SYS_close, mapped);
  return reinterpret_cast<void*>(WithErrno(result));
}

// Calls that programs make by number, as the C library has no function, or had
// none for years. Returns whether it is such a call, and then its result.
bool CallOverride(long number, const long* a, long* result) {
  const auto fd = [a](int at) { return static_cast<int>(a[at]); };
  const auto path = [a](int at) {
    return reinterpret_cast<const char*>(a[at]);
  };
  switch (number) {
    case SYS_bpf:
      *result = WithErrno(BpfSyscall(fd(0), reinterpret_cast<bpf_attr*>(a[1]),
                                     static_cast<unsigned>(a[2])));
      return true;
    case SYS_perf_event_open:
      *result = WithErrno(PerfEventOpen(static_cast<uint64_t>(a[0]),
                                        static_cast<pid_t>(a[1]), fd(2), fd(3),
                                        static_cast<unsigned long>(a[4])));
      return true;
    case SYS_ioctl:
      *result = ioctl(fd(0), static_cast<unsigned long>(a[1]), a[2]);
      return true;
    case SYS_mmap:
      *result =
          Word(mmap(reinterpret_cast<void*>(a[0]),
                    static_cast<std::size_t>(a[1]), fd(2), fd(3), fd(4), a[5]));
      return true;
    case SYS_munmap:
    case SYS_mprotect:
    case SYS_pkey_mprotect:
    case SYS_mremap:
    case SYS_madvise:
    case SYS_brk:
      ForgetMemory(number, a);
      return false;
    case SYS_close:
      *result = close(fd(0));
      return true;
    case kCloseRange:
      *result = close_range(static_cast<unsigned>(a[0]),
                            static_cast<unsigned>(a[1]), fd(2));
      return true;
    case SYS_renameat2:
      *result = renameat2(fd(0), path(1), fd(2), path(3),
                          static_cast<unsigned>(a[4]));
      return true;
    case SYS_statx:
      *result = statx(fd(0), path(1), fd(2), static_cast<unsigned>(a[3]),
                      reinterpret_cast<struct statx*>(a[4]));
      return true;
    case SYS_epoll_ctl:
      *result =
          epoll_ctl(fd(0), fd(1), fd(2), reinterpret_cast<epoll_event*>(a[3]));
      return true;
    case SYS_epoll_pwait:
    case kEpollPwait2:
      RefreshEpoll();
      return false;
    default:
      return false;
  }
}

// Programs find the width of per-CPU values in the same file.
__attribute__((constructor(101))) void FindPossibleCpus() {
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
  long result;
  if (bpfmap::CallOverride(number, argument, &result)) return result;
  return bpfmap::WithErrno(bpfmap::RawSyscall(number, argument[0], argument[1],
                                              argument[2], argument[3],
                                              argument[4], argument[5]));
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

}  // extern "C"
