// SPDX-License-Identifier: Apache-2.0

// The maps of the floor (floor.h) that have keys, and the filter. Each has the
// same methods, so that one view fits all:
//
//   Map(const MapDef& def)
//   void* Lookup(key)            the value as a program sees it, or null
//   bool Update(key, value, Freed&)
//   bool Delete(key, Freed&)     where there is such an operation
//   void Copy(found, out)        what Lookup() found, as user space sees it
//   bool UpdateAll(key, value, Freed&)   per-CPU maps: `value` for each CPU
//
// Thread-safe as FloorTable is.

#ifndef BPFMAP_BENCH_FLOOR_MAPS_H_
#define BPFMAP_BENCH_FLOOR_MAPS_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>

#include "bench/floor_lru.h"
#include "bench/floor_table.h"
#include "bench/workload.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"

namespace bpfmap::bench {

struct NoFreed {};

// How many elements a table has room for: threads keep some that they freed.
inline uint32_t FloorRoom(const MapDef& def) {
  return 2 * def.max_entries + 64;
}

// A hash map; also an LPM trie whose prefixes all have the same length.
template <size_t kKeySize, size_t kValueSize>
class FloorHash {
 public:
  using Key = FloorBytes<kKeySize>;
  using Value = FloorBytes<kValueSize>;
  using Freed = typename FloorTable<Key, Value>::Freed;

  explicit FloorHash(const MapDef& def)
      : table_(def.max_entries, FloorRoom(def)) {}

  void* Lookup(const void* key) {
    auto* const element = table_.Find(Key::Load(key));
    return element == nullptr ? nullptr : &element->value;
  }
  bool Update(const void* key, const void* value, Freed& freed) {
    table_.Put(Key::Load(key), freed,
               [&](auto& element) { element.value.CopyIn(value); });
    return true;
  }
  bool Delete(const void* key, Freed& freed) {
    return table_.Erase(Key::Load(key), freed);
  }
  void Copy(void* found, void* out) {
    static_cast<Value*>(found)->CopyOut(out);
  }

 private:
  FloorTable<Key, Value> table_;
};

// Slices of values for each CPU, those of a CPU together.
template <size_t kValueSize>
class FloorSlices {
 public:
  using Value = FloorBytes<kValueSize>;

  explicit FloorSlices(uint64_t count)
      : count_((count + 63) / 64 * 64), slices_(count_ * PossibleCpus()) {}

  void* At(uint64_t number) const {
    return &slices_[number + CurrentCpu() * count_];
  }
  void Write(uint64_t number, const void* value) const {
    slices_[number + CurrentCpu() * count_].CopyIn(value);
  }
  void WriteAll(uint64_t number, const void* value) const {
    for (int cpu = 0; cpu < PossibleCpus(); ++cpu) {
      slices_[number + cpu * count_].CopyIn(value);
    }
  }
  // `found` is what At() returned.
  void CopyAll(void* found, void* out) const {
    const uint64_t number =
        static_cast<uint64_t>(static_cast<Value*>(found) - &slices_[0]) %
        count_;
    for (int cpu = 0; cpu < PossibleCpus(); ++cpu) {
      slices_[number + cpu * count_].CopyOut(static_cast<std::byte*>(out) +
                                             cpu * sizeof(Value));
    }
  }

 private:
  const uint64_t count_;
  FloorArray<Value> slices_;
};

template <size_t kKeySize, size_t kValueSize>
class FloorPerCpuHash {
 public:
  struct Nothing {};
  using Key = FloorBytes<kKeySize>;
  using Table = FloorTable<Key, Nothing>;
  using Freed = typename Table::Freed;

  explicit FloorPerCpuHash(const MapDef& def)
      : table_(def.max_entries, FloorRoom(def)), slices_(FloorRoom(def) + 1) {}

  void* Lookup(const void* key) {
    const auto* const element = table_.Find(Key::Load(key));
    return element == nullptr ? nullptr : slices_.At(table_.NumberOf(element));
  }
  bool Update(const void* key, const void* value, Freed& freed) {
    const Key bytes = Key::Load(key);
    if (const auto* const element = table_.Find(bytes)) [[likely]] {
      slices_.Write(table_.NumberOf(element), value);
      return true;
    }
    return UpdateAll(key, value, freed);
  }
  // Locks: so two of them are not mixed.
  bool UpdateAll(const void* key, const void* value, Freed& freed) {
    table_.Put(Key::Load(key), freed, [&](auto& element) {
      slices_.WriteAll(table_.NumberOf(&element), value);
    });
    return true;
  }
  void Copy(void* found, void* out) { slices_.CopyAll(found, out); }

 private:
  Table table_;
  FloorSlices<kValueSize> slices_;
};

template <size_t kKeySize, size_t kValueSize>
class FloorLruHash {
 public:
  using Key = FloorBytes<kKeySize>;
  using Value = FloorBytes<kValueSize>;
  using Freed = NoFreed;

  explicit FloorLruHash(const MapDef& def) : lru_(def.max_entries) {}

  void* Lookup(const void* key) { return lru_.Lookup(Key::Load(key)); }
  bool Update(const void* key, const void* value, Freed&) {
    lru_.Update(Key::Load(key), value);
    return true;
  }
  void Copy(void* found, void* out) {
    static_cast<Value*>(found)->CopyOut(out);
  }

 private:
  FloorLru<Key, Value> lru_;
};

inline uint32_t FloorIndex(const void* key) {
  uint32_t index;
  std::memcpy(&index, key, sizeof(index));
  return index;
}

template <size_t kValueSize>
class FloorIndexed {
 public:
  using Value = FloorBytes<kValueSize>;
  using Freed = NoFreed;

  explicit FloorIndexed(const MapDef& def)
      : size_(def.max_entries), values_(size_) {}

  void* Lookup(const void* key) {
    const uint32_t index = FloorIndex(key);
    return index < size_ ? &values_[index] : nullptr;
  }
  bool Update(const void* key, const void* value, Freed&) {
    const uint32_t index = FloorIndex(key);
    if (index >= size_) return false;
    values_[index].CopyIn(value);
    return true;
  }
  void Copy(void* found, void* out) {
    static_cast<Value*>(found)->CopyOut(out);
  }

 private:
  const uint32_t size_;
  FloorArray<Value> values_;
};

template <size_t kValueSize>
class FloorPerCpuIndexed {
 public:
  using Freed = NoFreed;

  explicit FloorPerCpuIndexed(const MapDef& def)
      : size_(def.max_entries), slices_(size_) {}

  void* Lookup(const void* key) {
    const uint32_t index = FloorIndex(key);
    return index < size_ ? slices_.At(index) : nullptr;
  }
  bool Update(const void* key, const void* value, Freed&) {
    const uint32_t index = FloorIndex(key);
    if (index >= size_) return false;
    slices_.Write(index, value);
    return true;
  }
  bool UpdateAll(const void* key, const void* value, Freed&) {
    const uint32_t index = FloorIndex(key);
    if (index >= size_) return false;
    slices_.WriteAll(index, value);
    return true;
  }
  void Copy(void* found, void* out) { slices_.CopyAll(found, out); }

 private:
  const uint32_t size_;
  FloorSlices<kValueSize> slices_;
};

// A word has room for four values, which set four bits of it each.
class FloorBloom {
 public:
  static constexpr MapKind kKind = MapKind::kBloom;
  using Freed = NoFreed;

  explicit FloorBloom(const MapDef& def)
      : shift_(64 - std::bit_width(Words(def) - 1)), words_(Words(def)) {}

  void* Lookup(const void* value) {
    const auto [word, bits] = PlaceOf(value);
    return (word.load(std::memory_order_relaxed) & bits) == bits
               ? const_cast<void*>(value)
               : nullptr;
  }
  bool Update(const void* value, const void*, Freed&) {
    const auto [word, bits] = PlaceOf(value);
    if ((word.load(std::memory_order_relaxed) & bits) != bits) {
      word.fetch_or(bits, std::memory_order_relaxed);
    }
    return true;
  }
  void Copy(void*, void*) {}

 private:
  struct Place {
    std::atomic_ref<uint64_t> word;
    uint64_t bits;
  };

  static uint32_t Words(const MapDef& def) {
    return std::bit_ceil(def.max_entries) / 4;
  }
  Place PlaceOf(const void* value) const {
    const uint64_t hash = FloorBytes<8>::Load(value).Hash();
    const uint64_t bits =
        uint64_t{1} << (hash & 63) | uint64_t{1} << (hash >> 6 & 63) |
        uint64_t{1} << (hash >> 12 & 63) | uint64_t{1} << (hash >> 18 & 63);
    return {std::atomic_ref(words_[hash >> shift_]), bits};
  }

  const int shift_;
  FloorArray<uint64_t> words_;
};

// A map of maps over `Outer`, whose values are pointers. An inner map has one
// element of 8 bytes.
template <typename Outer>
class FloorMapOfMaps {
 public:
  static constexpr MapKind kKind = MapKind::kMapOfMaps;
  using Freed = typename Outer::Freed;

  explicit FloorMapOfMaps(const MapDef& def) : outer_(def) {}

  void* Lookup(const void* key) {
    void* const found = outer_.Lookup(key);
    return found == nullptr ? nullptr : *static_cast<uint64_t**>(found);
  }
  // By one thread. Inner maps are never given back.
  bool Update(const void* key, const void* value, Freed& freed) {
    uint64_t& inner = inner_.emplace_back(0);
    std::memcpy(&inner, value, kInnerDef.value_size / 2);
    const uint64_t* const pointer = &inner;
    return outer_.Update(key, &pointer, freed);
  }

 private:
  Outer outer_;
  std::deque<uint64_t> inner_;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_FLOOR_MAPS_H_
