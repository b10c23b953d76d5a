// SPDX-License-Identifier: Apache-2.0

// Workload: the elements that a benchmark row works on, made before its clock
// starts.
//
// Elements are numbered from 0. The first present_count() are in the map when
// the clock starts; as many again are not, for lookups to miss and for inserts
// (of an LRU map four times max_entries, so that what comes was evicted long
// ago). An array is always full, a queue or a stack half full, other maps are
// filled to three quarters. An element's key is random bytes, or in an array
// its number, or in an LPM trie an address of 32 bits; its value is random
// bytes. Everything follows from the definition of the map and the seed.
//
// Immutable, so it may be used by any number of threads.

#ifndef BPFMAP_BENCH_WORKLOAD_H_
#define BPFMAP_BENCH_WORKLOAD_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {

// Elements that an operation is timed on.
enum class KeySet {
  kNone,       // the map has no keys
  kPresent,    // all that are in the map
  kAbsent,     // all that are not
  kOwnAbsent,  // as kAbsent, but each thread has its own
};

// How maps of a type are used.
enum class MapKind {
  kKeyed,      // a key leads to a value
  kPushPop,    // queues and stacks
  kBloom,      // a value is there or not: it stands for a key here
  kRing,       // records for a consumer
  kMapOfMaps,  // a key leads to a map
};

constexpr MapKind KindOf(MapType type) {
  switch (type) {
    case MapType::kQueue:
    case MapType::kStack:
      return MapKind::kPushPop;
    case MapType::kBloomFilter:
      return MapKind::kBloom;
    case MapType::kRingBuf:
    case MapType::kUserRingBuf:
      return MapKind::kRing;
    case MapType::kArrayOfMaps:
    case MapType::kHashOfMaps:
      return MapKind::kMapOfMaps;
    default:
      return MapKind::kKeyed;
  }
}

// Whether operations on maps of a type are given keys.
constexpr bool HasKeys(MapType type) {
  return KindOf(type) != MapKind::kPushPop && KindOf(type) != MapKind::kRing;
}

constexpr bool IsArray(MapType type) {
  return type == MapType::kArray || type == MapType::kPerCpuArray ||
         type == MapType::kArrayOfMaps;
}

// The bytes of what stands for a key.
constexpr uint32_t KeySizeOf(const MapDef& def) {
  return KindOf(def.type) == MapKind::kBloom ? def.value_size : def.key_size;
}

// The inner maps of a map of maps.
inline constexpr MapDef kInnerDef = {.type = MapType::kArray,
                                     .key_size = 4,
                                     .value_size = 8,
                                     .max_entries = 1,
                                     .name = "map_bench_inner"};

// How the keys of elements look, and how often each is drawn.
enum class KeyPattern {
  kUniform,  // random keys, all equally likely
  kZipf,     // random keys, the nth of them in proportion to 1 / n^0.99

  // Against weak hash functions; all equally likely. (Not for keys of an array;
  // keys of more than 4 bytes begin like this.)
  kSequential,    // 0, 1, 2, ...
  kMultiples,     // of 65,536
  kSameLowBits,   // 16 of them
  kOneHashRange,  // keys that the hash function of this library, without a
                  // seed, puts next to each other
  kOneShard,      // as kUniform, but of the keys in one 64th of the hashes, if
                  // the hash function has no seed
};

// "uniform", "zipf", ...
constexpr const char* PatternName(KeyPattern pattern) {
  switch (pattern) {
    case KeyPattern::kUniform:
      return "uniform";
    case KeyPattern::kZipf:
      return "zipf";
    case KeyPattern::kSequential:
      return "sequential";
    case KeyPattern::kMultiples:
      return "multiples";
    case KeyPattern::kSameLowBits:
      return "same_low_bits";
    case KeyPattern::kOneHashRange:
      return "one_hash_range";
    case KeyPattern::kOneShard:
      return "one_shard";
  }
  return "?";
}

// The keys that a thread goes through, one after the other.
struct KeyOrder {
  std::vector<std::byte> keys;
  // kOwnAbsent: how many turns a thread leaves a key in the map. Long enough to
  // find it cold, short enough for all threads' to have room. Otherwise 0.
  uint32_t lag = 0;
};

// Elements from `begin` to before `end`.
struct ElementRange {
  uint32_t begin;
  uint32_t end;
};

class Workload {
 public:
  // REQUIRES: keys, if there are any, have 4 bytes or more, in an LPM trie 8.
  Workload(const MapDef& def, uint32_t seed,
           KeyPattern pattern = KeyPattern::kUniform);

  const MapDef& def() const { return def_; }
  uint32_t present_count() const { return present_count_; }

  // The elements of all threads. Not for kNone.
  ElementRange Elements(KeySet set) const;

  // No two elements have the same key.
  const std::byte* Key(uint32_t element) const {
    return &keys_[size_t{element} * key_size_];
  }

  // The value that an element has from the start.
  std::vector<std::byte> Value(uint32_t element) const;

  // The value that updates and inserts write, which no element starts with.
  const std::vector<std::byte>& new_value() const { return new_value_; }

  // Keys for one of `threads` threads: each drawn from `set` by itself, as
  // likely as the pattern says. They are so many that nearly every element is
  // among them where all are equally likely, and that no branch predictor
  // learns their order. Their number is even, and a power of two where
  // max_entries is one.
  //
  // kOwnAbsent: the thread's own keys, or the most of them whose number is a
  // power of two, in an order that has no pattern, again and again.
  //
  // kNone: no keys. A KeyCursor over them gives null.
  KeyOrder RandomKeys(KeySet set, int thread, int threads) const;

 private:
  void MakeKeys();
  // The elements that a thread may be given.
  std::vector<uint32_t> Pool(KeySet set, int thread, int threads) const;
  KeyOrder OwnKeys(int thread, int threads) const;
  // How many keys a thread goes through before it starts again.
  uint32_t OrderLength() const {
    return std::max(1U << 16, 2 * def_.max_entries);
  }

  const MapDef def_;
  const uint32_t seed_;
  const KeyPattern pattern_;
  const uint32_t present_count_;
  const uint32_t count_;  // of all elements
  const uint32_t key_size_;
  std::vector<std::byte> keys_;
  std::vector<std::byte> new_value_;
};

// Walks through a row of keys again and again, and a second time `lag` keys
// behind.
class KeyCursor {
 public:
  // `keys` must outlive the cursor.
  KeyCursor(const std::vector<std::byte>& keys, uint32_t key_size,
            uint32_t lag = 0)
      : begin_(keys.data()),
        end_(keys.data() + keys.size()),
        key_size_(key_size),
        next_(begin_),
        old_(lag == 0 ? begin_ : end_ - size_t{lag} * key_size) {}

  const std::byte* Next() { return Step(next_); }
  const std::byte* NextOld() { return Step(old_); }

 private:
  const std::byte* Step(const std::byte*& at) {
    const std::byte* const key = at;
    at += key_size_;
    if (at == end_) at = begin_;
    return key;
  }

  const std::byte* begin_;
  const std::byte* end_;
  uint32_t key_size_;
  const std::byte* next_;
  const std::byte* old_;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_WORKLOAD_H_
