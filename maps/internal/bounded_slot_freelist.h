// SPDX-License-Identifier: Apache-2.0

// BoundedSlotFreelist: the freelist of a hash table's slots, and how many
// elements there may be.
//
// There are a few more slots than elements, so that a value can be replaced
// while the table is full (see HashTable): only slots for new elements count
// against the limit. The slot that was returned last is taken first, as in
// Linux, and no slot is touched before it is first taken.
//
// Thread-safe. Where one lock guards the whole table, and the limit stays as it
// is, that lock guards the freelist too: it has none of its own.

#ifndef BPFMAP_MAPS_INTERNAL_BOUNDED_SLOT_FREELIST_H_
#define BPFMAP_MAPS_INTERNAL_BOUNDED_SLOT_FREELIST_H_

#include <cstdint>
#include <type_traits>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

// The lock of something that its owner's lock guards.
struct ABSL_LOCKABLE OwnersLock {
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {}
  void Unlock() ABSL_UNLOCK_FUNCTION() {}
  void ReaderLock() ABSL_SHARED_LOCK_FUNCTION() {}
  void ReaderUnlock() ABSL_UNLOCK_FUNCTION() {}
};

// `Links` has, for slot numbers from 1 on, `uint32_t NextFree(slot)` and
// `void SetNextFree(slot, next)`: a free slot holds the list.
template <Profile P, typename Links>
class alignas(P::kCacheLineSize) BoundedSlotFreelist {
 public:
  static constexpr uint32_t kNone = 0;

  // At most `limit` elements at a time.
  explicit BoundedSlotFreelist(uint32_t limit) : limit_(limit) {}

  // A slot for a new element, or kNone if there are `limit` elements.
  uint32_t TakeForElement(Links& links) {
    WriterLock lock(lock_);
    if (elements_ >= limit_) return kNone;
    ++elements_;
    return TakeLocked(links);
  }

  // The element in `slot` is gone.
  void GiveBackElement(Links& links, uint32_t slot) {
    WriterLock lock(lock_);
    --elements_;
    GiveBackLocked(links, slot);
  }

  // A slot that is not counted, and back.
  // REQUIRES: no more of them at a time than there are slots beyond `limit`.
  uint32_t Take(Links& links) {
    WriterLock lock(lock_);
    return TakeLocked(links);
  }
  void GiveBack(Links& links, uint32_t slot) {
    WriterLock lock(lock_);
    GiveBackLocked(links, slot);
  }

  // Sets the limit, if no more elements than that are there.
  bool SetLimit(uint32_t limit) {
    WriterLock lock(lock_);
    if (elements_ > limit) return false;
    limit_ = limit;
    return true;
  }

  uint32_t limit() const {
    ReaderLock lock(lock_);
    return limit_;
  }

 private:
  uint32_t TakeLocked(Links& links) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    if (free_ == kNone) return ++ever_taken_;
    const uint32_t slot = free_;
    free_ = links.NextFree(slot);
    return slot;
  }
  void GiveBackLocked(Links& links, uint32_t slot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    links.SetNextFree(slot, free_);
    free_ = slot;
  }

  using OwnLock = std::conditional_t<P::kLockStripes == 1 && !P::kResizable,
                                     OwnersLock, typename P::Lock>;

  mutable OwnLock lock_;
  uint32_t limit_ ABSL_GUARDED_BY(lock_);
  uint32_t elements_ ABSL_GUARDED_BY(lock_) = 0;
  uint32_t free_ ABSL_GUARDED_BY(lock_) = kNone;    // head of the list
  uint32_t ever_taken_ ABSL_GUARDED_BY(lock_) = 0;  // slots 1 to here
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_BOUNDED_SLOT_FREELIST_H_
