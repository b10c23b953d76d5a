// SPDX-License-Identifier: Apache-2.0

// EvictionCallback: the function that an LRU map calls with an element that it
// evicts.

#ifndef BPFMAP_MAPS_INTERNAL_LRU_EVICTION_CALLBACK_H_
#define BPFMAP_MAPS_INTERNAL_LRU_EVICTION_CALLBACK_H_

namespace bpfmap {

// A function and what to call it with. See LruOptions in maps/lru_hash_map.h.
struct EvictionCallback {
  void (*function)(void* context, const void* key, const void* value) = nullptr;
  void* context = nullptr;

  void operator()(const void* key, const void* value) const {
    if (function != nullptr) function(context, key, value);
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_LRU_EVICTION_CALLBACK_H_
