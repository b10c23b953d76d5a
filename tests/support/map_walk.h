// SPDX-License-Identifier: Apache-2.0

// The two ways to go through a map from user space, from start to end.
//
// Both give the map one buffer for where they are and for where they come next,
// as programs do.

#ifndef BPFMAP_TESTS_SUPPORT_MAP_WALK_H_
#define BPFMAP_TESTS_SUPPORT_MAP_WALK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "tests/support/user_value_size.h"

namespace bpfmap {

// Calls visit(key, value) for what LookupBatch gives, up to `room` elements at
// a time (more where they only come together). Returns kOk at the end.
template <typename Visit>
Errno WalkByBatch(BpfMap& map, uint32_t room, Visit visit,
                  BatchFlags flags = {}) {
  const MapDef def = map.def();
  const std::size_t value_size = UserValueSize(def);
  std::vector<std::byte> position(std::max(def.key_size, 4U));
  bool started = false;
  while (true) {
    std::vector<std::byte> keys(std::size_t{room} * def.key_size);
    std::vector<std::byte> values(room * value_size);
    uint32_t count = room;
    const Errno error =
        map.LookupBatch(started ? position.data() : nullptr, position.data(),
                        keys.data(), values.data(), &count, flags);
    if (error == Errno::kNoSpc) {
      room *= 2;
      continue;
    }
    if (error != Errno::kOk && error != Errno::kNoEnt) return error;
    for (std::size_t i = 0; i < count; ++i) {
      visit(keys.data() + i * def.key_size, values.data() + i * value_size);
    }
    if (error == Errno::kNoEnt) return Errno::kOk;
    started = true;
  }
}

// Calls visit(key) for each key that GetNextKey gives. Returns kOk at the end.
template <typename Visit>
Errno WalkByNextKey(BpfMap& map, Visit visit) {
  std::vector<std::byte> key(map.def().key_size);
  Errno error = map.GetNextKey(nullptr, key.data());
  while (error == Errno::kOk) {
    visit(key.data());
    error = map.GetNextKey(key.data(), key.data());
  }
  return error == Errno::kNoEnt ? Errno::kOk : error;
}

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_MAP_WALK_H_
