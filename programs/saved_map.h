// SPDX-License-Identifier: Apache-2.0
//
// SavedMap: what a map holds at one moment, to be brought back.
//
// For types with keys whose values user space reads and writes, and for queues
// and stacks. A restored element is another one than before: pointers of
// programs into the map are not good for it. An LRU map has another order.
//
// Not thread-safe: nothing else uses the map during a call.

#ifndef BPFMAP_PROGRAMS_SAVED_MAP_H_
#define BPFMAP_PROGRAMS_SAVED_MAP_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "bpfmap/maps/bpf_map.h"

namespace bpfmap {

class SavedMap {
 public:
  // `map` must outlive this.
  explicit SavedMap(BpfMap* map);

  // Brings back what the map held when this was made. Returns false if it
  // cannot: the map is frozen, or of another type than those above.
  bool Restore();

 private:
  using Bytes = std::vector<uint8_t>;

  std::map<Bytes, Bytes> Elements() const;
  std::vector<Bytes> PopAll();
  bool PushAll(const std::vector<Bytes>& values);

  BpfMap& map_;
  const std::size_t key_size_;
  const std::size_t value_size_;  // in the user view
  std::map<Bytes, Bytes> elements_;
  std::vector<Bytes> values_;  // of a queue or a stack, in the order of pops
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_SAVED_MAP_H_
