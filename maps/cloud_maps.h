// SPDX-License-Identifier: Apache-2.0
// The map classes of the Cloud profile, compiled once.
//
//   #include "bpfmap/maps/cloud_maps.h"
//
//   HashMap<Cloud> map(def);
//
// Include this header, in place of hash_map.h and the others, where maps of the
// Cloud profile are created or called as what they are. Every class is declared
// as instantiated elsewhere (maps/cloud_*.cc), so a file that uses it compiles
// several times faster, and its object is smaller. Methods are defined in their
// classes and are inlined as before.
//
// The headers of the types do not include this one: for another profile, such
// as Embedded, they are all there is.

#ifndef BPFMAP_MAPS_CLOUD_MAPS_H_
#define BPFMAP_MAPS_CLOUD_MAPS_H_

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
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/local_storage.h"
#include "bpfmap/maps/lpm_trie_map.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/lru_per_cpu_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/per_cpu_array_map.h"
#include "bpfmap/maps/per_cpu_hash_map.h"
#include "bpfmap/maps/perf_event.h"
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
#include "bpfmap/profiles/cloud.h"

namespace bpfmap {

// Their common base, which has the vtable and the commands.
extern template class MapBase<ArenaMap<Cloud>, Cloud>;
extern template class MapBase<ArrayMap<Cloud>, Cloud>;
extern template class MapBase<ArrayOfMaps<Cloud>, Cloud>;
extern template class MapBase<BloomFilterMap<Cloud>, Cloud>;
extern template class MapBase<CgroupArray<Cloud>, Cloud>;
extern template class MapBase<CgroupStorage<Cloud, MapType::kCgroupStorage>,
                              Cloud>;
extern template class MapBase<
    CgroupStorage<Cloud, MapType::kPerCpuCgroupStorage>, Cloud>;
extern template class MapBase<CpuMap<Cloud>, Cloud>;
extern template class MapBase<CustomMap<Cloud>, Cloud>;
extern template class MapBase<DevMap<Cloud>, Cloud>;
extern template class MapBase<DevMapHash<Cloud>, Cloud>;
extern template class MapBase<HashMap<Cloud>, Cloud>;
extern template class MapBase<HashOfMaps<Cloud>, Cloud>;
extern template class MapBase<LocalStorage<Cloud, MapType::kCgrpStorage>,
                              Cloud>;
extern template class MapBase<LocalStorage<Cloud, MapType::kInodeStorage>,
                              Cloud>;
extern template class MapBase<LocalStorage<Cloud, MapType::kSkStorage>, Cloud>;
extern template class MapBase<LocalStorage<Cloud, MapType::kTaskStorage>,
                              Cloud>;
extern template class MapBase<LpmTrieMap<Cloud>, Cloud>;
extern template class MapBase<LruMap<Cloud, MapType::kLruHash>, Cloud>;
extern template class MapBase<LruMap<Cloud, MapType::kLruPerCpuHash>, Cloud>;
extern template class MapBase<PerCpuArrayMap<Cloud>, Cloud>;
extern template class MapBase<PerCpuHashMap<Cloud>, Cloud>;
extern template class MapBase<PerfEventArray<Cloud>, Cloud>;
extern template class MapBase<ProgArray<Cloud>, Cloud>;
extern template class MapBase<QueueStackMap<Cloud, MapType::kQueue>, Cloud>;
extern template class MapBase<QueueStackMap<Cloud, MapType::kStack>, Cloud>;
extern template class MapBase<ReuseportSockArray<Cloud>, Cloud>;
extern template class MapBase<RingBuffer<Cloud>, Cloud>;
extern template class MapBase<SockHash<Cloud>, Cloud>;
extern template class MapBase<SockMap<Cloud>, Cloud>;
extern template class MapBase<StackTraceMap<Cloud>, Cloud>;
extern template class MapBase<StructOpsMap<Cloud>, Cloud>;
extern template class MapBase<UserRingBuffer<Cloud>, Cloud>;
extern template class MapBase<XskMap<Cloud>, Cloud>;

extern template class ArenaMap<Cloud>;
extern template class ArrayMap<Cloud>;
extern template class ArrayOfMaps<Cloud>;
extern template class BloomFilterMap<Cloud>;
extern template class CgroupArray<Cloud>;
extern template class CgroupStorage<Cloud, MapType::kCgroupStorage>;
extern template class CgroupStorage<Cloud, MapType::kPerCpuCgroupStorage>;
extern template class CpuMap<Cloud>;
extern template class CustomMap<Cloud>;
extern template class DevMap<Cloud>;
extern template class DevMapHash<Cloud>;
extern template class HashMap<Cloud>;
extern template class HashOfMaps<Cloud>;
extern template class LocalStorage<Cloud, MapType::kCgrpStorage>;
extern template class LocalStorage<Cloud, MapType::kInodeStorage>;
extern template class LocalStorage<Cloud, MapType::kSkStorage>;
extern template class LocalStorage<Cloud, MapType::kTaskStorage>;
extern template class LpmTrieMap<Cloud>;
extern template class LruMap<Cloud, MapType::kLruHash>;
extern template class LruMap<Cloud, MapType::kLruPerCpuHash>;
extern template class PerCpuArrayMap<Cloud>;
extern template class PerCpuHashMap<Cloud>;
extern template class PerfEvent<Cloud>;
extern template class PerfEventArray<Cloud>;
extern template class ProgArray<Cloud>;
extern template class QueueStackMap<Cloud, MapType::kQueue>;
extern template class QueueStackMap<Cloud, MapType::kStack>;
extern template class ReuseportSockArray<Cloud>;
extern template class RingBuffer<Cloud>;
extern template class SockHash<Cloud>;
extern template class SockMap<Cloud>;
extern template class StackTraceMap<Cloud>;
extern template class StructOpsMap<Cloud>;
extern template class UserRingBuffer<Cloud>;
extern template class XskMap<Cloud>;

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_CLOUD_MAPS_H_
