// SPDX-License-Identifier: Apache-2.0

// The one list of all that take part. Each has a file of its own.

#ifndef BPFMAP_BENCH_CONTENDERS_H_
#define BPFMAP_BENCH_CONTENDERS_H_

#include <vector>

#include "bench/contender.h"
#include "bench/floor.h"
#include "bench/our_maps.h"
#include "bench/peers/peers.h"

namespace bpfmap::bench {

std::vector<Contender> KernelMaps();      // kernel/system_call.cc
std::vector<Contender> KernelPrograms();  // kernel/in_program.cc

// The order is that of the rows.
inline std::vector<Contender> Contenders() {
  std::vector<Contender> all;
  for (const auto& some :
       {FloorMaps(), OurMaps(), KernelPrograms(), KernelMaps(), Peers()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_CONTENDERS_H_
