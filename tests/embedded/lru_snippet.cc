// SPDX-License-Identifier: Apache-2.0

// An LruPerCpuHashMap<PROFILE>, which only a profile with threads and a heap
// can have. Compiled by negative_compile_test.sh.

#include "bpfmap/maps/lru_per_cpu_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"

namespace bpfmap {

MapDef DefOf(const LruPerCpuHashMap<PROFILE>& map) { return map.def(); }

}  // namespace bpfmap
