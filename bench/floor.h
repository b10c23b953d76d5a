// SPDX-License-Identifier: Apache-2.0

// The floor: for each row, the least that any correct design has to do. A
// contender like the others, so that it is measured in the same run.
//
// A ratio to the kernel or to another library says who is ahead on some
// machine. A multiple of the floor says how much of the time is the task
// itself, and how much is left to gain: 1.0x cannot be beaten.
//
//   lookup in a hash     hash the key; load one line of metadata and one of the
//                        element
//   update of a hash     the same lines, one atomic instruction where two
//                        threads may write, and the bytes
//   insert, delete       an update each
//   per-CPU hash         a lookup, and the line of the CPU's slice; no atomic
//                        instruction, as no other CPU writes there
//   lookup in an LRU     as in a hash, and the reference bit
//   update of an LRU     as in a hash, and one step of a list; with an eviction
//                        also a delete
//   LPM trie             a lookup in a hash for each length that prefixes have:
//                        for one, as all have 32 bits here
//   Bloom filter         hash the value; load one word; write it if a bit is
//                        missing
//   array                compare the index, and add; a per-CPU one also asks
//                        which CPU it is
//   map of maps          the outer lookup, and the load of a pointer
//   queue, stack         one atomic instruction, and the bytes, for each of
//                        push and pop
//   ring buffer          one atomic instruction, and the bytes
//   user view            the same, and one copy; of all slices, where there is
//                        one per CPU
//
// The floor is no map to use. It leaves out what costs a map something and a
// row does not ask for: see floor_table.h.

#ifndef BPFMAP_BENCH_FLOOR_H_
#define BPFMAP_BENCH_FLOOR_H_

#include <vector>

#include "bench/contender.h"

namespace bpfmap::bench {

std::vector<Contender> FloorMaps();

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_FLOOR_H_
