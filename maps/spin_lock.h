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
// call nothing of the map meanwhile.

#ifndef BPFMAP_MAPS_SPIN_LOCK_H_
#define BPFMAP_MAPS_SPIN_LOCK_H_

#include <cstddef>
#include <cstdint>

namespace bpfmap {

// Bytes of a `struct bpf_spin_lock`, which are also its alignment.
inline constexpr uint32_t kSpinLockSize = 4;

// `lock`: the 4 bytes of the lock in a map's value, all zero when open.
inline void SpinLock(void* lock) {
  uint32_t* const word = static_cast<uint32_t*>(lock);
  // Acquire pairs with the release in SpinUnlock.
  while (__atomic_exchange_n(word, 1U, __ATOMIC_ACQUIRE) != 0) {
    while (__atomic_load_n(word, __ATOMIC_RELAXED) != 0) {
    }
  }
}

// REQUIRES: this thread holds `lock`.
inline void SpinUnlock(void* lock) {
  __atomic_store_n(static_cast<uint32_t*>(lock), 0U, __ATOMIC_RELEASE);
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_SPIN_LOCK_H_
