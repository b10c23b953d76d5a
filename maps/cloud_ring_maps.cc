// SPDX-License-Identifier: Apache-2.0
// The rings of the Cloud profile. See cloud_maps.h.

#include "bpfmap/maps/cloud_maps.h"

namespace bpfmap {

template class PerfEvent<Cloud>;
template class MapBase<PerfEventArray<Cloud>, Cloud>;
template class PerfEventArray<Cloud>;
template class MapBase<RingBuffer<Cloud>, Cloud>;
template class RingBuffer<Cloud>;
template class MapBase<UserRingBuffer<Cloud>, Cloud>;
template class UserRingBuffer<Cloud>;

}  // namespace bpfmap
