// SPDX-License-Identifier: Apache-2.0

// ValueLayout: how a value is copied into and out of a map.
//
// A value may hold a `struct bpf_spin_lock`: 4 bytes that belong to the map.
// They are not copied in, and read as 0. They start as 0 with the memory, and
// only the thread that takes the lock changes them: a program that holds the
// lock of an element whose memory was taken for another one still gives it
// back.
//
// A value may hold a `struct bpf_timer`, too: 16 bytes that belong to the
// programs' engine. They read as 0, and become 0 with each copy in, which ends
// the timer.

#ifndef BPFMAP_MAPS_INTERNAL_VALUE_LAYOUT_H_
#define BPFMAP_MAPS_INTERNAL_VALUE_LAYOUT_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/value_lock.h"
#include "bpfmap/profiles/platform/unaligned.h"

namespace bpfmap::internal {

class ValueLayout {
 public:
  static constexpr uint32_t kNoLock = 0xffffffff;

  static constexpr uint32_t kNoTimer = 0xffffffff;
  static constexpr uint32_t kTimerSize = 16;

  // `lock_offset`: where the lock is, in bytes from the start; or kNoLock.
  // `timer_offset`: the same of the timer; or kNoTimer.
  constexpr ValueLayout(uint32_t size, uint32_t lock_offset,
                        uint32_t timer_offset = kNoTimer)
      : size_(size),
        lock_offset_(lock_offset),
        timer_offset_(timer_offset),
        is_plain_(lock_offset == kNoLock && timer_offset == kNoTimer) {}

  uint32_t size() const { return size_; }

  // Whether CopyIn is one atomic store.
  bool IsOneStore() const {
    return is_plain_ &&
           (size_ == 1 || size_ == 4 || (kHasAtomic8 && size_ == 8));
  }

  // Whether it is as most values are: one word of 8 bytes, which is loaded and
  // stored as a whole.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool IsOneWord() const {
    return kHasAtomic8 && size_ == 8 && is_plain_;
  }

  // CopyIn, where it is one store. REQUIRES: IsOneStore().
  ABSL_ATTRIBUTE_ALWAYS_INLINE void CopyInByOneStore(std::byte* shared,
                                                     const void* own) const {
    if (kHasAtomic8 && size_ == 8) {
      StoreOne<uint64_t>(shared, own);
    } else if (size_ == 4) {
      StoreOne<uint32_t>(shared, own);
    } else {
      StoreOne<uint8_t>(shared, own);
    }
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE void CopyIn(std::byte* shared,
                                           const void* own) const {
    if (IsOneWord()) {
      StoreOne<uint64_t>(shared, own);
      return;
    }
    if (!kHasAtomic8 && size_ == 8 && is_plain_) {
      StoreOne<uint32_t>(shared, own);
      StoreOne<uint32_t>(shared + 4, static_cast<const std::byte*>(own) + 4);
      return;
    }
    CopyInOther(shared, own);
  }

  void CopyOut(void* own, const std::byte* shared) const {
    LoadBytes(own, shared, size_);
    if (!is_plain_) HideOwned(static_cast<std::byte*>(own));
  }

  // Makes the value zero, as CopyIn would.
  void Clear(std::byte* shared) const {
    if (lock_offset_ == kNoLock) {
      ClearBytes(shared, size_);
      return;
    }
    ClearBytes(shared, lock_offset_);
    ClearBytes(shared, size_, lock_offset_ + kValueLockSize);
  }

  // CopyIn and CopyOut while holding the value's own lock: nothing that a
  // program does under it is seen half done.
  // REQUIRES: the value has a lock.
  void CopyInLocked(std::byte* shared, const void* own) const {
    LockValue(shared + lock_offset_);
    CopyInOther(shared, own);
    UnlockValue(shared + lock_offset_);
  }
  void CopyOutLocked(void* own, std::byte* shared) const {
    LockValue(shared + lock_offset_);
    CopyOut(own, shared);
    UnlockValue(shared + lock_offset_);
  }

 private:
  template <typename Word>
  ABSL_ATTRIBUTE_ALWAYS_INLINE static void StoreOne(std::byte* shared,
                                                    const void* own) {
    StoreWord(shared, platform::LoadUnaligned<Word>(own));
  }

  ABSL_ATTRIBUTE_NOINLINE void CopyInOther(std::byte* shared,
                                           const void* own) const {
    if (is_plain_) {
      StoreBytes(shared, own, size_);
      return;
    }
    const uint32_t first = std::min(lock_offset_, timer_offset_);
    StoreBytes(shared, own, std::min(size_, first));
    if (lock_offset_ != kNoLock) {
      const bool is_last = timer_offset_ == kNoTimer || first == timer_offset_;
      StoreBytes(shared, own, is_last ? size_ : timer_offset_,
                 lock_offset_ + kValueLockSize);
    }
    if (timer_offset_ != kNoTimer) {
      const bool is_last = lock_offset_ == kNoLock || first == lock_offset_;
      ClearBytes(shared, timer_offset_ + kTimerSize, timer_offset_);
      StoreBytes(shared, own, is_last ? size_ : lock_offset_,
                 timer_offset_ + kTimerSize);
    }
  }

  // Of a copy: what belongs to the map reads as 0.
  ABSL_ATTRIBUTE_NOINLINE void HideOwned(std::byte* own) const {
    if (lock_offset_ != kNoLock) {
      std::memset(own + lock_offset_, 0, kValueLockSize);
    }
    if (timer_offset_ != kNoTimer) {
      std::memset(own + timer_offset_, 0, kTimerSize);
    }
  }

  uint32_t size_;
  uint32_t lock_offset_;
  uint32_t timer_offset_;
  bool is_plain_;  // all bytes are the user's
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_VALUE_LAYOUT_H_
