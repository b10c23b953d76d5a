// CreateMap: a map of any type, on the heap, from its definition.
//
//   absl::StatusOr<std::shared_ptr<LocalMap>> map = CreateMap(
//       {.type = MapType::kHash, .key_size = 4, .value_size = 8,
//        .max_entries = 1024, .name = "counts"});
//
// For a map in memory of your own, without a heap, or as the class that it is
// (whose methods the compiler can inline), construct it yourself:
//
//   HashMap<Embedded> map(def, &pool);
//   Errno error = map.Init();

#ifndef BPFMAP_MAPS_CREATE_MAP_H_
#define BPFMAP_MAPS_CREATE_MAP_H_

#include <memory>

#include "absl/status/statusor.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"

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

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_CREATE_MAP_H_
