// SPDX-License-Identifier: Apache-2.0

// Tables that firmware has without this library: one as people write it in C,
// and std::unordered_map in a pool. For comparison, see docs/embedded.md.

#ifndef BPFMAP_TESTS_EMBEDDED_MACHINE_OTHER_TABLES_H_
#define BPFMAP_TESTS_EMBEDDED_MACHINE_OTHER_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>

namespace bpfmap::machine {

// Open addressing with linear probing, in twice as many slots as there may be
// elements. No limit is checked, and no reader may come at the same time. A
// delete moves the elements after it back.
template <uint32_t kEntries>
class PlainTable {
 public:
  [[gnu::noinline]] uint64_t* Find(uint32_t key) {
    Slot& slot = *SlotOf(key);
    return slot.used != 0 ? &slot.value : nullptr;
  }
  [[gnu::noinline]] void Put(uint32_t key, uint64_t value) {
    *SlotOf(key) = {1, key, value};
  }
  [[gnu::noinline]] bool Erase(uint32_t key) {
    Slot* hole = SlotOf(key);
    if (hole->used == 0) return false;
    for (uint32_t at = hole - slots_ + 1;; ++at) {
      Slot& slot = slots_[at % kSlots];
      if (slot.used == 0) break;
      const uint32_t gap = (at - (hole - slots_)) % kSlots;
      if ((at - Hash(slot.key)) % kSlots < gap) continue;
      *hole = slot;
      hole = &slot;
    }
    hole->used = 0;
    return true;
  }

 private:
  struct Slot {
    uint32_t used;
    uint32_t key;
    uint64_t value;
  };
  static constexpr uint32_t kSlots = 2 * kEntries;

  static uint32_t Hash(uint32_t key) { return (key * 0x9e3779b1U) >> 16; }
  // Where the key is, or would be.
  Slot* SlotOf(uint32_t key) {
    for (uint32_t at = Hash(key);; ++at) {
      Slot* const slot = &slots_[at % kSlots];
      if (slot->used == 0 || slot->key == key) return slot;
    }
  }

  Slot slots_[kSlots] = {};
};

// The allocator of a container in a StaticPool, which must have enough.
template <typename T, typename Pool>
class PoolAllocator {
 public:
  using value_type = T;
  template <typename U>
  struct rebind {
    using other = PoolAllocator<U, Pool>;
  };

  PoolAllocator(Pool* pool) : pool_(pool) {}  // NOLINT: as containers want it
  template <typename U>
  PoolAllocator(const PoolAllocator<U, Pool>& other)  // NOLINT: the same
      : pool_(other.pool()) {}

  T* allocate(std::size_t count) {
    return static_cast<T*>(pool_->Allocate(count * sizeof(T), alignof(T)));
  }
  void deallocate(T*, std::size_t) {}
  Pool* pool() const { return pool_; }
  bool operator==(const PoolAllocator& other) const = default;

 private:
  Pool* pool_;
};

template <typename Pool>
using PoolMap = std::unordered_map<
    uint32_t, uint64_t, std::hash<uint32_t>, std::equal_to<uint32_t>,
    PoolAllocator<std::pair<const uint32_t, uint64_t>, Pool>>;

}  // namespace bpfmap::machine

#endif  // BPFMAP_TESTS_EMBEDDED_MACHINE_OTHER_TABLES_H_
