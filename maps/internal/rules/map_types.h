// SPDX-License-Identifier: Apache-2.0

// VisitMapType: from a MapType to the class that implements it.
//
// The only switch from the map type to a class. It has no default, so the
// compiler names a type that was forgotten here.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_MAP_TYPES_H_
#define BPFMAP_MAPS_INTERNAL_RULES_MAP_TYPES_H_

#include <type_traits>

#include "bpfmap/maps/arena_map.h"
#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/array_of_maps.h"
#include "bpfmap/maps/bloom_filter_map.h"
#include "bpfmap/maps/cgroup_array.h"
#include "bpfmap/maps/cgroup_storage.h"
#include "bpfmap/maps/cpu_map.h"
#include "bpfmap/maps/custom_map.h"
#include "bpfmap/maps/dev_map.h"
#include "bpfmap/maps/dev_map_hash.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/hash_of_maps.h"
#include "bpfmap/maps/internal/rules/inner_maps.h"
#include "bpfmap/maps/local_storage.h"
#include "bpfmap/maps/lpm_trie_map.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/lru_options.h"
#include "bpfmap/maps/lru_per_cpu_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/maps/per_cpu_array_map.h"
#include "bpfmap/maps/per_cpu_hash_map.h"
#include "bpfmap/maps/perf_event_array.h"
#include "bpfmap/maps/prog_array.h"
#include "bpfmap/maps/queue_stack_map.h"
#include "bpfmap/maps/reuseport_sock_array.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/maps/sock_hash.h"
#include "bpfmap/maps/sock_map.h"
#include "bpfmap/maps/stack_trace_map.h"
#include "bpfmap/maps/struct_ops_map.h"
#include "bpfmap/maps/user_ring_buffer.h"
#include "bpfmap/maps/xsk_map.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

// Calls visitor(std::type_identity<Map>{}) with the map class of `type` in
// profile P, and returns true; or returns false if there is none.
template <Profile P, typename Visitor>
constexpr bool VisitMapType(MapType type, Visitor visitor) {
  switch (type) {
    case MapType::kHash:
      visitor(std::type_identity<HashMap<P>>{});
      return true;
    case MapType::kArray:
      visitor(std::type_identity<ArrayMap<P>>{});
      return true;
    case MapType::kProgArray:
      visitor(std::type_identity<ProgArray<P>>{});
      return true;
    case MapType::kPerfEventArray:
      visitor(std::type_identity<PerfEventArray<P>>{});
      return true;
    case MapType::kPerCpuHash:
      visitor(std::type_identity<PerCpuHashMap<P>>{});
      return true;
    case MapType::kPerCpuArray:
      visitor(std::type_identity<PerCpuArrayMap<P>>{});
      return true;
    case MapType::kStackTrace:
      if constexpr (kHasStackTrace<P>) {
        visitor(std::type_identity<StackTraceMap<P>>{});
        return true;
      }
      return false;
    case MapType::kCgroupArray:
      visitor(std::type_identity<CgroupArray<P>>{});
      return true;
    case MapType::kLruHash:
      if constexpr (kHasLru<P>) {
        visitor(std::type_identity<LruHashMap<P>>{});
        return true;
      }
      return false;
    case MapType::kLruPerCpuHash:
      if constexpr (kHasLinuxLru<P>) {
        visitor(std::type_identity<LruPerCpuHashMap<P>>{});
        return true;
      }
      return false;
    case MapType::kLpmTrie:
      visitor(std::type_identity<LpmTrieMap<P>>{});
      return true;
    case MapType::kArrayOfMaps:
      if constexpr (kHasMapsOfMaps<P>) {
        visitor(std::type_identity<ArrayOfMaps<P>>{});
        return true;
      }
      return false;
    case MapType::kHashOfMaps:
      if constexpr (kHasMapsOfMaps<P>) {
        visitor(std::type_identity<HashOfMaps<P>>{});
        return true;
      }
      return false;
    case MapType::kDevMap:
      visitor(std::type_identity<DevMap<P>>{});
      return true;
    case MapType::kCpuMap:
      visitor(std::type_identity<CpuMap<P>>{});
      return true;
    case MapType::kCgroupStorage:
      visitor(std::type_identity<CgroupStorage<P, MapType::kCgroupStorage>>{});
      return true;
    case MapType::kPerCpuCgroupStorage:
      visitor(std::type_identity<
              CgroupStorage<P, MapType::kPerCpuCgroupStorage>>{});
      return true;
    case MapType::kSockMap:
      visitor(std::type_identity<SockMap<P>>{});
      return true;
    case MapType::kXskMap:
      visitor(std::type_identity<XskMap<P>>{});
      return true;
    case MapType::kSockHash:
      visitor(std::type_identity<SockHash<P>>{});
      return true;
    case MapType::kReuseportSockArray:
      visitor(std::type_identity<ReuseportSockArray<P>>{});
      return true;
    case MapType::kDevMapHash:
      visitor(std::type_identity<DevMapHash<P>>{});
      return true;
    case MapType::kQueue:
      visitor(std::type_identity<QueueMap<P>>{});
      return true;
    case MapType::kStack:
      visitor(std::type_identity<StackMap<P>>{});
      return true;
    case MapType::kSkStorage:
      if constexpr (kHasLocalStorage<P>) {
        visitor(std::type_identity<SkStorage<P>>{});
        return true;
      }
      return false;
    case MapType::kInodeStorage:
      if constexpr (kHasLocalStorage<P>) {
        visitor(std::type_identity<InodeStorage<P>>{});
        return true;
      }
      return false;
    case MapType::kTaskStorage:
      if constexpr (kHasLocalStorage<P>) {
        visitor(std::type_identity<TaskStorage<P>>{});
        return true;
      }
      return false;
    case MapType::kCgrpStorage:
      if constexpr (kHasLocalStorage<P>) {
        visitor(std::type_identity<CgrpStorage<P>>{});
        return true;
      }
      return false;
    case MapType::kStructOps:
      visitor(std::type_identity<StructOpsMap<P>>{});
      return true;
    case MapType::kArena:
      if constexpr (kHasArena<P>) {
        visitor(std::type_identity<ArenaMap<P>>{});
        return true;
      }
      return false;
    case MapType::kRingBuf:
      visitor(std::type_identity<RingBuffer<P>>{});
      return true;
    case MapType::kBloomFilter:
      visitor(std::type_identity<BloomFilterMap<P>>{});
      return true;
    case MapType::kUserRingBuf:
      visitor(std::type_identity<UserRingBuffer<P>>{});
      return true;
  }
  if (IsCustom(type)) {
    visitor(std::type_identity<CustomMap<P>>{});
    return true;
  }
  return false;
}

// What LocalMap::traits() of a map of `type` will say, but for its sizes.
template <Profile P>
constexpr MapTraits TraitsOf(MapType type) {
  MapTraits traits;
  VisitMapType<P>(type, [&]<typename Map>(std::type_identity<Map>) {
    traits = Map::kTraits;
  });
  return traits;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_MAP_TYPES_H_
