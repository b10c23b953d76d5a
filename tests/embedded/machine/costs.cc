// SPDX-License-Identifier: Apache-2.0

// The cost of maps on a Cortex-M, in instructions: one line "NAME NUMBER" each,
// which costs_test.sh compares with costs.tsv. Beside a hash map stands what
// firmware has without this library: a plain table, and std::unordered_map.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/profiles/embedded.h"
#include "tests/embedded/machine/machine.h"
#include "tests/embedded/machine/other_tables.h"

namespace bpfmap {
namespace {

using machine::InstructionsOf;
using machine::PlainTable;
using machine::PoolMap;
using machine::PrintNumber;

constexpr uint32_t kEntries = 512;

constinit Embedded::Memory pool;

constinit PlainTable<kEntries> plain = {};

void MeasurePlain() {
  PrintNumber("plain_insert", InstructionsOf(kEntries, [](uint32_t key) {
                plain.Put(key, key);
              }));
  PrintNumber("plain_lookup", InstructionsOf(kEntries, [](uint32_t key) {
                const uint64_t* const value = plain.Find(key);
                EXPECT(value != nullptr && *value == key);
              }));
  PrintNumber("plain_update", InstructionsOf(kEntries, [](uint32_t key) {
                plain.Put(key, key + 1);
              }));
  PrintNumber("plain_delete", InstructionsOf(kEntries, [](uint32_t key) {
                EXPECT(plain.Erase(key));
              }));
}

void MeasureStd() {
  PoolMap<Embedded::Memory> map(&pool);
  map.reserve(kEntries);
  PrintNumber("std_insert", InstructionsOf(kEntries, [&](uint32_t key) {
                map.insert_or_assign(key, key);
              }));
  PrintNumber("std_lookup", InstructionsOf(kEntries, [&](uint32_t key) {
                const auto found = map.find(key);
                EXPECT(found != map.end() && found->second == key);
              }));
  PrintNumber("std_update", InstructionsOf(kEntries, [&](uint32_t key) {
                map.insert_or_assign(key, key + 1);
              }));
  PrintNumber("std_delete", InstructionsOf(kEntries, [&](uint32_t key) {
                EXPECT(map.erase(key) == 1);
              }));
}

// The names of the numbers of one map.
struct Names {
  const char* insert;
  const char* lookup;
  const char* update;
  const char* erase;
};

template <typename Map>
void MeasureMap(const Names& names, Map& map) {
  EXPECT(map.Init() == Errno::kOk);
  PrintNumber(names.insert, InstructionsOf(kEntries, [&](uint32_t key) {
                const uint64_t value = key;
                EXPECT(map.UpdateElem(&key, &value, kAny) == Errno::kOk);
              }));
  PrintNumber(names.lookup, InstructionsOf(kEntries, [&](uint32_t key) {
                uint64_t value = ~uint64_t{0};
                if (const void* element = map.LookupElem(&key)) {
                  std::memcpy(&value, element, sizeof value);
                }
                EXPECT(value == key);
              }));
  PrintNumber(names.update, InstructionsOf(kEntries, [&](uint32_t key) {
                const uint64_t value = key + 1;
                EXPECT(map.UpdateElem(&key, &value, kExist) == Errno::kOk);
              }));
  PrintNumber(names.erase, InstructionsOf(kEntries, [&](uint32_t key) {
                EXPECT(map.DeleteElem(&key) == Errno::kOk);
              }));
}

void MeasureHash() {
  HashMap<Embedded> map({.type = MapType::kHash,
                         .key_size = 4,
                         .value_size = 8,
                         .max_entries = kEntries},
                        &pool);
  MeasureMap({"hash_insert", "hash_lookup", "hash_update", "hash_delete"}, map);
}

void MeasureLru() {
  LruHashMap<Embedded> map({.type = MapType::kLruHash,
                            .key_size = 4,
                            .value_size = 8,
                            .max_entries = kEntries},
                           &pool);
  MeasureMap({"lru_insert", "lru_lookup", "lru_update", "lru_delete"}, map);
  for (uint32_t key = 0; key < kEntries; ++key) {
    const uint64_t value = key;
    EXPECT(map.UpdateElem(&key, &value, kAny) == Errno::kOk);
  }
  PrintNumber("lru_evict", InstructionsOf(kEntries, [&](uint32_t i) {
                const uint32_t key = kEntries + i;
                const uint64_t value = key;
                EXPECT(map.UpdateElem(&key, &value, kAny) == Errno::kOk);
              }));
}

void MeasureArray() {
  ArrayMap<Embedded> map({.type = MapType::kArray,
                          .key_size = 4,
                          .value_size = 8,
                          .max_entries = 64},
                         &pool);
  EXPECT(map.Init() == Errno::kOk);
  PrintNumber("array_lookup", InstructionsOf(kEntries, [&](uint32_t i) {
                const uint32_t index = i % 64;
                EXPECT(map.LookupElem(&index) != nullptr);
              }));
}

void MeasureRing() {
  RingBuffer<Embedded> ring({.type = MapType::kRingBuf, .max_entries = 16384},
                            &pool);
  EXPECT(ring.Init() == Errno::kOk);
  PrintNumber("ring_output", InstructionsOf(kEntries, [&](uint32_t i) {
                const uint64_t data = i;
                EXPECT(ring.Output(&data, sizeof data) == Errno::kOk);
              }));
  uint64_t sum = 0;
  EXPECT(ring.Consume([&](void* data, uint32_t size) {
    uint64_t number;
    std::memcpy(&number, data, size);
    sum += number;
    return 0;
  }) == kEntries);
  EXPECT(sum == uint64_t{kEntries} * (kEntries - 1) / 2);
}

}  // namespace
}  // namespace bpfmap

int main() {
  for (void (*measure)() :
       {bpfmap::MeasurePlain, bpfmap::MeasureStd, bpfmap::MeasureHash,
        bpfmap::MeasureLru, bpfmap::MeasureArray, bpfmap::MeasureRing}) {
    bpfmap::pool.Reset();
    measure();
  }
  return bpfmap::machine::failures;
}
