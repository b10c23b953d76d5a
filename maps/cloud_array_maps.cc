// SPDX-License-Identifier: Apache-2.0
// The maps of the Cloud profile that are found by an index. See cloud_maps.h.

#include "bpfmap/maps/cloud_maps.h"

namespace bpfmap {

template class MapBase<ArrayMap<Cloud>, Cloud>;
template class ArrayMap<Cloud>;
template class MapBase<ArrayOfMaps<Cloud>, Cloud>;
template class ArrayOfMaps<Cloud>;
template class MapBase<CgroupArray<Cloud>, Cloud>;
template class CgroupArray<Cloud>;
template class MapBase<CpuMap<Cloud>, Cloud>;
template class CpuMap<Cloud>;
template class MapBase<DevMap<Cloud>, Cloud>;
template class DevMap<Cloud>;
template class MapBase<PerCpuArrayMap<Cloud>, Cloud>;
template class PerCpuArrayMap<Cloud>;
template class MapBase<ProgArray<Cloud>, Cloud>;
template class ProgArray<Cloud>;
template class MapBase<ReuseportSockArray<Cloud>, Cloud>;
template class ReuseportSockArray<Cloud>;
template class MapBase<SockMap<Cloud>, Cloud>;
template class SockMap<Cloud>;
template class MapBase<XskMap<Cloud>, Cloud>;
template class XskMap<Cloud>;

}  // namespace bpfmap
