// StackTable: stacks by a hash of them, one to a bucket.
//
// A bucket is empty, or has a stack: a hash and up to `data_size` bytes. There
// are as many buckets as Linux has, a power of two, and places for as many
// stacks as the map may have elements, which may be fewer.
//
// Thread-safe. A stack that is there already is found without a lock (see
// seq_lock.h): so a program that meets the same stacks again and again writes
// nothing that others read. Everything else is done one after the other.

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
      : arena_(memory), places_(memory) {}
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
    places_left_ = max_entries;
    buckets_count_ = BucketsFor(max_entries);
    buckets_ = arena_.Take(buckets_count_ * sizeof(uint32_t));
    const uint64_t place_size = kDataOffset + data_size;
    places_.Init(
        arena_.Take(SegmentedSlots<P>::MemoryNeeded(place_size, max_entries)),
        place_size, max_entries);
    return true;
  }

  uint64_t buckets() const { return buckets_count_; }

  struct Stack {
    uint32_t hash;
    const void* data;
    uint32_t size;  // bytes of data
  };
  struct Rules {
    bool by_hash;        // the same hash is the same stack
    bool replaces;       // another stack leaves its bucket
    bool needs_a_place;  // also if the stack is there already
  };
  enum class Stored { kYes, kOtherStack, kNoPlace };

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
    if (rules.needs_a_place && places_left_ == 0) return Stored::kNoPlace;
    const uint32_t old = PlaceIn(*bucket);
    if (old != kNone && IsSame(old, stack)) return Stored::kYes;
    if (old != kNone && !rules.replaces) return Stored::kOtherStack;
    if (places_left_ == 0) return Stored::kNoPlace;
    WriteSection<P> write(seq_lock_);
    const uint32_t place = places_.Take();
    --places_left_;
    std::byte* const at = places_.At(place);
    StoreWord(at + kHashOffset, stack.hash);
    StoreWord(at + kSizeOffset, stack.size);
    StoreBytes(at + kDataOffset, stack.data, stack.size);
    SetPlaceIn(*bucket, place);
    if (old != kNone) GiveBack(old);
    return Stored::kYes;
  }

  // Whether there is a stack in `bucket`. REQUIRES: bucket < buckets().
  bool IsFull(uint64_t bucket) const { return PlaceIn(bucket) != kNone; }

  // Copies the stack of `bucket` to `data`, with zeros behind it up to the
  // data_size of Init(). Returns false if there is none.
  // REQUIRES: bucket < buckets().
  bool Read(uint64_t bucket, void* data) {
    bool found = false;
    const auto read = [&](uint32_t = 0) {
      const uint32_t place = PlaceIn(bucket);
      found = place != kNone;
      if (found && data != nullptr) Copy(place, data);
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
    const uint32_t place = PlaceIn(bucket);
    if (place == kNone) return false;
    if (data != nullptr) Copy(place, data);
    WriteSection<P> write(seq_lock_);
    SetPlaceIn(bucket, kNone);
    GiveBack(place);
    return true;
  }

  // What writers lock.
  SeqLock<P>& seq_lock() ABSL_LOCK_RETURNED(seq_lock_) { return seq_lock_; }

 private:
  // Places are numbered from 1 on. The first word of one is the pool's.
  static constexpr uint32_t kNone = 0;
  static constexpr std::size_t kHashOffset = 4;
  static constexpr std::size_t kSizeOffset = 8;
  static constexpr std::size_t kDataOffset = 16;

  uint32_t PlaceIn(uint64_t bucket) const {
    return LoadWord<uint32_t>(buckets_ + bucket * sizeof(uint32_t));
  }
  void SetPlaceIn(uint64_t bucket, uint32_t place) {
    StoreWord(buckets_ + bucket * sizeof(uint32_t), place);
  }
  void GiveBack(uint32_t place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    places_.GiveBack(place);
    ++places_left_;
  }

  bool Has(uint32_t bucket, const Stack& stack, const Rules& rules) const {
    const uint32_t place = PlaceIn(bucket);
    if (place == kNone) return false;
    if (!rules.by_hash) return !rules.needs_a_place && IsSame(place, stack);
    return LoadWord<uint32_t>(places_.At(place) + kHashOffset) == stack.hash;
  }
  bool IsSame(uint32_t place, const Stack& stack) const {
    const std::byte* const at = places_.At(place);
    return LoadWord<uint32_t>(at + kHashOffset) == stack.hash &&
           LoadWord<uint32_t>(at + kSizeOffset) == stack.size &&
           EqualBytes(at + kDataOffset, stack.data, stack.size);
  }
  // A size that was read while a writer was inside is one of some stack.
  void Copy(uint32_t place, void* data) const {
    const std::byte* const at = places_.At(place);
    const uint32_t size = LoadWord<uint32_t>(at + kSizeOffset);
    LoadBytes(data, at + kDataOffset, size);
    std::memset(static_cast<std::byte*>(data) + size, 0, data_size_ - size);
  }

  // Constant after Init().
  Arena<P> arena_;
  uint32_t data_size_ = 0;
  uint64_t buckets_count_ = 0;
  std::byte* buckets_ = nullptr;  // of each, the number of a place, or kNone

  SeqLock<P> seq_lock_;
  SlotFreelist<P> places_;  // read without the lock, changed with it
  uint32_t places_left_ ABSL_GUARDED_BY(seq_lock_) = 0;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_STACK_TABLE_H_
