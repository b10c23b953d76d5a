// SPDX-License-Identifier: Apache-2.0
// The maps of the Cloud profile that are alone of their kind. See cloud_maps.h.

#include "bpfmap/maps/cloud_maps.h"

namespace bpfmap {

template class MapBase<BloomFilterMap<Cloud>, Cloud>;
template class BloomFilterMap<Cloud>;
template class MapBase<CustomMap<Cloud>, Cloud>;
template class CustomMap<Cloud>;
template class MapBase<LpmTrieMap<Cloud>, Cloud>;
template class LpmTrieMap<Cloud>;
template class MapBase<QueueStackMap<Cloud, MapType::kQueue>, Cloud>;
template class QueueStackMap<Cloud, MapType::kQueue>;
template class MapBase<QueueStackMap<Cloud, MapType::kStack>, Cloud>;
template class QueueStackMap<Cloud, MapType::kStack>;
template class MapBase<StackTraceMap<Cloud>, Cloud>;
template class StackTraceMap<Cloud>;
template class MapBase<CgroupStorage<Cloud, MapType::kCgroupStorage>, Cloud>;
template class CgroupStorage<Cloud, MapType::kCgroupStorage>;
template class MapBase<CgroupStorage<Cloud, MapType::kPerCpuCgroupStorage>,
                       Cloud>;
template class CgroupStorage<Cloud, MapType::kPerCpuCgroupStorage>;
template class MapBase<ArenaMap<Cloud>, Cloud>;
template class ArenaMap<Cloud>;
template class MapBase<StructOpsMap<Cloud>, Cloud>;
template class StructOpsMap<Cloud>;

}  // namespace bpfmap
