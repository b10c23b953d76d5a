// SPDX-License-Identifier: Apache-2.0

// Maps of the running kernel, for the contenders that need them.

#ifndef BPFMAP_BENCH_KERNEL_FITS_H_
#define BPFMAP_BENCH_KERNEL_FITS_H_

#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {

// Whether bpf(2) may be used here. Says so on stderr, once, where it may not.
bool KernelFits(const MapDef& def);

// The bytes that the map takes, by the kernel; 0 where it does not say.
// How many CPUs the kernel has a value for in a map per CPU; 0 if it does not
// say.
int KernelCpus();

double KernelBytes(const KernelMap& map);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_KERNEL_FITS_H_
