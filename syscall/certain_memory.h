// SPDX-License-Identifier: Apache-2.0

// CertainMemory: addresses of this process that are mapped, for certain, so
// that they can be copied without asking the kernel.
//
// An address that is not known to be certain says nothing: the kernel is asked
// (user_memory.h). These are certain:
//
//   the program       Segments of the executable, which stay until exec(2).
//                     Written: those that are writable, without what the
//                     dynamic linker makes read-only (PT_GNU_RELRO).
//   the first stack   What the kernel has mapped as [stack]: it grows, and is
//                     never made smaller, whatever RLIMIT_STACK becomes.
//   this thread's     From the current frame up to its control block, which the
//   stack             C library puts at the end of a thread's stack. Only while
//                     the thread runs on it, not on one of its own making.
//   the break         From where it was as this library was loaded to where the
//                     C library has it now.
//
// Nothing of that goes away by itself while a call runs, with one exception: at
// the end of the break the C library gives back what was freed. So an address
// there is certain while its block is allocated. (A program that frees a block
// in one thread while another hands it to the kernel has lost it in any case.)
//
// A program may take away what is certain, with mprotect(2), munmap(2) and
// others. Where these are overridden (memory_overrides.cc), Forget() comes
// first: it waits until no copy is under way, and from then on the kernel is
// asked. So nothing is certain until Start() says that they are.
//
// Not known: memory that is taken away by system calls past the C library, or
// by another process; and a stack that another thread than its own takes away.
//
// Thread-safe, and may be called in signal handlers.

#ifndef BPFMAP_SYSCALL_CERTAIN_MEMORY_H_
#define BPFMAP_SYSCALL_CERTAIN_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace bpfmap {

class CertainMemory {
 public:
  // From now on some memory is certain. Called once, while there is one thread.
  static void Start();

  // Whether all of `size` bytes can be read or written. The answer holds while
  // the caller is inside of ForkGate, in which it must be.
  static bool CanBeRead(uint64_t start, std::size_t size);
  static bool CanBeWritten(uint64_t start, std::size_t size);

  // To be called before rights to this memory are taken away.
  static void Forget(uint64_t start, uint64_t size);
  // The same for the break, wherever it is.
  static void ForgetBreak();
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_CERTAIN_MEMORY_H_
