// SPDX-License-Identifier: Apache-2.0
//
// Iterators: programs of iter/bpf_map_elem, which run for each element of a map
// and once more after the last, and print what a descriptor gives to read.
//
// All of them run as BPF_ITER_CREATE makes the descriptor, and what they print
// is in its file from then on. Linux runs them as the file is read: there, a
// change of the map between the two is seen.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_ITERATOR_H_
#define BPFMAP_SYSCALL_ITERATOR_H_

#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/attributes.h"
#include "bpfmap/syscall/link.h"

namespace bpfmap {

inline constexpr char kMapElementTarget[] = "bpf_map_elem";

// Whether the elements of a map of this type can be iterated over.
bool HasIterator(MapType type);

// BPF_ITER_CREATE: a descriptor to read from.
//   EINVAL  there are flags; the descriptor is no link of an iterator
//   EBADF   it is not open
//   EACCES  a program did what it may not, which is said on standard error
//   EAGAIN  a program asked for the same element again
//   E2BIG   a program printed more than 32768 bytes for one element
//   EMFILE, ENFILE, ENOMEM, ENOSPC  of the file
long IterCreate(const Attributes& attributes);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_ITERATOR_H_
