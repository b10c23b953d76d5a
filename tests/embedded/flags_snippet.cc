// SPDX-License-Identifier: Apache-2.0
//
// Gives FLAG to an update, which takes flags of elements alone. Compiled by
// negative_compile_test.sh.

#include <cstdint>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

Errno CallUpdate(BpfMap& map, uint32_t key, uint64_t value) {
  return map.Update(&key, &value, FLAG);
}

}  // namespace bpfmap
