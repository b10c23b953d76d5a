// SPDX-License-Identifier: Apache-2.0
//
// The objects of the kernel that values of local storage belong to: user space
// names one by a descriptor, and a map knows a number that stands for it.
//
// A process has its pid for a number. Others get one, in turn, when they are
// first asked for; so a socket or an inode that is gone, and another that got
// its inode number, cannot be told apart.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_STORAGE_OWNER_H_
#define BPFMAP_SYSCALL_STORAGE_OWNER_H_

#include <cstdint>

#include "bpfmap/maps/map_traits.h"

namespace bpfmap {

// Sets *number to that of the object whose descriptor `fd` of the caller is.
//   EBADF     `fd` is not open, or of no such object
//   ENOTSOCK  it is of no socket
//   ENOENT    the process has ended
long FindStorageOwner(MapTraits::Owners owners, int fd, uint32_t* number);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_STORAGE_OWNER_H_
