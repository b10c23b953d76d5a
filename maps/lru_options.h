// SPDX-License-Identifier: Apache-2.0

// LruOptions: what may be chosen of an LRU map beside its definition.

#ifndef BPFMAP_MAPS_LRU_OPTIONS_H_
#define BPFMAP_MAPS_LRU_OPTIONS_H_

#include "bpfmap/maps/internal/lru/eviction_callback.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

// The order in which keys are evicted: see lru_hash_map.h.
enum class LruOrder { kLinux, kStrict };

// Whether a profile has LRU maps in Linux's order. These know virtual CPUs, and
// with them threads, which a small system does not have; and they take far more
// memory than their elements do.
template <Profile P>
inline constexpr bool kHasLinuxLru = P::kLazyMemory&& P::kResizable;

// Whether a profile has LRU_HASH at all. Without Linux's order it is a map with
// one lock.
template <Profile P>
inline constexpr bool kHasLru = kHasLinuxLru<P> || P::kLockStripes == 1;

template <Profile P>
inline constexpr LruOrder kDefaultLruOrder =
    kHasLinuxLru<P> ? LruOrder::kLinux : LruOrder::kStrict;

struct LruOptions {
  LruOrder order = LruOrder::kLinux;

  // Called with each element that is evicted (not with those that are deleted
  // or replaced), by the thread whose update makes it leave, while it leaves.
  // The pointers are good until the call returns. It is called under locks of
  // the map, so it must not call the map's methods.
  EvictionCallback on_eviction = {};
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_LRU_OPTIONS_H_
