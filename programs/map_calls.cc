// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/map_calls.h"

#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/map_cast.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_producer.h"
#include "bpfmap/programs/program.h"

namespace bpfmap {
namespace {

// visit(storage), if the map is a LocalStorage of this type.
template <MapType kType, typename Visitor>
bool VisitStorage(LocalMap* map, Visitor visit) {
  auto* const storage = MapCast<LocalStorage<Cloud, kType>>(map);
  if (storage != nullptr) visit(storage);
  return storage != nullptr;
}

template <typename Visitor>
bool VisitStorage(LocalMap* map, Visitor visit) {
  return VisitStorage<MapType::kTaskStorage>(map, visit) ||
         VisitStorage<MapType::kSkStorage>(map, visit) ||
         VisitStorage<MapType::kInodeStorage>(map, visit) ||
         VisitStorage<MapType::kCgrpStorage>(map, visit);
}

}  // namespace

MapFacts FactsOf(LocalMap* map) {
  const MapDef def = map->def();
  return {map,
          def.type,
          def.key_size,
          def.value_size,
          def.map_flags,
          def.spin_lock_offset,
          def.timer_offset};
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
  // A lock or a timer in the value is nobody's to touch: its map has rules of
  // its own.
  const bool plain =
      map.lock_offset == kNoSpinLock && map.timer_offset == kNoTimer;
  region->readable =
      plain && !HasAny(map.flags, kWrOnlyProg) ? map.value_size : 0;
  region->writable =
      plain && !HasAny(map.flags, kRdOnlyProg) ? map.value_size : 0;
}

uint32_t LookupProgram(LocalMap* map, uint32_t index) {
  const ProgArray<Cloud>* const array = MapCast<ProgArray>(map);
  return array == nullptr ? 0 : array->LookupProgram(index);
}

Errno LookupCgroup(LocalMap* map, uint32_t index, uint32_t* cgroup) {
  const CgroupArray<Cloud>* const array = MapCast<CgroupArray>(map);
  if (array == nullptr) return Errno::kInval;
  return array->LookupCgroup(index, cgroup);
}

void* StorageOf(LocalMap* map, uint64_t object, const void* initial,
                bool creates) {
  void* value = nullptr;
  VisitStorage(map, [&](auto* storage) {
    value = storage->Get(object, initial, creates);
  });
  return value;
}

Errno DropStorage(LocalMap* map, uint64_t object) {
  Errno error = Errno::kInval;
  VisitStorage(map, [&](auto* storage) { error = storage->Drop(object); });
  return error;
}

bool IsRing(LocalMap* map) { return AsRingProducer(map) != nullptr; }

void* RingReserve(LocalMap* map, uint64_t size, uint64_t flags) {
  return AsRingProducer(map)->Reserve(size, RingFlags{flags});
}

void RingSubmit(LocalMap* map, void* data, uint64_t flags) {
  AsRingProducer(map)->Submit(data, RingFlags{flags});
}

void RingDiscard(LocalMap* map, void* data, uint64_t flags) {
  AsRingProducer(map)->Discard(data, RingFlags{flags});
}

Errno RingOutput(LocalMap* map, const void* data, uint64_t size,
                 uint64_t flags) {
  return AsRingProducer(map)->Output(data, size, RingFlags{flags});
}

uint64_t RingQuery(LocalMap* map, uint64_t flags) {
  return AsRingProducer(map)->Query(flags);
}

int64_t UserRingDrain(LocalMap* map,
                      int (*visit)(void* context, void* data, uint32_t size),
                      void* context, uint64_t flags) {
  return map->DrainRecords({visit, context}, RingFlags{flags});
}

Errno PerfOutput(LocalMap* map, uint64_t flags, const void* data, uint64_t size,
                 const void* packet, uint64_t packet_size) {
  PerfEventArray<Cloud>* const array = MapCast<PerfEventArray>(map);
  if (array == nullptr) return Errno::kInval;
  if (packet == nullptr) return array->Output(PerfFlags{flags}, data, size);
  return array->Output(PerfFlags{flags}, data, size, packet, packet_size);
}

int64_t StackId(LocalMap* map, uint64_t flags) {
  StackTraceMap<Cloud>* const stacks = MapCast<StackTraceMap>(map);
  if (stacks == nullptr) return -static_cast<int64_t>(Errno::kInval);
  return stacks->GetStackId(StackFlags{flags});
}

}  // namespace bpfmap
