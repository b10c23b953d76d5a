// SPDX-License-Identifier: Apache-2.0

// Creates a MAP<PROFILE> without saying in which memory, which only a profile
// with a DefaultMemory() allows. Compiled by negative_compile_test.sh.

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"

namespace bpfmap {

Errno CreateSomewhere(const MapDef& def) {
  MAP<PROFILE> map(def);
  return map.Init();
}

}  // namespace bpfmap
