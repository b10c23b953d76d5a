// ValueLayout: how a value is copied into and out of a map.
//
// A value may hold a `struct bpf_spin_lock`: 4 bytes that belong to the map.
// They are not copied in, and read as 0.

#ifndef BPFMAP_MAPS_INTERNAL_VALUE_LAYOUT_H_
#define BPFMAP_MAPS_INTERNAL_VALUE_LAYOUT_H_

#include <cstdint>
#include <cstring>

#include "maps/internal/atomic_bytes.h"
#include "maps/map_def.h"
#include "maps/spin_lock.h"

namespace bpfmap::internal {

class ValueLayout {
 public:
  constexpr ValueLayout(uint32_t size, uint32_t lock_offset)
      : size_(size), lock_offset_(lock_offset) {}

  uint32_t size() const { return size_; }

  void CopyIn(std::byte* shared, const void* own) const {
    if (!has_lock()) {
      StoreBytes(shared, own, size_);
      return;
    }
    StoreBytes(shared, own, lock_offset_);
    StoreBytes(shared, own, size_, lock_offset_ + kSpinLockSize);
  }

  void CopyOut(void* own, const std::byte* shared) const {
    LoadBytes(own, shared, size_);
    if (has_lock()) {
      std::memset(static_cast<std::byte*>(own) + lock_offset_, 0,
                  kSpinLockSize);
    }
  }

  // CopyIn and CopyOut while holding the value's own lock: nothing that a
  // program does under it is seen half done.
  // REQUIRES: the value has a lock.
  void CopyInLocked(std::byte* shared, const void* own) const {
    SpinLock(shared + lock_offset_);
    CopyIn(shared, own);
    SpinUnlock(shared + lock_offset_);
  }
  void CopyOutLocked(void* own, std::byte* shared) const {
    SpinLock(shared + lock_offset_);
    CopyOut(own, shared);
    SpinUnlock(shared + lock_offset_);
  }

  // A new element starts with an open lock.
  void OpenLock(std::byte* shared) const {
    if (has_lock()) ClearBytes(shared + lock_offset_, kSpinLockSize);
  }

 private:
  bool has_lock() const { return lock_offset_ != kNoSpinLock; }

  uint32_t size_;
  uint32_t lock_offset_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_VALUE_LAYOUT_H_
