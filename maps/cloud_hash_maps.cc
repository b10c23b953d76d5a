// SPDX-License-Identifier: Apache-2.0
// The hash maps of the Cloud profile. See cloud_maps.h.

#include "bpfmap/maps/cloud_maps.h"

namespace bpfmap {

template class MapBase<DevMapHash<Cloud>, Cloud>;
template class DevMapHash<Cloud>;
template class MapBase<HashMap<Cloud>, Cloud>;
template class HashMap<Cloud>;
template class MapBase<HashOfMaps<Cloud>, Cloud>;
template class HashOfMaps<Cloud>;
template class MapBase<PerCpuHashMap<Cloud>, Cloud>;
template class PerCpuHashMap<Cloud>;

}  // namespace bpfmap
