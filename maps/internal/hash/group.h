// SPDX-License-Identifier: Apache-2.0

// Group: 16 bytes that say what is in 12 neighbouring slots of a hash table.
//
//   byte   0         4   5   6                        15
//          | state   | tag of slot 0 | of slot 1 | ... |
//
//   state:  bit 0      locked: a thread has the lock that the group is
//           bit 1      changing: the rest is about to be changed
//           bit 2      overflow: keys of this group are elsewhere too, because
//                      it was full once
//           bits 3-31  version: counts the changes
//
// A tag is about one byte of the hash of the key in its slot, or 0 if the slot
// is empty.
//
// Readers take no lock. They load the group (a GroupSnapshot), read the slots
// whose tags fit, and then validate that the state is still the same, except
// for the lock: if so, all that they saw was there at the same time. Writers
// (one at a time, under the lock of this group or another one of the table's)
// set "changing" before their first store, and raise the version with the last.
//
// Only the lock holder writes to the group; waiting threads touch nothing but
// bit 0. A thread that has loaded the group may take the lock on the condition
// that nothing changed since (TryLock), and then need not load it again.
//
// Memory order: BeginWrite() sets "changing" before anything else of the change
// (release fence), EndWrite() stores the new version after it (release store).
// A reader whose loads saw a part of the change sees, after its acquire fence,
// the word of BeginWrite() or a later one too. Tags are published by EndWrite()
// or by a release store before it and loaded with acquire, so a thread that
// reaches a slot through its tag sees the slot as it was filled.

#ifndef BPFMAP_MAPS_INTERNAL_HASH_GROUP_H_
#define BPFMAP_MAPS_INTERNAL_HASH_GROUP_H_

#include <array>
#include <atomic>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "absl/base/attributes.h"

namespace bpfmap::internal {

// Some of the slots of a group, to be taken out one by one.
class SlotSet {
 public:
  // Bit kFirstBit + i says whether slot i is in; no other bit is set.
  static constexpr int kFirstBit = 4;
  constexpr explicit SlotSet(uint64_t bits) : bits_(bits) {}

  ABSL_ATTRIBUTE_ALWAYS_INLINE bool empty() const { return bits_ == 0; }
  // REQUIRES: !empty().
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t Take() {
    const uint32_t slot = __builtin_ctzll(bits_) - kFirstBit;
    bits_ &= bits_ - 1;
    return slot;
  }

 private:
  uint64_t bits_;
};

// The contents of a group at the time of a load.
class GroupSnapshot {
 public:
  static constexpr uint32_t kSlots = 12;

  // A tag, in each of the 8 bytes. 0 is that of an empty slot, and no other's.
  using Tag = uint64_t;
  static constexpr Tag kNoTag = 0;
  ABSL_ATTRIBUTE_ALWAYS_INLINE static Tag TagOf(uint64_t hash) {
    const uint64_t byte = hash & 0xff;
    return kOnes * (byte + (byte == 0 ? 1 : 0));
  }

  constexpr GroupSnapshot() = default;
  constexpr GroupSnapshot(uint64_t low, uint64_t high)
      : low_(low), high_(high) {}

  bool changing() const { return (low_ & kChanging) != 0; }
  bool has_overflow() const { return (low_ & kOverflow) != 0; }
  bool has_tags() const { return ((low_ >> 32) | high_) != 0; }

  // Gives a tag to an empty slot, or takes it from a slot that has it.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Toggle(uint32_t slot, Tag tag) {
    low_ ^= tag & kByteOfSlot[slot].low;
    high_ ^= tag & kByteOfSlot[slot].high;
  }
  // Takes the tag from a slot. Returns false if it has none.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Clear(uint32_t slot) {
    const SlotByte& byte = kByteOfSlot[slot];
    const bool had_tag = ((low_ & byte.low) | (high_ & byte.high)) != 0;
    low_ &= ~byte.low;
    high_ &= ~byte.high;
    return had_tag;
  }
  void set_overflow(bool overflow) {
    low_ = overflow ? low_ | kOverflow : low_ & ~kOverflow;
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE SlotSet WithTag(Tag tag) const {
    return SlotSet(BytesEqualTo(tag) & kAllSlots);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE SlotSet Empty() const { return WithTag(kNoTag); }
  SlotSet Occupied() const {
    return SlotSet(~BytesEqualTo(kNoTag) & kAllSlots);
  }

 private:
  friend class Group;
  static constexpr uint64_t kLocked = 1;
  static constexpr uint64_t kChanging = 2;
  static constexpr uint64_t kOverflow = 4;
  static constexpr uint64_t kOneVersion = 8;
  static constexpr int kStateBytes = 4;
  static_assert(SlotSet::kFirstBit == kStateBytes);
  static constexpr uint32_t kAllSlots = ((1U << kSlots) - 1) << kStateBytes;
  static constexpr uint64_t kOnes = 0x0101010101010101;

  // All bits of the byte in which the tag of a slot is.
  struct SlotByte {
    uint64_t low;
    uint64_t high;
  };
  static constexpr std::array<SlotByte, kSlots> kByteOfSlot = [] {
    std::array<SlotByte, kSlots> bytes{};
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      const uint32_t at = kStateBytes + slot;
      (at < 8 ? bytes[slot].low : bytes[slot].high) = uint64_t{0xff}
                                                      << (at % 8 * 8);
    }
    return bytes;
  }();

  // Bit i says whether byte i of the group, counted from the low end, is `tag`.
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t BytesEqualTo(Tag tag) const {
#ifdef __SSE2__
    const __m128i bytes =
        _mm_set_epi64x(static_cast<int64_t>(high_), static_cast<int64_t>(low_));
    const __m128i tags = _mm_set1_epi64x(static_cast<int64_t>(tag));
    return static_cast<uint32_t>(
        _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, tags)));
#else
    return ZeroBytes(low_ ^ tag) | ZeroBytes(high_ ^ tag) << 8;
#endif
  }

  // Bit i says whether byte i of `word` is 0.
  static uint32_t ZeroBytes(uint64_t word) {
    constexpr uint64_t kTops = 0x80 * kOnes;
    // No sum carries into the next byte.
    const uint64_t not_zero = ((word & ~kTops) + ~kTops) | word;
    // Moves the top bit of each byte to the last byte, each to its own place.
    return static_cast<uint32_t>(
        (((~not_zero & kTops) >> 7) * 0x0102040810204080) >> 56);
  }

  uint64_t low_ = 0;   // state, tags 0 to 3
  uint64_t high_ = 0;  // tags 4 to 11
};

// A run of zero bytes is an empty group.
class Group {
 public:
  ABSL_ATTRIBUTE_ALWAYS_INLINE GroupSnapshot Load() const {
    // Acquire pairs with the release stores in EndWrite().
    const uint64_t low = __atomic_load_n(&low_, __ATOMIC_ACQUIRE);
    return GroupSnapshot(low, __atomic_load_n(&high_, __ATOMIC_ACQUIRE));
  }

  // Whether the group is as it was when `snapshot` was loaded, and no writer
  // was changing it then.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Validate(
      const GroupSnapshot& snapshot) const {
    // Pairs with the release fence in BeginWrite().
    std::atomic_thread_fence(std::memory_order_acquire);
    const uint64_t differs = __atomic_load_n(&low_, __ATOMIC_RELAXED) ^
                             (snapshot.low_ & ~GroupSnapshot::kChanging);
    return static_cast<uint32_t>(differs & ~GroupSnapshot::kLocked) == 0;
  }

  // Starts and ends a change. `snapshot` is what Load() gave to this writer,
  // and with EndWrite() what the group becomes. All stores are as wide as the
  // loads of Load(): a load of bytes just stored by halves would have to wait.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void BeginWrite(const GroupSnapshot& snapshot) {
    __atomic_store_n(&low_, snapshot.low_ | GroupSnapshot::kChanging,
                     __ATOMIC_RELAXED);
    std::atomic_thread_fence(std::memory_order_release);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE void EndWrite(const GroupSnapshot& snapshot) {
    __atomic_store_n(&high_, snapshot.high_, __ATOMIC_RELEASE);
    __atomic_store_n(&low_, NextVersion(snapshot.low_), __ATOMIC_RELEASE);
  }

  // The word whose lowest bit is the lock.
  uint64_t* lock_word() { return &low_; }

  // Takes the lock if no thread has it and the group is as it was when
  // `snapshot` was loaded. TryBeginWrite() starts a change, too, and
  // EndWrite(snapshot) then ends both.
  template <typename BitLock>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryLock(const GroupSnapshot& snapshot) {
    return BitLock::TryLock(&low_, snapshot.low_, 0);
  }
  template <typename BitLock>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryBeginWrite(
      const GroupSnapshot& snapshot) {
    if (!BitLock::TryLock(&low_, snapshot.low_, GroupSnapshot::kChanging))
      return false;
    // As in BeginWrite().
    std::atomic_thread_fence(std::memory_order_release);
    return true;
  }

  // TryLock(), after which `snapshot` is what Load() would give to the holder:
  // a load would wait for the atomic instruction.
  template <typename BitLock>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryLockAndLoad(GroupSnapshot& snapshot) {
    if (!TryLock<BitLock>(snapshot)) return false;
    snapshot.low_ |= GroupSnapshot::kLocked;
    return true;
  }

  // Gives the lock back, of a group in which nothing changed since TryLock() or
  // TryBeginWrite().
  ABSL_ATTRIBUTE_ALWAYS_INLINE void UnlockUnchanged(
      const GroupSnapshot& snapshot) {
    // Release pairs with the acquire of whoever takes it next.
    __atomic_store_n(&low_, snapshot.low_, __ATOMIC_RELEASE);
  }

  // Says that the group will be loaded and then changed, so that its cache line
  // is asked for once and not twice.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void PrefetchForChange() {
#ifdef __x86_64__
    // Compilers emit it only where they may expect a newer processor; one that
    // does not know it does nothing.
    asm volatile("prefetchw %0" : : "m"(*this));
#else
    __builtin_prefetch(this, 1);
#endif
  }

 private:
  // The version wraps within the low half.
  static uint64_t NextVersion(uint64_t low) {
    constexpr uint32_t kOne = static_cast<uint32_t>(GroupSnapshot::kOneVersion);
    return (low & ~uint64_t{0xffffffff}) | (static_cast<uint32_t>(low) + kOne);
  }

  uint64_t low_ = 0;
  uint64_t high_ = 0;
};
static_assert(sizeof(Group) == 16);

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_HASH_GROUP_H_
