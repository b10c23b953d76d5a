// SPDX-License-Identifier: Apache-2.0

// CreateMap: a map of any type, on the heap, from its definition.
//
//   absl::StatusOr<std::shared_ptr<LocalMap>> map = CreateMap(
//       {.type = MapType::kHash, .key_size = 4, .value_size = 8,
//        .max_entries = 1024, .name = "counts"});
//
// As the class that it is, with the methods that only this class has, and that
// the compiler can inline:
//
//   absl::StatusOr<std::unique_ptr<HashMap<P>>> map =
//       CreateMap<HashMap>(def);
//
// For a map in memory of your own, without a heap, construct it yourself:
//
//   HashMap<Embedded> map(def, &pool);
//   Errno error = map.Init();
//
// Thread-safe.

#ifndef BPFMAP_MAPS_CREATE_MAP_H_
#define BPFMAP_MAPS_CREATE_MAP_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

// Creates a map of the Cloud profile. It lives as long as anybody holds it.
// The status says which attribute is wrong and what would be right, and its
// StatusToErrno() is what Linux answers (see Check() of the type's class):
//   EINVAL  a size, a flag or a name that the type does not take
//   E2BIG   a size too large for the type
//   EACCES  a value with a lock in a map with rights of programs taken away
//   EBADF   a map of maps whose inner_map_fd is not open
//   others  what the MapProvider of a custom type says
//   ENOMEM  no memory
absl::StatusOr<std::shared_ptr<LocalMap>> CreateMap(const MapDef& def);

// The same as a HashMap<Cloud> (for CreateMap<HashMap>), which the caller owns.
// Errors as above, and EINVAL where def.type is not that of the class.
template <template <Profile> class Map, Profile P = Cloud>
absl::StatusOr<std::unique_ptr<Map<P>>> CreateMap(const MapDef& def);

// Implementation.

namespace internal {

// The result of creating a map, and the reason; `memory_needed` is for the
// sentence about ENOMEM.
struct Creation {
  Errno error;
  const char* reason;
  uint64_t memory_needed;
};

absl::Status CreationStatus(const MapDef& def, const Creation& creation);

template <typename Map>
Creation InitMap(const MapDef& def, Map* map) {
  const Errno error = map->Init();
  if (error == Errno::kOk) return {error, "", 0};
  const char* reason;
  if constexpr (requires { map->reason(); }) {
    reason = map->reason();
  } else {
    reason = Map::Check(def).reason;
  }
  const bool checked = error == Errno::kNoMem && *reason == '\0';
  return {error, reason, checked ? Map::MemoryNeeded(def) : 0};
}

}  // namespace internal

template <template <Profile> class Map, Profile P>
absl::StatusOr<std::unique_ptr<Map<P>>> CreateMap(const MapDef& def) {
  auto map = std::make_unique<Map<P>>(def);
  const internal::Creation creation = internal::InitMap(def, map.get());
  if (creation.error != Errno::kOk) {
    return internal::CreationStatus(def, creation);
  }
  return map;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_CREATE_MAP_H_
