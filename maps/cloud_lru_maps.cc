// SPDX-License-Identifier: Apache-2.0
// The LRU hash maps of the Cloud profile. See cloud_maps.h.

#include "bpfmap/maps/cloud_maps.h"

namespace bpfmap {

template class MapBase<LruMap<Cloud, MapType::kLruHash>, Cloud>;
template class LruMap<Cloud, MapType::kLruHash>;
template class MapBase<LruMap<Cloud, MapType::kLruPerCpuHash>, Cloud>;
template class LruMap<Cloud, MapType::kLruPerCpuHash>;

}  // namespace bpfmap
