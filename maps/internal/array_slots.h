// SPDX-License-Identifier: Apache-2.0

// ArraySlots: the elements of an array map, by index.
//
// Element i is slot i and belongs to seqlock i & (seqlocks - 1). A writer
// changes it in place: under the lock of the seqlock and inside a WriteSection
// or, for values that are small enough, by a single store. Resizing locks all
// seqlocks, so the size stands still for a thread that holds one.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_ARRAY_SLOTS_H_
#define BPFMAP_MAPS_INTERNAL_ARRAY_SLOTS_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/segmented_slots.h"
#include "bpfmap/maps/internal/seq_lock.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class ArraySlots {
 public:
  ArraySlots(typename P::Memory& memory, ValueLayout value)
      : value_(value),
        one_store_(value.IsOneStore()),
        arena_(memory),
        slots_(memory) {}

  // Bytes that Init() takes from the memory.
  static constexpr uint64_t MemoryNeeded(uint32_t value_size, uint32_t size) {
    return Arena<P>::AlignedSize(StripedSeqLocks<P>::MemoryNeeded(size)) +
           Arena<P>::AlignedSize(
               SegmentedSlots<P>::MemoryNeeded(RoundUp8(value_size), size));
  }

  // Makes `size` elements, all zero. Returns false if there is no memory.
  // REQUIRES: called once, before anything else.
  bool Init(uint32_t size) {
    const uint64_t slot_size = RoundUp8(value_.size());
    if (!arena_.Allocate(MemoryNeeded(value_.size(), size))) return false;
    // Elements first: whoever maps this memory finds them at its start.
    slots_.Init(arena_.Take(SegmentedSlots<P>::MemoryNeeded(slot_size, size)),
                slot_size, size);
    seq_locks_.Init(arena_.Take(StripedSeqLocks<P>::MemoryNeeded(size)), size);
    ever_used_ = size;
    size_.store(size, std::memory_order_relaxed);
    return true;
  }

  // Acquire pairs with the release in SetSize: a thread that sees an index as
  // valid sees its slot.
  uint32_t size() const { return size_.load(std::memory_order_acquire); }

  // A pointer to element `index`, aligned to 8.
  // REQUIRES: index < size(), now or at any time before.
  std::byte* At(uint32_t index) const { return slots_.At(index); }

  SeqLock<P>& SeqLockOf(uint32_t index) const { return seq_locks_.Of(index); }

  // Copies element `index` to `value` as one whole; holding the value's own
  // lock if `value_lock`. REQUIRES: as At().
  void Read(uint32_t index, void* value, bool value_lock) const {
    std::byte* const slot = At(index);
    SeqLock<P>& seq_lock = SeqLockOf(index);
    if (value_lock) {
      ReaderLock lock(seq_lock);
      value_.CopyOutLocked(value, slot);
      return;
    }
    // A mixture of two values may reach `value`, and is then written over.
    if (!seq_lock.TryRead([&](uint32_t) { value_.CopyOut(value, slot); })) {
      ReaderLock lock(seq_lock);
      value_.CopyOut(value, slot);
    }
  }

  // Writes element `index`. REQUIRES: index < size().
  void WriteLocked(SeqLock<P>& seq_lock, uint32_t index, const void* value,
                   bool value_lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock) {
    WriteSection<P> write(seq_lock);
    if (value_lock) {
      value_.CopyInLocked(At(index), value);
    } else {
      value_.CopyIn(At(index), value);
    }
  }

  // Whether At() is quick.
  bool IsQuick(uint32_t index) const { return slots_.IsInFirstSegment(index); }

  // Whether a value is written by one store, which needs no lock to be whole.
  bool IsOneStore() const { return one_store_; }

  // Writes element `index` without a lock. It may come after a Resize() that
  // it raced with, and is then a write to whatever the index is by then.
  // REQUIRES: IsOneStore(); as At().
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Store(uint32_t index, const void* value) {
    value_.CopyInByOneStore(At(index), value);
  }

  // Whether a value is one word, which needs no lock to be read as a whole.
  bool IsOneWord() const { return value_.IsOneWord(); }

  // Copies element `index` to `value`. REQUIRES: IsOneWord(); as At().
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Load(uint32_t index, void* value) const {
    const uint64_t word = LoadWord<uint64_t>(At(index));
    // Pairs with the release fence in BeginWrite(): a thread that reads what a
    // writer wrote sees what was written before it.
    std::atomic_thread_fence(std::memory_order_acquire);
    std::memcpy(value, &word, sizeof word);
  }

  // Runs `change` while no other thread holds the lock of any seqlock.
  template <typename Change>
  void WithAllLocked(Change change) {
    seq_locks_.WithAllLocked(change);
  }

  // Makes the array `size` elements long. Elements before the end stay where
  // they are; new ones are zero. Returns false, and changes nothing, if there
  // is no memory. REQUIRES: size > 0; one call at a time.
  bool Resize(uint32_t size) requires P::kResizable {
    if (!slots_.Grow(size)) return false;
    seq_locks_.WithAllWritten([&] {
      // Slots beyond the end keep their bytes, for pointers that are still
      // held, until they are elements again.
      for (uint64_t i = this->size(); i < std::min(size, ever_used_); ++i) {
        value_.Clear(At(i));
      }
      ever_used_ = std::max(size, ever_used_);
      size_.store(size, std::memory_order_release);
    });
    return true;
  }

 private:
  const ValueLayout value_;
  const bool one_store_;
  Arena<P> arena_;
  StripedSeqLocks<P> seq_locks_;
  SegmentedSlots<P> slots_;
  std::atomic<uint32_t> size_{0};
  uint32_t ever_used_ = 0;  // slots at and beyond were never elements
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_ARRAY_SLOTS_H_
