// SPDX-License-Identifier: Apache-2.0

// Firmware with the maps that MAPS names, for its size: see costs.tsv.

#include <cstdint>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/profiles/embedded.h"
#include "tests/embedded/machine/other_tables.h"

namespace bpfmap {
namespace {

using Small = BasicEmbedded<12 * 1024>;

constinit Small::Memory pool;

constexpr bool kHash = MAPS & 1;
constexpr bool kArray = MAPS & 2;
constexpr bool kRing = MAPS & 4;
constexpr bool kLru = MAPS & 8;
constexpr bool kPlain = MAPS & 16;
constexpr bool kStd = MAPS & 32;

// Updates, looks up, and deletes where that can be.
template <typename Map>
int Use(Map& map) {
  if (map.Init() != Errno::kOk) return 1;
  const uint32_t key = 5;
  const uint64_t value = 7;
  if (map.UpdateElem(&key, &value, kAny) != Errno::kOk) return 2;
  if (map.LookupElem(&key) == nullptr) return 3;
  return 0;
}

template <typename Map>
int UseHash(MapType type) {
  Map map({.type = type, .key_size = 4, .value_size = 8, .max_entries = 64},
          &pool);
  const uint32_t key = 5;
  const int result = Use(map);
  return result != 0 ? result : map.DeleteElem(&key) == Errno::kOk ? 0 : 4;
}

int UseArray() {
  ArrayMap<Small> map({.type = MapType::kArray,
                       .key_size = 4,
                       .value_size = 8,
                       .max_entries = 64},
                      &pool);
  return Use(map);
}

int UseRing() {
  RingBuffer<Small> ring({.type = MapType::kRingBuf, .max_entries = 4096},
                         &pool);
  const uint64_t data = 7;
  if (ring.Init() != Errno::kOk) return 1;
  if (ring.Output(&data, sizeof data) != Errno::kOk) return 2;
  return ring.Consume([](void*, uint32_t) { return 0; }) == 1 ? 0 : 3;
}

constinit machine::PlainTable<64> plain = {};

int UsePlain() {
  plain.Put(5, 7);
  return plain.Find(5) != nullptr && plain.Erase(5) ? 0 : 1;
}

int UseStd() {
  machine::PoolMap<Small::Memory> map(&pool);
  map.insert_or_assign(5, 7);
  return map.find(5) != map.end() && map.erase(5) == 1 ? 0 : 1;
}

}  // namespace
}  // namespace bpfmap

int main() {
  int failed = 0;
  using bpfmap::HashMap, bpfmap::LruHashMap, bpfmap::MapType, bpfmap::Small;
  if constexpr (bpfmap::kHash) {
    failed |= bpfmap::UseHash<HashMap<Small>>(MapType::kHash);
  }
  if constexpr (bpfmap::kLru) {
    failed |= bpfmap::UseHash<LruHashMap<Small>>(MapType::kLruHash);
  }
  if constexpr (bpfmap::kPlain) failed |= bpfmap::UsePlain();
  if constexpr (bpfmap::kStd) failed |= bpfmap::UseStd();
  if constexpr (bpfmap::kArray) failed |= bpfmap::UseArray();
  if constexpr (bpfmap::kRing) failed |= bpfmap::UseRing();
  return failed;
}
