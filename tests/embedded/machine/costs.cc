// SPDX-License-Identifier: Apache-2.0

// The cost of maps on a Cortex-M, in instructions: one line "NAME NUMBER" each,
// which costs_test.sh compares with costs.tsv. Beside a hash map stands what
// firmware has without this library: a plain table of linear probing.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/profiles/embedded.h"
#include "tests/embedded/machine/machine.h"

namespace bpfmap {
namespace {

using machine::InstructionsOf;
using machine::PrintNumber;

constexpr uint32_t kEntries = 512;

constinit Embedded::Memory pool;

// As one writes it in C: no deletes, no locks, no readers at the same time.
struct PlainTable {
  struct Slot {
    uint32_t used;
    uint32_t key;
    uint64_t value;
  };
  static constexpr uint32_t kSlots = 2 * kEntries;
  Slot slots[kSlots];

  [[gnu::noinline]] Slot* Find(uint32_t key) {
    uint32_t at = (key * 0x9e3779b1U) >> 16;
    for (;; ++at) {
      Slot* const slot = &slots[at % kSlots];
      if (slot->used == 0 || slot->key == key) return slot;
    }
  }
  [[gnu::noinline]] void Insert(uint32_t key, uint64_t value) {
    *Find(key) = {1, key, value};
  }
};
constinit PlainTable plain = {};

void MeasurePlain() {
  PrintNumber("plain_insert", InstructionsOf(kEntries, [](uint32_t key) {
                plain.Insert(key, key);
              }));
  PrintNumber("plain_lookup", InstructionsOf(kEntries, [](uint32_t key) {
                EXPECT(plain.Find(key)->value == key);
              }));
}

void MeasureHash() {
  HashMap<Embedded> map({.type = MapType::kHash,
                         .key_size = 4,
                         .value_size = 8,
                         .max_entries = kEntries},
                        &pool);
  EXPECT(map.Init() == Errno::kOk);
  PrintNumber("hash_insert", InstructionsOf(kEntries, [&](uint32_t key) {
                const uint64_t value = key;
                EXPECT(map.UpdateElem(&key, &value, kAny) == Errno::kOk);
              }));
  PrintNumber("hash_lookup", InstructionsOf(kEntries, [&](uint32_t key) {
                uint64_t value = ~uint64_t{0};
                if (const void* element = map.LookupElem(&key)) {
                  std::memcpy(&value, element, sizeof value);
                }
                EXPECT(value == key);
              }));
  PrintNumber("hash_update", InstructionsOf(kEntries, [&](uint32_t key) {
                const uint64_t value = key + 1;
                EXPECT(map.UpdateElem(&key, &value, kExist) == Errno::kOk);
              }));
  PrintNumber("hash_delete", InstructionsOf(kEntries, [&](uint32_t key) {
                EXPECT(map.DeleteElem(&key) == Errno::kOk);
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
  bpfmap::MeasurePlain();
  bpfmap::MeasureHash();
  bpfmap::MeasureArray();
  bpfmap::MeasureRing();
  return bpfmap::machine::failures;
}
