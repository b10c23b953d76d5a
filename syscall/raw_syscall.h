// SPDX-License-Identifier: Apache-2.0

// RawSyscall: a system call, past the C library and what stands in front of it.
//
// Thread-safe, and may be called in signal handlers: errno stays as it is.

#ifndef BPFMAP_SYSCALL_RAW_SYSCALL_H_
#define BPFMAP_SYSCALL_RAW_SYSCALL_H_

#include <cerrno>

namespace bpfmap {

// Returns a result, or -errno.
inline long RawSyscall(long number, long a = 0, long b = 0, long c = 0,
                       long d = 0, long e = 0, long f = 0) {
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

// For arguments that are addresses.
inline long Word(const void* address) {
  return reinterpret_cast<long>(address);
}

// As the C library reports a result.
inline long WithErrno(long result) {
  if (result >= 0 || result < -4095) return result;
  errno = static_cast<int>(-result);
  return -1;
}

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_RAW_SYSCALL_H_
