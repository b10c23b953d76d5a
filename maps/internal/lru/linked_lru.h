// SPDX-License-Identifier: Apache-2.0

// LinkedLru: the exact order in which the elements of a ChainTable were last
// used, as a list of its slots. For maps with one lock, where memory counts: 8
// bytes for each slot.
//
//   newest -> slot 4 -> slot 1 -> slot 9 -> oldest
//
// Slots are numbered from 1 on, as the table numbers them. Number 0 closes the
// list to a ring: it is newer than the newest and older than the oldest.
//
// Not thread-safe: its owner has a lock.

#ifndef BPFMAP_MAPS_INTERNAL_LRU_LINKED_LRU_H_
#define BPFMAP_MAPS_INTERNAL_LRU_LINKED_LRU_H_

#include <cstddef>
#include <cstdint>

namespace bpfmap::internal {

class LinkedLru {
 public:
  // Bytes of the memory that Init() is given, for slots 1 to `slots`.
  static constexpr uint64_t MemoryNeeded(uint64_t slots) {
    return (slots + 1) * sizeof(Links);
  }

  // `memory` is zero, aligned to 4, and must outlive it.
  void Init(std::byte* memory) { links_ = reinterpret_cast<Links*>(memory); }

  // The slot that was used least recently, or 0 if there is none.
  uint32_t oldest() const { return links_[0].newer; }

  // REQUIRES: `slot` is not in the list.
  void AddNewest(uint32_t slot) {
    const uint32_t second = links_[0].older;
    links_[slot] = {.newer = 0, .older = second};
    links_[second].newer = slot;
    links_[0].older = slot;
  }

  // REQUIRES: `slot` is in the list.
  void Remove(uint32_t slot) {
    const Links links = links_[slot];
    links_[links.newer].older = links.older;
    links_[links.older].newer = links.newer;
  }

  // The element in `slot` is used now. REQUIRES: `slot` is in the list.
  void Touch(uint32_t slot) {
    if (links_[0].older == slot) return;
    Remove(slot);
    AddNewest(slot);
  }

 private:
  struct Links {
    uint32_t newer;
    uint32_t older;
  };

  Links* links_ = nullptr;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_LRU_LINKED_LRU_H_
