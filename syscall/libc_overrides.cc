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
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include "absl/base/attributes.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

void* Mmap(void* address, std::size_t length, int protection, int flags, int fd,
           off_t offset) {
  if ((flags & MAP_ANONYMOUS) == 0) {
    const long error = CheckMmap(length, protection, flags, fd, offset);
    if (error != 0) {
      WithErrno(error);
      return MAP_FAILED;
    }
  }
  // Past the C library: whoever allocates memory may be here before there is
  // any.
  return reinterpret_cast<void*>(WithErrno(
      RawSyscall(SYS_mmap, reinterpret_cast<long>(address),
                 static_cast<long>(length), protection, flags, fd, offset)));
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
  if (number == SYS_bpf) {
    return bpfmap::WithErrno(bpfmap::BpfSyscall(
        static_cast<int>(argument[0]), reinterpret_cast<bpf_attr*>(argument[1]),
        static_cast<unsigned>(argument[2])));
  }
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
