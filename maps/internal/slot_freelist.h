// SPDX-License-Identifier: Apache-2.0

// SlotFreelist: slots of one size, and the list of the free ones. Its owner has
// the lock.
//
// The slot that was returned last is taken first, as in Linux, and no slot is
// touched before it is first taken. The first 4 bytes of a slot are its link:
// the list of free slots goes through them, and all other bytes stay as they
// are.
//
//   free_ -> slot 7: [3|old bytes]   slot 3: [0|old bytes]   slot 5: [value]
//
// Slots are numbered from 1 on; 0 is no slot.
//
// Not thread-safe, except At(). A reader without the lock may land on a freed
// slot, whose link leads into the freelist.

#ifndef BPFMAP_MAPS_INTERNAL_SLOT_FREELIST_H_
#define BPFMAP_MAPS_INTERNAL_SLOT_FREELIST_H_

#include <cstddef>
#include <cstdint>
#include <limits>

#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/segmented_slots.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

template <Profile P>
class SlotFreelist {
 public:
  explicit SlotFreelist(typename P::Memory& memory) : slots_(memory) {}

  // Makes `count` slots of `slot_size` bytes, a multiple of 4, in `block`,
  // which has SegmentedSlots<P>::MemoryNeeded(slot_size, count) bytes and
  // outlives the pool.
  void Init(std::byte* block, uint64_t slot_size, uint64_t count) {
    slots_.Init(block, slot_size, count);
    capacity_ = count;
  }

  // Sees to it that `count` slots can be taken. Where memory can be asked for
  // later (kResizable), asks for more. Returns false if there is not enough.
  bool Reserve(uint32_t count) {
    if (capacity_ - taken_ >= count) return true;
    if constexpr (P::kResizable) {
      const uint64_t wanted = taken_ + count;
      if (wanted > std::numeric_limits<uint32_t>::max()) return false;
      if (!slots_.Grow(wanted)) return false;
      capacity_ = wanted;
      return true;
    }
    return false;
  }

  // REQUIRES: Reserve() said that there is one.
  uint32_t Take() {
    ++taken_;
    if (free_ == 0) return ++ever_taken_;
    const uint32_t slot = free_;
    free_ = LoadWord<uint32_t>(At(slot));
    return slot;
  }

  void GiveBack(uint32_t slot) {
    --taken_;
    StoreWord(At(slot), free_);
    free_ = slot;
  }

  // REQUIRES: `slot` was taken at some time.
  std::byte* At(uint32_t slot) const { return slots_.At(slot - uint64_t{1}); }

 private:
  SegmentedSlots<P> slots_;
  uint64_t capacity_ = 0;
  uint64_t taken_ = 0;
  uint32_t free_ = 0;        // head of the list
  uint32_t ever_taken_ = 0;  // slots 1 to here
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_SLOT_FREELIST_H_
