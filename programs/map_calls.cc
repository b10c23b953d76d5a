// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/map_calls.h"

#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/lru_per_cpu_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/per_cpu_array_map.h"
#include "bpfmap/maps/per_cpu_hash_map.h"
#include "bpfmap/maps/perf_event_array.h"
#include "bpfmap/maps/prog_array.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/maps/stack_trace_map.h"
#include "bpfmap/maps/user_ring_buffer.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/programs/program.h"

namespace bpfmap {
namespace {

RingBuffer<Cloud>& Ring(LocalMap* map) {
  return static_cast<RingBuffer<Cloud>&>(*map);
}

}  // namespace

MapFacts FactsOf(LocalMap* map) {
  const MapDef def = map->def();
  return {map,
          def.type,
          def.key_size,
          def.value_size,
          static_cast<uint32_t>(def.map_flags),
          def.spin_lock_offset};
}

void* DirectValue(const MapFacts& map) {
  if (map.type != MapType::kArray || map.map->def().max_entries != 1) {
    return nullptr;
  }
  const uint32_t zero = 0;
  return map.map->LookupElem(&zero);
}

void FillValueRegion(const MapFacts& map, void* value, Region* region) {
  region->kind = RegionKind::kMapValue;
  region->base = reinterpret_cast<uintptr_t>(value);
  region->size = map.value_size;
  region->map = map;
  // A lock in the value is nobody's to touch: its map has rules of its own.
  const bool plain = map.lock_offset == kNoSpinLock;
  const uint32_t flags = map.flags;
  region->readable =
      plain && (flags & uint32_t(kWrOnlyProg)) == 0 ? map.value_size : 0;
  region->writable =
      plain && (flags & uint32_t(kRdOnlyProg)) == 0 ? map.value_size : 0;
}

void* LookupPerCpu(LocalMap* map, const void* key, uint32_t cpu) {
  switch (map->def().type) {
    case MapType::kPerCpuArray:
      return static_cast<PerCpuArrayMap<Cloud>&>(*map).LookupPerCpuElem(key,
                                                                        cpu);
    case MapType::kPerCpuHash:
      return static_cast<PerCpuHashMap<Cloud>&>(*map).LookupPerCpuElem(key,
                                                                       cpu);
    case MapType::kLruPerCpuHash:
      return static_cast<LruPerCpuHashMap<Cloud>&>(*map).LookupPerCpuElem(key,
                                                                          cpu);
    default:
      return nullptr;
  }
}

uint32_t LookupProgram(LocalMap* map, uint32_t index) {
  if (map->def().type != MapType::kProgArray) return 0;
  return static_cast<ProgArray<Cloud>&>(*map).LookupProgram(index);
}

bool IsRing(const LocalMap* map) {
  return map->def().type == MapType::kRingBuf;
}

void* RingReserve(LocalMap* map, uint64_t size, uint64_t flags) {
  return Ring(map).Reserve(size, flags);
}

void RingSubmit(LocalMap* map, void* data, uint64_t flags) {
  Ring(map).Submit(data, flags);
}

void RingDiscard(LocalMap* map, void* data, uint64_t flags) {
  Ring(map).Discard(data, flags);
}

Errno RingOutput(LocalMap* map, const void* data, uint64_t size,
                 uint64_t flags) {
  return Ring(map).Output(data, size, flags);
}

uint64_t RingQuery(LocalMap* map, uint64_t flags) {
  return Ring(map).Query(flags);
}

int64_t UserRingDrain(LocalMap* map,
                      int (*visit)(void* context, void* data, uint32_t size),
                      void* context, uint64_t flags) {
  auto& ring = static_cast<UserRingBuffer<Cloud>&>(*map);
  return ring.Drain(
      [=](void* data, uint32_t size) { return visit(context, data, size); },
      flags);
}

Errno PerfOutput(LocalMap* map, uint64_t flags, const void* data, uint64_t size,
                 const void* packet, uint64_t packet_size) {
  auto& array = static_cast<PerfEventArray<Cloud>&>(*map);
  if (packet == nullptr) return array.Output(flags, data, size);
  return array.Output(flags, data, size, packet, packet_size);
}

int64_t StackId(LocalMap* map, uint64_t flags) {
  return static_cast<StackTraceMap<Cloud>&>(*map).GetStackId(flags);
}

}  // namespace bpfmap
