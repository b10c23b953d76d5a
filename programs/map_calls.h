// SPDX-License-Identifier: Apache-2.0
//
// Calls of maps beyond LocalMap: the methods of certain types.
//
// Arrays and rings may be of any profile, as those of bpf(2) are that can be
// mapped. Others are found if they are of the Cloud profile, as CreateMap()
// makes them; a map of another class is refused, and never taken for one.

#ifndef BPFMAP_PROGRAMS_MAP_CALLS_H_
#define BPFMAP_PROGRAMS_MAP_CALLS_H_

#include <cstdint>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/programs/memory.h"

namespace bpfmap {

// The only value of an array; null for any other map.
void* DirectValue(const MapFacts& map);

// Makes *region the value at `value` of `map`.
void FillValueRegion(const MapFacts& map, void* value, Region* region);

// The handle at `index` of a PROG_ARRAY; 0 where there is none.
uint32_t LookupProgram(LocalMap* map, uint32_t index);

// The cgroup at `index` of a CGROUP_ARRAY: see CgroupArray::LookupCgroup(), and
// EINVAL for a map of another class.
Errno LookupCgroup(LocalMap* map, uint32_t index, uint32_t* cgroup);

// The value that `object` has in a map of local storage, or gets: see
// LocalStorage::Get(). Null for another map.
void* StorageOf(LocalMap* map, uint64_t object, const void* initial,
                bool creates);
// LocalStorage::Drop(); EINVAL for another map.
Errno DropStorage(LocalMap* map, uint64_t object);

// A ring. REQUIRES: IsRing(map).
bool IsRing(LocalMap* map);
void* RingReserve(LocalMap* map, uint64_t size, uint64_t flags);
void RingSubmit(LocalMap* map, void* data, uint64_t flags);
void RingDiscard(LocalMap* map, void* data, uint64_t flags);
Errno RingOutput(LocalMap* map, const void* data, uint64_t size,
                 uint64_t flags);
uint64_t RingQuery(LocalMap* map, uint64_t flags);

// bpf_user_ringbuf_drain(); ENOTSUPP for a ring of another profile. `visit` is
// called as visit(context, data, size).
int64_t UserRingDrain(LocalMap* map,
                      int (*visit)(void* context, void* data, uint32_t size),
                      void* context, uint64_t flags);

// bpf_perf_event_output(); `packet` is what the flags may ask for more of.
Errno PerfOutput(LocalMap* map, uint64_t flags, const void* data, uint64_t size,
                 const void* packet, uint64_t packet_size);

// bpf_get_stackid().
int64_t StackId(LocalMap* map, uint64_t flags);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_MAP_CALLS_H_
