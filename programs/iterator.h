// SPDX-License-Identifier: Apache-2.0
//
// NumberIterator: what a `struct bpf_iter_num` of a program holds, 8 bytes.
//
// Programs may not look into it: they are given the address of `current`.

#ifndef BPFMAP_PROGRAMS_ITERATOR_H_
#define BPFMAP_PROGRAMS_ITERATOR_H_

#include <cstdint>

namespace bpfmap {

struct NumberIterator {
  int32_t current = 0;  // one before the next
  int32_t end = 0;      // one after the last
};

inline constexpr uint32_t kIteratorSize = sizeof(NumberIterator);
static_assert(kIteratorSize == 8);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_ITERATOR_H_
