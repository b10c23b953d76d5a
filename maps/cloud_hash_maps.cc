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
template class MapBase<LocalStorage<Cloud, MapType::kCgrpStorage>, Cloud>;
template class LocalStorage<Cloud, MapType::kCgrpStorage>;
template class MapBase<LocalStorage<Cloud, MapType::kInodeStorage>, Cloud>;
template class LocalStorage<Cloud, MapType::kInodeStorage>;
template class MapBase<LocalStorage<Cloud, MapType::kSkStorage>, Cloud>;
template class LocalStorage<Cloud, MapType::kSkStorage>;
template class MapBase<LocalStorage<Cloud, MapType::kTaskStorage>, Cloud>;
template class LocalStorage<Cloud, MapType::kTaskStorage>;
template class MapBase<PerCpuHashMap<Cloud>, Cloud>;
template class PerCpuHashMap<Cloud>;
template class MapBase<SockHash<Cloud>, Cloud>;
template class SockHash<Cloud>;

}  // namespace bpfmap
