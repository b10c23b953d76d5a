// SPDX-License-Identifier: Apache-2.0

// User memory: what the addresses in a bpf(2) attribute point to.
//
// The kernel copies from and to user space so that a bad address is EFAULT and
// no crash. Here the kernel is asked to do the same, with process_vm_readv(2)
// and process_vm_writev(2) on this very process; but not for memory that is
// certain to be there (certain_memory.h), which most is. If another process is
// answered (caller.h), it is the memory of that one.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_USER_MEMORY_H_
#define BPFMAP_SYSCALL_USER_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace bpfmap {

// As wide as in an attribute, on every machine.
using UserAddress = uint64_t;

// Copies `size` bytes. Returns false if not all of them can be read; what was
// copied until then is unspecified.
bool CopyFromUser(void* to, UserAddress from, std::size_t size);

// Copies `size` bytes. Returns false if not all of them can be written; those
// in front of the first that cannot may be.
bool CopyToUser(UserAddress to, const void* from, std::size_t size);

// Copies a string with its closing 0. Returns its length, -EFAULT, or
// -ENAMETOOLONG if it has no end within `size` bytes.
long CopyStringFromUser(char* to, UserAddress from, std::size_t size);

// Whether all of `size` bytes are 0: 0, -E2BIG (as the kernel calls a tail that
// is not) or -EFAULT.
long CheckZeroInUser(UserAddress from, std::size_t size);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_USER_MEMORY_H_
