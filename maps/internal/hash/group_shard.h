// SPDX-License-Identifier: Apache-2.0

// GroupShard: a group of a hash table as the lock of the keys that belong to
// it. The lock is a bit of the group's own; see group.h. A thread that changes
// a group has its cache line anyway, and needs no other for the lock.
//
// No order is promised among waiting threads.

#ifndef BPFMAP_MAPS_INTERNAL_HASH_GROUP_SHARD_H_
#define BPFMAP_MAPS_INTERNAL_HASH_GROUP_SHARD_H_

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/hash/group.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

// A run of zero bytes is an empty group that nobody has locked.
template <Profile P>
class ABSL_LOCKABLE GroupShard : public Group {
 public:
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    P::BitLock::Lock(lock_word());
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Unlock() ABSL_UNLOCK_FUNCTION() {
    P::BitLock::Unlock(lock_word());
  }
  // Alone, too: readers come here only where they found no quiet moment.
  void ReaderLock() ABSL_SHARED_LOCK_FUNCTION() {
    P::BitLock::Lock(lock_word());
  }
  void ReaderUnlock() ABSL_UNLOCK_FUNCTION() {
    P::BitLock::Unlock(lock_word());
  }
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_HASH_GROUP_SHARD_H_
