// SPDX-License-Identifier: Apache-2.0

// MapFdTable: a file descriptor table for maps, and their ids.
//
// A map of maps is given its inner maps by number, as by bpf(2): by a
// descriptor, which keeps the map alive while it is open. It shows user space
// another number, the map's id: it is never used again, and the map has it from
// the first time it is opened until nothing refers to it.
//
//   MapFdTable& fd_table = MapFdTable::Global();
//   const uint32_t fd = fd_table.Open(CreateMap(inner_def).value());
//   auto outer = CreateMap({.type = MapType::kArrayOfMaps, .key_size = 4,
//                           .value_size = 4, .max_entries = 8,
//                           .inner_map_fd = fd});
//   outer.value()->Update(&index, &fd);
//
// Thread-safe.

#ifndef BPFMAP_MAPS_MAP_FD_TABLE_H_
#define BPFMAP_MAPS_MAP_FD_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/profiles/spin_then_yield.h"

namespace bpfmap {

// A map and its id.
struct MapWithId {
  std::shared_ptr<LocalMap> map;
  uint32_t id = 0;
};

// Where a map of maps finds the map of a descriptor that it is given.
class FdResolver {
 public:
  // The map of `fd`, and a reference to it.
  //   EBADF   `fd` is not open
  //   EINVAL  it is open, and is no map
  virtual Errno Find(uint32_t fd, MapWithId* found) const = 0;

 protected:
  ~FdResolver() = default;
};

class MapFdTable final : public FdResolver {
 public:
  // The one of the process. Maps use it if they are given no other.
  static MapFdTable& Global();

  MapFdTable() = default;
  MapFdTable(const MapFdTable&) = delete;
  MapFdTable& operator=(const MapFdTable&) = delete;

  // A new descriptor of `map`: the lowest that is free, from 3 on.
  // REQUIRES: `map` is not null, and is always opened here.
  uint32_t Open(std::shared_ptr<LocalMap> map);

  //   EBADF  `fd` is not open
  Errno Close(uint32_t fd);

  // Every descriptor is a map's, so EINVAL never comes.
  Errno Find(uint32_t fd, MapWithId* found) const override;

  // The map of `id`, and a reference to it; null if nothing refers to it.
  std::shared_ptr<LocalMap> FindById(uint32_t id) const;

 private:
  static constexpr uint32_t kFirst = 3;  // the others are never maps

  mutable RwLock lock_;
  std::map<uint32_t, MapWithId> by_fd_ ABSL_GUARDED_BY(lock_);
  // Every map with an id; Open() sweeps expired entries.
  std::map<uint32_t, std::weak_ptr<LocalMap>> by_id_ ABSL_GUARDED_BY(lock_);
  uint32_t last_id_ ABSL_GUARDED_BY(lock_) = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_MAP_FD_TABLE_H_
