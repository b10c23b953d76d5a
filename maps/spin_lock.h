// SPDX-License-Identifier: Apache-2.0

// SpinLock and SpinUnlock: bpf_spin_lock() and bpf_spin_unlock().
//
// A value of a hash or an array map may hold a lock; MapDef::spin_lock_offset
// says where. A program that holds it excludes other programs that take it,
// and the user view's Lookup and Update with kLock.
//
//   auto* entry = static_cast<Entry*>(map.LookupElem(&key));
//   bpfmap::SpinLock(&entry->lock);
//   ...
//   bpfmap::SpinUnlock(&entry->lock);
//
// As in a BPF program: hold one lock at a time, for a few instructions, and
// call nothing of the map while holding it.

#ifndef BPFMAP_MAPS_SPIN_LOCK_H_
#define BPFMAP_MAPS_SPIN_LOCK_H_

#include <cstdint>

#include "bpfmap/maps/internal/value_lock.h"

namespace bpfmap {

// Bytes of a `struct bpf_spin_lock`, which are also its alignment.
inline constexpr uint32_t kSpinLockSize = internal::kValueLockSize;

// `lock`: the 4 bytes of the lock in a map's value.
inline void SpinLock(void* lock) { internal::LockValue(lock); }

// REQUIRES: this thread holds `lock`.
inline void SpinUnlock(void* lock) { internal::UnlockValue(lock); }

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_SPIN_LOCK_H_
