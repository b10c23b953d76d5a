// Group: 16 bytes that say what is in 12 neighbouring slots of a hash table.
//
//   u32 version | 12 tags of one byte each
//
// A tag is about one byte of the hash of the key in its slot, or 0 if the slot
// is empty. The version is even while nobody changes the group; bit 1 of it
// says that keys of this group are elsewhere too, because it was full once.
//
// Readers take no lock. They load the group, look at the slots whose tags fit,
// and then ask whether the version is still the same: if so, what they saw was
// all there at once. Writers (one at a time, under a lock of the table's) make
// the version odd before the first store and even, and larger, with the last.
//
// Memory order: Begin() stores the odd version before anything else of the
// change (release fence), End() the even one after it (release store). A reader
// whose loads saw a part of the change sees, behind its acquire fence, the odd
// version or a later one too. Tags are published by End() or by a release store
// before it and loaded with acquire, so who reaches a slot through its tag sees
// the slot as it was filled.

#ifndef BPFMAP_MAPS_INTERNAL_GROUP_H_
#define BPFMAP_MAPS_INTERNAL_GROUP_H_

#include <atomic>
#include <bit>
#include <cstdint>

#include "absl/base/attributes.h"

namespace bpfmap::internal {

// Some of the slots of a group, to be taken out one by one.
class SlotSet {
 public:
  // A byte for each slot whose top bit says whether the slot is in.
  constexpr SlotSet(uint32_t first4, uint64_t last8)
      : bits_(last8 | (first4 >> 1)) {}

  ABSL_ATTRIBUTE_ALWAYS_INLINE bool empty() const { return bits_ == 0; }
  // REQUIRES: !empty().
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t Take() {
    const uint32_t bit = std::countr_zero(bits_);
    bits_ &= bits_ - 1;
    return bit / 8 + (bit & 1) * 4;
  }

 private:
  uint64_t bits_;  // bit 8 * i + 6 for slot i, bit 8 * i + 7 for slot i + 4
};

// What a group held when it was loaded.
class GroupView {
 public:
  static constexpr uint32_t kSlots = 12;
  // Tags are this or larger: 0 is an empty slot, and for why not 1 see WithTag.
  static constexpr uint8_t kFirstTag = 2;

  constexpr GroupView() = default;
  constexpr GroupView(uint64_t low, uint64_t high) : low_(low), high_(high) {}

  uint32_t version() const { return static_cast<uint32_t>(low_); }
  bool changing() const { return (low_ & kChanging) != 0; }
  bool has_overflow() const { return (low_ & kOverflow) != 0; }
  bool has_tags() const { return ((low_ >> 32) | high_) != 0; }

  // Gives a tag to an empty slot, or takes it from a slot that has it.
  // Without a branch: which half the slot is in cannot be predicted.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Toggle(uint32_t slot, uint8_t tag) {
    const uint32_t bit = 32 + 8 * slot;
    const uint64_t shifted = uint64_t{tag} << (bit % 64);
    const uint64_t in_high = -uint64_t{bit / 64};
    high_ ^= shifted & in_high;
    low_ ^= shifted & ~in_high;
  }
  void set_overflow(bool overflow) {
    low_ = overflow ? low_ | kOverflow : low_ & ~kOverflow;
  }

  // The slots with this tag. Those with tag ^ 1 may be among them, behind the
  // first one that is taken: look at the keys. (As 1 is no tag, an empty slot,
  // in which an old key may lie, is not.)
  ABSL_ATTRIBUTE_ALWAYS_INLINE SlotSet WithTag(uint8_t tag) const {
    constexpr uint64_t kOnes = 0x0101010101010101;
    constexpr uint64_t kTops = 0x8080808080808080;
    const uint64_t all = kOnes * tag;
    const uint32_t first4 = static_cast<uint32_t>((low_ ^ (all << 32)) >> 32);
    const uint64_t last8 = high_ ^ all;
    return SlotSet((first4 - static_cast<uint32_t>(kOnes)) & ~first4 &
                       static_cast<uint32_t>(kTops),
                   (last8 - kOnes) & ~last8 & kTops);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE SlotSet Empty() const { return WithTag(0); }
  ABSL_ATTRIBUTE_ALWAYS_INLINE SlotSet Occupied() const {
    constexpr uint64_t kTops = 0x8080808080808080;
    constexpr uint64_t kRest = ~kTops;
    const uint64_t first4 = low_ >> 32;
    return SlotSet(
        static_cast<uint32_t>((((first4 & kRest) + kRest) | first4) & kTops),
        (((high_ & kRest) + kRest) | high_) & kTops);
  }

 private:
  friend class Group;
  static constexpr uint64_t kChanging = 1;
  static constexpr uint64_t kOverflow = 2;
  static constexpr uint64_t kOneVersion = 4;

  uint64_t low_ = 0;   // version, tags 0 to 3
  uint64_t high_ = 0;  // tags 4 to 11
};

// A run of zero bytes is an empty group.
class Group {
 public:
  ABSL_ATTRIBUTE_ALWAYS_INLINE GroupView Load() const {
    // Acquire pairs with the release stores in End().
    const uint64_t low = __atomic_load_n(&low_, __ATOMIC_ACQUIRE);
    return GroupView(low, __atomic_load_n(&high_, __ATOMIC_ACQUIRE));
  }

  // Whether the group is as it was when `view` was loaded.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Unchanged(const GroupView& view) const {
    // Pairs with the release fence in Begin().
    std::atomic_thread_fence(std::memory_order_acquire);
    return static_cast<uint32_t>(__atomic_load_n(&low_, __ATOMIC_RELAXED)) ==
           view.version();
  }

  // Starts and ends a change. `view` is what Load() gave to this writer, and
  // with End() what the group becomes. All stores are as wide as the loads of
  // Load(): a load of bytes just stored by halves would have to wait.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Begin(const GroupView& view) {
    __atomic_store_n(&low_, view.low_ | GroupView::kChanging, __ATOMIC_RELAXED);
    std::atomic_thread_fence(std::memory_order_release);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE void End(const GroupView& view) {
    __atomic_store_n(&high_, view.high_, __ATOMIC_RELEASE);
    __atomic_store_n(&low_, NextVersion(view.low_), __ATOMIC_RELEASE);
  }

 private:
  // The version is a counter of 30 bits in the low half: it wraps within it.
  static uint64_t NextVersion(uint64_t low) {
    constexpr uint32_t kOne = static_cast<uint32_t>(GroupView::kOneVersion);
    return (low & ~uint64_t{0xffffffff}) | (static_cast<uint32_t>(low) + kOne);
  }

  uint64_t low_ = 0;
  uint64_t high_ = 0;
};
static_assert(sizeof(Group) == 16);

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_GROUP_H_
