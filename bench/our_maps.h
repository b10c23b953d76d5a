// SPDX-License-Identifier: Apache-2.0

// The maps of this library as contenders: both profiles, both views, and once
// more without the interface in between.

#ifndef BPFMAP_BENCH_OUR_MAPS_H_
#define BPFMAP_BENCH_OUR_MAPS_H_

#include <vector>

#include "bench/contender.h"

namespace bpfmap::bench {

std::vector<Contender> OurMaps();

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_OUR_MAPS_H_
