// MapWithoutBatches: base of the types whose batch commands Linux refuses: what
// they answer is EFAULT for a null count, EPERM without the right, else
// ENOTSUPP.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_MAP_WITHOUT_BATCHES_H_
#define BPFMAP_MAPS_INTERNAL_RULES_MAP_WITHOUT_BATCHES_H_

#include <cstdint>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

class MapWithoutBatches : public LocalMap {
 public:
  Errno DoLookupBatch(const void*, void*, void*, void*, uint32_t* count,
                      BatchFlags) final {
    return rights_.RefuseBatch(count, /*reads=*/true, /*writes=*/false);
  }
  Errno DoLookupAndDeleteBatch(const void*, void*, void*, void*,
                               uint32_t* count, BatchFlags) final {
    return rights_.RefuseBatch(count, /*reads=*/true, /*writes=*/true);
  }
  Errno DoUpdateBatch(const void*, const void*, uint32_t* count,
                      BatchFlags) final {
    return rights_.RefuseBatch(count, /*reads=*/false, /*writes=*/true);
  }
  Errno DoDeleteBatch(const void*, uint32_t* count, BatchFlags) final {
    return rights_.RefuseBatch(count, /*reads=*/false, /*writes=*/true);
  }

 protected:
  explicit MapWithoutBatches(const MapDef& def) : rights_(def) {}
  ~MapWithoutBatches() = default;

  UserRights rights_;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_MAP_WITHOUT_BATCHES_H_
