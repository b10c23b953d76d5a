// SPDX-License-Identifier: Apache-2.0

// LruPerCpuHashMap: BPF_MAP_TYPE_LRU_PERCPU_HASH. Values by key, each with a
// slice of its own for every CPU; in a full map, an update of a further key
// evicts others.
//
// lru_hash_map.h says which key is evicted and what a use is; values and
// pointers are those of per_cpu_hash_map.h. From lru_hash_map.h it differs in
// this:
//
//   An update of a present key writes its value in place, and is a use of the
//   key. With BPF_EXIST it takes no room, so that no key is evicted; otherwise
//   it takes room first, as for a new key, and gives it back. LookupPerCpuElem
//   is a use, as LookupElem is. The eviction callback sees the slices of all
//   CPUs, as user space does.
//
// Cloud only. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_LRU_PER_CPU_HASH_MAP_H_
#define BPFMAP_MAPS_LRU_PER_CPU_HASH_MAP_H_

#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

template <Profile P>
using LruPerCpuHashMap = LruMap<P, MapType::kLruPerCpuHash>;

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_LRU_PER_CPU_HASH_MAP_H_
