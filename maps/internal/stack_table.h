// SPDX-License-Identifier: Apache-2.0

// StackTable: stacks by their hash, one to a bucket.
//
// A bucket is empty, or has a stack: a hash and up to `data_size` bytes. There
// are as many buckets as Linux has, a power of two, and slots for as many
// stacks as the map may have elements, which may be fewer.
//
// Thread-safe. A stack that is already stored is found without a lock (see
// seq_lock.h): so a program that meets the same stacks again and again writes
// nothing that others read. Everything else takes the lock.

#ifndef BPFMAP_MAPS_INTERNAL_STACK_TABLE_H_
#define BPFMAP_MAPS_INTERNAL_STACK_TABLE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/segmented_slots.h"
#include "bpfmap/maps/internal/seq_lock.h"
#include "bpfmap/maps/internal/slot_freelist.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class StackTable {
 public:
  explicit StackTable(typename P::Memory& memory)
      : arena_(memory), slots_(memory) {}
  StackTable(const StackTable&) = delete;
  StackTable& operator=(const StackTable&) = delete;

  static constexpr uint64_t BucketsFor(uint32_t max_entries) {
    return std::bit_ceil(uint64_t{max_entries});
  }

  // Bytes that Init() takes from the memory.
  static constexpr uint64_t MemoryNeeded(uint32_t data_size,
                                         uint32_t max_entries) {
    return Arena<P>::AlignedSize(BucketsFor(max_entries) * sizeof(uint32_t)) +
           Arena<P>::AlignedSize(SegmentedSlots<P>::MemoryNeeded(
               kDataOffset + data_size, max_entries));
  }

  // Makes the buckets, all of them empty. `data_size` is a multiple of 8.
  // Returns false if there is no memory. REQUIRES: called once, before anything
  // else.
  bool Init(uint32_t data_size, uint32_t max_entries) {
    if (!arena_.Allocate(MemoryNeeded(data_size, max_entries))) return false;
    data_size_ = data_size;
    WriterLock lock(seq_lock_);
    free_slots_ = max_entries;
    buckets_count_ = BucketsFor(max_entries);
    buckets_ = arena_.Take(buckets_count_ * sizeof(uint32_t));
    const uint64_t slot_size = kDataOffset + data_size;
    slots_.Init(
        arena_.Take(SegmentedSlots<P>::MemoryNeeded(slot_size, max_entries)),
        slot_size, max_entries);
    return true;
  }

  uint64_t buckets() const { return buckets_count_; }

  struct Stack {
    uint32_t hash;
    const void* data;
    uint32_t size;  // bytes of data
  };
  struct Rules {
    bool by_hash;       // the same hash is the same stack
    bool replaces;      // another stack leaves its bucket
    bool needs_a_slot;  // also if the stack is there already
  };
  enum class Stored { kYes, kOtherStack, kNoSlot };

  // Puts a stack into the bucket of its hash, or finds it there. Sets *bucket.
  Stored Store(const Stack& stack, Rules rules, uint32_t* bucket) {
    *bucket = static_cast<uint32_t>(stack.hash & (buckets_count_ - 1));
    bool found = false;
    if (seq_lock_.TryRead(
            [&](uint32_t) { found = Has(*bucket, stack, rules); }) &&
        found) {
      return Stored::kYes;
    }
    WriterLock lock(seq_lock_);
    if (Has(*bucket, stack, rules)) return Stored::kYes;
    if (rules.needs_a_slot && free_slots_ == 0) return Stored::kNoSlot;
    const uint32_t old = SlotOf(*bucket);
    if (old != kNone && IsSame(old, stack)) return Stored::kYes;
    if (old != kNone && !rules.replaces) return Stored::kOtherStack;
    if (free_slots_ == 0) return Stored::kNoSlot;
    WriteSection<P> write(seq_lock_);
    const uint32_t slot = slots_.Take();
    --free_slots_;
    std::byte* const at = slots_.At(slot);
    StoreWord(at + kHashOffset, stack.hash);
    StoreWord(at + kSizeOffset, stack.size);
    StoreBytes(at + kDataOffset, stack.data, stack.size);
    SetSlotOf(*bucket, slot);
    if (old != kNone) GiveBack(old);
    return Stored::kYes;
  }

  // Whether there is a stack in `bucket`. REQUIRES: bucket < buckets().
  bool IsFull(uint64_t bucket) const { return SlotOf(bucket) != kNone; }

  // Copies the stack of `bucket` to `data`, with zeros after it up to the
  // data_size of Init(). Returns false if there is none.
  // REQUIRES: bucket < buckets().
  bool Read(uint64_t bucket, void* data) {
    bool found = false;
    const auto read = [&](uint32_t = 0) {
      const uint32_t slot = SlotOf(bucket);
      found = slot != kNone;
      if (found && data != nullptr) Copy(slot, data);
    };
    if (!seq_lock_.TryRead(read)) {
      ReaderLock lock(seq_lock_);
      read();
    }
    return found;
  }

  // Empties `bucket`, if may_remove() is true; with `data`, as Read() before.
  // Returns false if there is no stack. REQUIRES: bucket < buckets().
  bool Remove(uint64_t bucket, void* data)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock()) {
    const uint32_t slot = SlotOf(bucket);
    if (slot == kNone) return false;
    if (data != nullptr) Copy(slot, data);
    WriteSection<P> write(seq_lock_);
    SetSlotOf(bucket, kNone);
    GiveBack(slot);
    return true;
  }

  // The lock of writers.
  SeqLock<P>& seq_lock() ABSL_LOCK_RETURNED(seq_lock_) { return seq_lock_; }

 private:
  // Slots are numbered from 1 on. The first word of one is the freelist's.
  static constexpr uint32_t kNone = 0;
  static constexpr std::size_t kHashOffset = 4;
  static constexpr std::size_t kSizeOffset = 8;
  static constexpr std::size_t kDataOffset = 16;

  uint32_t SlotOf(uint64_t bucket) const {
    return LoadWord<uint32_t>(buckets_ + bucket * sizeof(uint32_t));
  }
  void SetSlotOf(uint64_t bucket, uint32_t slot) {
    StoreWord(buckets_ + bucket * sizeof(uint32_t), slot);
  }
  void GiveBack(uint32_t slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    slots_.GiveBack(slot);
    ++free_slots_;
  }

  bool Has(uint32_t bucket, const Stack& stack, const Rules& rules) const {
    const uint32_t slot = SlotOf(bucket);
    if (slot == kNone) return false;
    if (!rules.by_hash) return !rules.needs_a_slot && IsSame(slot, stack);
    return LoadWord<uint32_t>(slots_.At(slot) + kHashOffset) == stack.hash;
  }
  bool IsSame(uint32_t slot, const Stack& stack) const {
    const std::byte* const at = slots_.At(slot);
    return LoadWord<uint32_t>(at + kHashOffset) == stack.hash &&
           LoadWord<uint32_t>(at + kSizeOffset) == stack.size &&
           EqualBytes(at + kDataOffset, stack.data, stack.size);
  }
  // A size that was read while a writer was inside is one of some stack.
  void Copy(uint32_t slot, void* data) const {
    const std::byte* const at = slots_.At(slot);
    const uint32_t size = LoadWord<uint32_t>(at + kSizeOffset);
    LoadBytes(data, at + kDataOffset, size);
    std::memset(static_cast<std::byte*>(data) + size, 0, data_size_ - size);
  }

  // Constant after Init().
  Arena<P> arena_;
  uint32_t data_size_ = 0;
  uint64_t buckets_count_ = 0;
  std::byte* buckets_ = nullptr;  // of each, the number of a slot, or kNone

  SeqLock<P> seq_lock_;
  SlotFreelist<P> slots_;  // read without the lock, changed with it
  uint32_t free_slots_ ABSL_GUARDED_BY(seq_lock_) = 0;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_STACK_TABLE_H_
