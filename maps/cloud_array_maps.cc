// SPDX-License-Identifier: Apache-2.0
// The maps of the Cloud profile that are found by an index. See cloud_maps.h.

#include "bpfmap/maps/cloud_maps.h"

namespace bpfmap {

template class ArrayMap<Cloud>;
template class ArrayOfMaps<Cloud>;
template class PerCpuArrayMap<Cloud>;
template class ProgArray<Cloud>;

}  // namespace bpfmap
