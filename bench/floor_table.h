// SPDX-License-Identifier: Apache-2.0

// FloorTable: the hash table of the floor (floor.h).
//
//   hash of a key:  | which head | ............ | tag |
//
//   heads:     | link | 0 | 0 | link | ...       8 bytes each, two per element
//   elements:  | key | value |
//   link:      | number of an element: 32 bits | tag: 30 | more | locked |
//   links:     | link | ...                      from an element to the next
//
// A find hashes the key, loads one link, and the element if the tag is right:
// two cache lines, or one where the key is absent. Nothing else is needed while
// elements are few for the heads, as they are here: 3 in 8 heads are taken. A
// change loads the same two lines, locks the head with one atomic instruction,
// and unlocks it by the store that it makes anyway.
//
// It is less than a map for users has to do, and so no such map can be faster:
// a freed element is taken again while others may still read it, the limit of
// max_entries is not exact, a value is replaced in place, and nobody may choose
// the keys, as the hash function has no seed.
//
// Thread-safe for what the rows of the benchmark do: lookups beside updates of
// present keys; inserts and deletes beside each other.

#ifndef BPFMAP_BENCH_FLOOR_TABLE_H_
#define BPFMAP_BENCH_FLOOR_TABLE_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bpfmap/profiles/cloud.h"

namespace bpfmap::bench {

// Zeroed memory of the same kind as that of this library's maps: what huge
// pages are worth is no part of a comparison.
template <typename T>
class FloorArray {
 public:
  explicit FloorArray(uint64_t count)
      : items_(static_cast<T*>(
            Cloud::DefaultMemory().Allocate(count * sizeof(T), 64))) {}
  ~FloorArray() { Cloud::DefaultMemory().Deallocate(items_); }
  FloorArray(const FloorArray&) = delete;
  FloorArray& operator=(const FloorArray&) = delete;

  T& operator[](uint64_t index) const { return items_[index]; }

 private:
  T* const items_;
};

// The bytes of a key or a value.
template <size_t kSize>
struct FloorBytes {
  static constexpr size_t kWords = (kSize + 7) / 8;

  static FloorBytes Load(const void* bytes) {
    FloorBytes loaded{};
    std::memcpy(loaded.words, bytes, kSize);
    return loaded;
  }
  // Whole words, as others may read or write them.
  void CopyIn(const void* bytes) {
    const FloorBytes loaded = Load(bytes);
    for (size_t i = 0; i < kWords; ++i) {
      std::atomic_ref(words[i]).store(loaded.words[i],
                                      std::memory_order_relaxed);
    }
  }
  void CopyOut(void* bytes) {
    FloorBytes copy;
    for (size_t i = 0; i < kWords; ++i) {
      copy.words[i] = std::atomic_ref(words[i]).load(std::memory_order_relaxed);
    }
    std::memcpy(bytes, copy.words, kSize);
  }
  // One multiplication, whose halves are folded, for 16 bytes.
  uint64_t Hash() const {
    static_assert(kWords <= 2);
    const uint64_t high = kWords == 2 ? words[kWords - 1] : 0;
    const auto product =
        static_cast<unsigned __int128>(words[0] ^ 0x9e3779b97f4a7c15) *
        (high ^ 0xd6e8feb86659fd93);
    return static_cast<uint64_t>(product) ^
           static_cast<uint64_t>(product >> 64);
  }
  friend bool operator==(const FloorBytes&, const FloorBytes&) = default;

  uint64_t words[kWords];
};

// Without kLocks, the caller sees to it that one thread at a time changes it.
template <typename KeyBytes, typename Value, bool kLocks = true>
class FloorTable {
 public:
  struct Element {
    KeyBytes key;
    [[no_unique_address]] Value value;
  };

  // The elements that a thread deleted, and will insert again.
  struct Freed {
    uint32_t first = 0;
  };

  FloorTable(uint32_t max_entries, uint32_t elements)
      : shift_(64 - std::bit_width(2 * std::bit_ceil(max_entries) - 1)),
        heads_(2 * std::bit_ceil(max_entries)),
        elements_(uint64_t{elements} + 1),
        links_(uint64_t{elements} + 1) {}

  // Or null.
  Element* Find(const KeyBytes& key) const {
    const uint64_t hash = key.Hash();
    const std::atomic_ref head(heads_[hash >> shift_]);
    return Find(head.load(std::memory_order_acquire), hash, key);
  }

  // Calls use(element) under the lock of its head, for the element of `key` or
  // for a new one. Returns whether it was new.
  template <typename Use>
  bool Put(const KeyBytes& key, Freed& freed, Use use) {
    const uint64_t hash = key.Hash();
    std::atomic_ref head(heads_[hash >> shift_]);
    const uint64_t first = Lock(head);
    Element* element = Find(first, hash, key);
    const bool is_new = element == nullptr;
    uint64_t link = first;
    if (is_new) {
      const uint32_t number = Take(freed);
      element = &elements_[number];
      element->key = key;
      link = uint64_t{number} << 32 | TagOf(hash);
      if (first != 0) {
        links_[number] = first;
        link |= kMore;
      }
    }
    use(*element);
    head.store(link, std::memory_order_release);
    return is_new;
  }

  // Returns whether it was there.
  bool Erase(const KeyBytes& key, Freed& freed) {
    const uint64_t hash = key.Hash();
    std::atomic_ref head(heads_[hash >> shift_]);
    uint64_t first = Lock(head);
    uint64_t* link = &first;
    const Element* const element = Find(first, hash, key);
    if (element != nullptr) {
      while (&elements_[*link >> 32] != element) link = &links_[*link >> 32];
      const auto number = static_cast<uint32_t>(*link >> 32);
      *link = (*link & kMore) != 0 ? links_[number] : 0;
      links_[number] = freed.first;
      freed.first = number;
    }
    head.store(first, std::memory_order_release);
    return element != nullptr;
  }

  uint32_t NumberOf(const Element* element) const {
    return static_cast<uint32_t>(element - &elements_[0]);
  }
  Element& At(uint32_t number) const { return elements_[number]; }

 private:
  static constexpr uint64_t kLocked = 1;
  static constexpr uint64_t kMore = 2;
  static constexpr uint64_t kTag = 0xfffffffc;

  // Never that of an empty head.
  static uint64_t TagOf(uint64_t hash) { return (hash & kTag) | 4; }

  Element* Find(uint64_t link, uint64_t hash, const KeyBytes& key) const {
    for (;;) {
      Element& element = elements_[link >> 32];
      if ((link & kTag) == TagOf(hash) && element.key == key) [[likely]] {
        return &element;
      }
      if ((link & kMore) == 0) return nullptr;
      link = links_[link >> 32];
    }
  }

  static uint64_t Lock(std::atomic_ref<uint64_t> head) {
    uint64_t link = head.load(std::memory_order_relaxed);
    if constexpr (kLocks) {
      do {
        link &= ~kLocked;
      } while (!head.compare_exchange_weak(link, link | kLocked,
                                           std::memory_order_acquire,
                                           std::memory_order_relaxed));
    }
    return link;
  }

  uint32_t Take(Freed& freed) {
    if (freed.first == 0) {
      return std::atomic_ref(taken_).fetch_add(1, std::memory_order_relaxed) +
             1;
    }
    const uint32_t number = freed.first;
    freed.first = static_cast<uint32_t>(links_[number]);
    return number;
  }

  const int shift_;
  FloorArray<uint64_t> heads_;
  FloorArray<Element> elements_;  // the first one stands for none
  FloorArray<uint64_t> links_;    // of a freed element: the number of another
  uint32_t taken_ = 0;            // of all, whether freed or not
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_FLOOR_TABLE_H_
