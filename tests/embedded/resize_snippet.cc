// SPDX-License-Identifier: Apache-2.0

// Resizes a MAP<PROFILE>, which only a profile with kResizable allows. Compiled
// by negative_compile_test.sh.

#include <cstdint>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"

namespace bpfmap {

Errno CallResize(MAP<PROFILE>& map, uint32_t max_entries) {
  return map.Resize(max_entries);
}

}  // namespace bpfmap
