// SPDX-License-Identifier: Apache-2.0

// The calls of the C library that take memory away, for a whole process: what
// they take is not certain any more (certain_memory.h). Then they are made. For
// mmap(2) with MAP_FIXED see libc_overrides.cc.

#include "bpfmap/syscall/memory_overrides.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "absl/base/config.h"
#include "bpfmap/syscall/certain_memory.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

constexpr long kGuardInstall = 102;  // MADV_GUARD_INSTALL, of Linux 6.13

__attribute__((constructor(101))) void StartCertainMemory() {
  CertainMemory::Start();
}

bool TakesAway(long number, const long* a) {
  constexpr long kBoth = PROT_READ | PROT_WRITE;
  switch (number) {
    case SYS_mprotect:
      return (a[2] & kBoth) != kBoth;
    case SYS_madvise:
      return a[2] == kGuardInstall || a[2] == MADV_DONTFORK;
    default:
      return true;
  }
}

// Makes the call. Past the C library: whoever allocates memory may be here
// before there is any.
[[maybe_unused]] long Call(long number, const long (&a)[5]) {
  ForgetMemory(number, a);
  return WithErrno(RawSyscall(number, a[0], a[1], a[2], a[3], a[4]));
}

[[maybe_unused]] long Size(std::size_t size) { return static_cast<long>(size); }

}  // namespace

void ForgetMemory(long number, const long* a) {
  if (number == SYS_brk) return CertainMemory::ForgetBreak();
  if (!TakesAway(number, a)) return;
  CertainMemory::Forget(static_cast<uint64_t>(a[0]),
                        static_cast<uint64_t>(a[1]));
  if (number == SYS_mremap && (a[3] & MREMAP_FIXED) != 0) {
    CertainMemory::Forget(static_cast<uint64_t>(a[4]),
                          static_cast<uint64_t>(a[2]));
  }
}

}  // namespace bpfmap

// A sanitizer takes these calls over itself, and no memory is certain then.
#if !defined(ABSL_HAVE_ADDRESS_SANITIZER) && \
    !defined(ABSL_HAVE_THREAD_SANITIZER) &&  \
    !defined(ABSL_HAVE_MEMORY_SANITIZER)

#pragma GCC visibility push(default)

extern "C" {

int munmap(void* start, std::size_t size) noexcept {
  const long a[5] = {bpfmap::Word(start), bpfmap::Size(size)};
  return static_cast<int>(bpfmap::Call(SYS_munmap, a));
}

int mprotect(void* start, std::size_t size, int protection) noexcept {
  const long a[5] = {bpfmap::Word(start), bpfmap::Size(size), protection};
  return static_cast<int>(bpfmap::Call(SYS_mprotect, a));
}

int pkey_mprotect(void* start, std::size_t size, int protection,
                  int key) noexcept {
  // Without a key the C library asks for the older call, which all kernels
  // have.
  const long a[5] = {bpfmap::Word(start), bpfmap::Size(size), protection, key};
  return static_cast<int>(
      bpfmap::Call(key == -1 ? SYS_mprotect : SYS_pkey_mprotect, a));
}

int madvise(void* start, std::size_t size, int advice) noexcept {
  const long a[5] = {bpfmap::Word(start), bpfmap::Size(size), advice};
  return static_cast<int>(bpfmap::Call(SYS_madvise, a));
}

void* mremap(void* start, std::size_t old_size, std::size_t new_size, int flags,
             ...) noexcept {
  void* to = nullptr;
  if ((flags & MREMAP_FIXED) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    to = va_arg(arguments, void*);
    va_end(arguments);
  }
  const long a[5] = {bpfmap::Word(start), bpfmap::Size(old_size),
                     bpfmap::Size(new_size), flags, bpfmap::Word(to)};
  return reinterpret_cast<void*>(bpfmap::Call(SYS_mremap, a));
}

}  // extern "C"

#pragma GCC visibility pop

#endif
