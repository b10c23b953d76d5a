// SPDX-License-Identifier: Apache-2.0
// The hash maps of the Cloud profile. See cloud_maps.h.

#include "bpfmap/maps/cloud_maps.h"

namespace bpfmap {

template class HashMap<Cloud>;
template class HashOfMaps<Cloud>;
template class PerCpuHashMap<Cloud>;

}  // namespace bpfmap
