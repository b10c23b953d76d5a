// SPDX-License-Identifier: Apache-2.0

// The calls that take memory away, by number.
//
// Thread-safe, and may be called in signal handlers.

#ifndef BPFMAP_SYSCALL_MEMORY_OVERRIDES_H_
#define BPFMAP_SYSCALL_MEMORY_OVERRIDES_H_

namespace bpfmap {

// To be called before system call `number`, with its arguments: memory that it
// takes away is not certain any more (certain_memory.h).
void ForgetMemory(long number, const long* arguments);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_MEMORY_OVERRIDES_H_
