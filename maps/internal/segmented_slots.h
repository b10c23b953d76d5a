// SPDX-License-Identifier: Apache-2.0

// SegmentedSlots: numbered slots of one size that never move.
//
// The first segment is memory that the owner gives it. Growing adds segments,
// each at least as large as all before it together, so there are never more
// than 32 and an address stays what it was.
//
//   slot   0        8        16                32
//          | first  | added  | added           | ...
//
// Thread-safe: At() may run during Grow(), for slots that existed before.

#ifndef BPFMAP_MAPS_INTERNAL_SEGMENTED_SLOTS_H_
#define BPFMAP_MAPS_INTERNAL_SEGMENTED_SLOTS_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "absl/base/attributes.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

// Segments of a SegmentedSlots after its first one. Empty where they do not
// grow.
template <bool kResizable>
struct LaterSegments {};

template <>
struct LaterSegments<true> {
  struct Segment {
    uint64_t first_slot;
    std::byte* memory;
  };
  Segment segments[32];
  // Release when a segment is added pairs with the acquire in At().
  std::atomic<int> count{0};
};

template <Profile P>
class SegmentedSlots {
 public:
  explicit SegmentedSlots(typename P::Memory& memory) : memory_(memory) {}
  ~SegmentedSlots() {
    if constexpr (P::kResizable) {
      for (int i = 0; i < later_.count.load(std::memory_order_relaxed); ++i) {
        memory_.Deallocate(later_.segments[i].memory);
      }
    }
  }
  SegmentedSlots(const SegmentedSlots&) = delete;
  SegmentedSlots& operator=(const SegmentedSlots&) = delete;

  // Bytes of the block that Init() is given.
  static constexpr uint64_t MemoryNeeded(uint64_t slot_size, uint64_t slots) {
    constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max() / 4;
    // A product of 34 and 28 bits is no larger.
    if (slots >> 34 != 0 || slot_size >> 28 != 0) return kMost;
    return slot_size * slots;
  }

  // Makes `slots` slots of `slot_size` bytes, a multiple of 4, in `block`,
  // which must outlive the slab.
  void Init(std::byte* block, uint64_t slot_size, uint64_t slots) {
    slot_size_ = static_cast<std::size_t>(slot_size);
    first_segment_ = block;
    first_segment_slots_ = capacity_ = static_cast<SlotNumber>(slots);
  }

  // Makes room for `slots` slots in all; never for fewer than there are.
  // Returns false, and changes nothing, if there is no memory for them.
  // REQUIRES: one call at a time.
  bool Grow(uint64_t slots) requires P::kResizable {
    if (slots <= capacity_) return true;
    const int count = later_.count.load(std::memory_order_relaxed);
    // Address space is cheap and a look through many segments is not: double.
    const uint64_t added = std::max(slots - capacity_, capacity_);
    const uint64_t bytes = MemoryNeeded(slot_size_, added);
    if (bytes > std::numeric_limits<std::size_t>::max()) return false;
    std::byte* const memory = static_cast<std::byte*>(
        memory_.Allocate(static_cast<std::size_t>(bytes), P::kCacheLineSize));
    if (memory == nullptr) return false;
    later_.segments[count] = {capacity_, memory};
    later_.count.store(count + 1, std::memory_order_release);
    capacity_ += added;
    return true;
  }

  // Whether At() is quick.
  bool IsInFirstSegment(uint64_t slot) const {
    return slot < first_segment_slots_;
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE std::byte* At(uint64_t slot) const {
    if constexpr (P::kResizable) {
      if (!IsInFirstSegment(slot)) [[unlikely]] {
        return AtLater(slot);
      }
    }
    // In the block, so a product of size_t is enough.
    return first_segment_ + static_cast<std::size_t>(slot) * slot_size_;
  }

 private:
  ABSL_ATTRIBUTE_NOINLINE std::byte* AtLater(uint64_t slot) const {
    // Acquire pairs with the release in Grow(). Larger segments come last.
    int i = later_.count.load(std::memory_order_acquire) - 1;
    while (later_.segments[i].first_slot > slot) --i;
    return later_.segments[i].memory +
           static_cast<std::size_t>(slot - later_.segments[i].first_slot) *
               slot_size_;
  }

  // The first block is in memory, so that its slots have numbers of size_t.
  using SlotNumber = std::conditional_t<P::kResizable, uint64_t, std::size_t>;

  typename P::Memory& memory_;
  std::byte* first_segment_ = nullptr;
  SlotNumber first_segment_slots_ = 0;
  std::size_t slot_size_ = 0;
  SlotNumber capacity_ = 0;  // only Init and Grow look at it
  [[no_unique_address]] LaterSegments<P::kResizable> later_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_SEGMENTED_SLOTS_H_
