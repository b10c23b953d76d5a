// SPDX-License-Identifier: Apache-2.0

// The lock inside a value: 4 bytes, 0 when open.

#ifndef BPFMAP_MAPS_INTERNAL_VALUE_LOCK_H_
#define BPFMAP_MAPS_INTERNAL_VALUE_LOCK_H_

#include <cstdint>

namespace bpfmap::internal {

inline constexpr uint32_t kValueLockSize = 4;

inline void LockValue(void* lock) {
  uint32_t* const word = static_cast<uint32_t*>(lock);
  // Acquire pairs with the release in UnlockValue.
  while (__atomic_exchange_n(word, 1U, __ATOMIC_ACQUIRE) != 0) {
    while (__atomic_load_n(word, __ATOMIC_RELAXED) != 0) {
    }
  }
}

// REQUIRES: this thread holds `lock`.
inline void UnlockValue(void* lock) {
  __atomic_store_n(static_cast<uint32_t*>(lock), 0U, __ATOMIC_RELEASE);
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_VALUE_LOCK_H_
