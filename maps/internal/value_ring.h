// SPDX-License-Identifier: Apache-2.0

// ValueRing: the values of a queue or a stack, from the oldest to the newest,
// in a ring of slots.
//
//        slots   | 7 | 8 | 9 |   |   | 6 |
//                              ^       ^
//                           head_    tail_
//
// Values are appended at head_; the oldest one is at tail_. There is one slot
// more than values, as in Linux: the ring is empty if the positions are equal,
// and full if head_ is one before tail_.
//
// The ring is its own lock, which each method needs. The lock, the positions
// and all else that a push or a pop reads lie on one cache line, so that a core
// that takes the lock has it all.

#ifndef BPFMAP_MAPS_INTERNAL_VALUE_RING_H_
#define BPFMAP_MAPS_INTERNAL_VALUE_RING_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

template <Profile P>
class ABSL_LOCKABLE alignas(P::kCacheLineSize) ValueRing {
 public:
  ValueRing(typename P::Memory& memory, uint32_t value_size,
            uint32_t max_entries)
      : value_size_(value_size), max_entries_(max_entries), arena_(memory) {}
  ValueRing(const ValueRing&) = delete;
  ValueRing& operator=(const ValueRing&) = delete;

  // Bytes that Init() takes from the memory.
  static constexpr uint64_t MemoryNeeded(uint32_t value_size,
                                         uint32_t max_entries) {
    return Arena<P>::AlignedSize((uint64_t{max_entries} + 1) * value_size);
  }

  // Returns false if there is no memory. REQUIRES: called once, before anything
  // else.
  bool Init() {
    const uint64_t bytes = MemoryNeeded(value_size_, max_entries_);
    if (!arena_.Allocate(bytes)) return false;
    slots_ = arena_.Take(bytes);
    return true;
  }

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.Lock(); }
  // Returns false where another thread has it. REQUIRES: kHasTryLock.
  static constexpr bool kHasTryLock = requires(typename P::Mutex & mutex) {
    mutex.TryLock();
  };
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return mutex_.TryLock();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }

  // Whether a value is copied without a call.
  bool IsOneWord() const { return value_size_ == 8; }

  bool empty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    return head_ == tail_;
  }
  bool full() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    return After(head_) == tail_;
  }

  // With kOneWord: REQUIRES: IsOneWord(). The compiler then has no call to make
  // room for.

  // REQUIRES: !full().
  template <bool kOneWord = false>
  void Append(const void* value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    BPFMAP_DCHECK(P, !full());
    Copy<kOneWord>(At(head_), value);
    head_ = After(head_);
  }

  // All of these: REQUIRES: !empty().
  template <bool kOneWord = false>
  void ReadOldest(void* value) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    BPFMAP_DCHECK(P, !empty());
    Copy<kOneWord>(value, At(tail_));
  }
  template <bool kOneWord = false>
  void ReadNewest(void* value) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    BPFMAP_DCHECK(P, !empty());
    Copy<kOneWord>(value, At(Before(head_)));
  }
  void DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    BPFMAP_DCHECK(P, !empty());
    tail_ = After(tail_);
  }
  void DropNewest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    BPFMAP_DCHECK(P, !empty());
    head_ = Before(head_);
  }

 private:
  // Positions are 0 to max_entries_.
  uint32_t After(uint32_t at) const { return at == max_entries_ ? 0 : at + 1; }
  uint32_t Before(uint32_t at) const { return at == 0 ? max_entries_ : at - 1; }

  std::byte* At(uint32_t position) const {
    return slots_ + static_cast<std::size_t>(position) * value_size_;
  }

  // A size that the compiler knows is a load and a store instead of a call,
  // with the lock held.
  template <bool kOneWord>
  void Copy(void* to, const void* from) const {
    if (kOneWord || value_size_ == 8) {
      std::memcpy(to, from, 8);
    } else if (value_size_ == 4) {
      std::memcpy(to, from, 4);
    } else {
      std::memcpy(to, from, value_size_);
    }
  }

  typename P::Mutex mutex_;
  uint32_t head_ ABSL_GUARDED_BY(this) = 0;
  uint32_t tail_ ABSL_GUARDED_BY(this) = 0;
  // Constant after Init().
  const uint32_t value_size_;
  const uint32_t max_entries_;
  std::byte* slots_ = nullptr;

  Arena<P> arena_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_VALUE_RING_H_
