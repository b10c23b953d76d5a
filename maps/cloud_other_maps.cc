// SPDX-License-Identifier: Apache-2.0
// The maps of the Cloud profile that are alone of their kind. See cloud_maps.h.

#include "bpfmap/maps/cloud_maps.h"

namespace bpfmap {

template class BloomFilterMap<Cloud>;
template class CustomMap<Cloud>;
template class LpmTrieMap<Cloud>;
template class QueueStackMap<Cloud, MapType::kQueue>;
template class QueueStackMap<Cloud, MapType::kStack>;
template class StackTraceMap<Cloud>;

}  // namespace bpfmap
