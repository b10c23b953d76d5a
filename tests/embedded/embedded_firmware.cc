// SPDX-License-Identifier: Apache-2.0

// A microcontroller's program, as far as maps go: a static pool, a map of each
// type in it, and every method called, directly and through the interface.
//
// embedded_firmware_test.cc runs it, on the host; embedded_symbols_test.sh
// looks at what the object refers to.

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/bloom_filter_map.h"
#include "bpfmap/maps/custom_map.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/lpm_trie_map.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_provider.h"
#include "bpfmap/maps/map_providers.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/maps/per_cpu_array_map.h"
#include "bpfmap/maps/per_cpu_hash_map.h"
#include "bpfmap/maps/perf_event.h"
#include "bpfmap/maps/perf_event_array.h"
#include "bpfmap/maps/queue_stack_map.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/maps/user_ring_buffer.h"
#include "bpfmap/profiles/embedded.h"
#include "tests/embedded/every_method.h"
#include "tests/embedded/every_perf_method.h"
#include "tests/embedded/every_ring_method.h"
#include "tests/embedded/every_trie_method.h"

namespace bpfmap {

constinit Embedded::Memory firmware_pool;

class FirmwareProvider final : public MapProvider {
 public:
  constexpr FirmwareProvider() : MapProvider(kFirstCustomType) {}
  DefError OnCreate(ProvidedMap&, Storage*) override { return {}; }
};
constinit FirmwareProvider firmware_provider;

// Where a table of handlers would call a map that it knows as a LocalMap only.
[[gnu::noinline]] int CallThroughInterface(LocalMap& map) {
  return CallEveryMethod(map);
}

template <typename Map>
int UseMap(MapType type, bool value_has_lock) {
  const MapDef def = EveryMethodDef(type, value_has_lock);
  if (Map::Check(def).failed() || MemoryNeeded<Embedded>(def) == 0) return -1;
  if (Map::MemoryNeeded(def) > firmware_pool.remaining()) return -1;
  Map map(def, &firmware_pool);
  if (map.Init() != Errno::kOk) return -1;
  Map other(def, &firmware_pool);
  if (other.Init() != Errno::kOk) return -1;
  return CallEveryMethod(map) + CallThroughInterface(other);
}

int UseTrie(uint32_t data_size) {
  const MapDef def = EveryTrieMethodDef(data_size);
  if (MemoryNeeded<Embedded>(def) > firmware_pool.remaining()) return -1;
  LpmTrieMap<Embedded> map(def, &firmware_pool);
  return map.Init() == Errno::kOk ? CallEveryTrieMethod(map) : -1;
}

int UseCustomMap() {
  auto& providers = MapProviders<Embedded>::Global();
  if (providers.Add(&firmware_provider) != Errno::kOk) return -1;
  const int surprises =
      UseMap<CustomMap<Embedded>>(firmware_provider.type(), false);
  return providers.Remove(&firmware_provider) == Errno::kOk ? surprises : -1;
}

int UseRings() {
  RingBuffer<Embedded> ring(kEveryRingMethodDef, &firmware_pool);
  if (ring.Init() != Errno::kOk) return -1;
  UserRingBuffer<Embedded> user_ring(kEveryUserRingMethodDef, &firmware_pool);
  if (user_ring.Init() != Errno::kOk) return -1;
  return CallEveryRingMethod(ring) + CallEveryUserRingMethod(user_ring);
}

int UsePerfEvents() {
  PerfEvent<Embedded> event(kEveryPerfMethodAttr, &firmware_pool);
  if (event.Init() != Errno::kOk) return -1;
  PerfEventArray<Embedded> array(kEveryPerfMethodDef, &firmware_pool);
  if (array.Init() != Errno::kOk) return -1;
  return CallEveryPerfMethod(array, event);
}

}  // namespace bpfmap

// 0 if every answer was the expected one.
extern "C" int FirmwareMain() {
  using bpfmap::ArrayMap, bpfmap::Embedded, bpfmap::HashMap, bpfmap::MapType;
  using bpfmap::BloomFilterMap, bpfmap::QueueMap, bpfmap::StackMap;
  using bpfmap::LruHashMap, bpfmap::PerCpuArrayMap, bpfmap::PerCpuHashMap;
  return bpfmap::UseMap<ArrayMap<Embedded>>(MapType::kArray, false) |
         bpfmap::UseMap<ArrayMap<Embedded>>(MapType::kArray, true) |
         bpfmap::UseMap<HashMap<Embedded>>(MapType::kHash, false) |
         bpfmap::UseMap<HashMap<Embedded>>(MapType::kHash, true) |
         bpfmap::UseMap<PerCpuArrayMap<Embedded>>(MapType::kPerCpuArray,
                                                  false) |
         bpfmap::UseMap<PerCpuHashMap<Embedded>>(MapType::kPerCpuHash, false) |
         bpfmap::UseMap<LruHashMap<Embedded>>(MapType::kLruHash, false) |
         bpfmap::UseTrie(4) | bpfmap::UseTrie(24) |
         bpfmap::UseMap<QueueMap<Embedded>>(MapType::kQueue, false) |
         bpfmap::UseMap<StackMap<Embedded>>(MapType::kStack, false) |
         bpfmap::UseMap<BloomFilterMap<Embedded>>(MapType::kBloomFilter,
                                                  false) |
         bpfmap::UseCustomMap() | bpfmap::UseRings() | bpfmap::UsePerfEvents();
}
