// Resizes a MAP<PROFILE>, which only a profile with kResizable allows. Compiled
// by negative_compile_test.sh.

#include <cstdint>

#include "maps/array_map.h"
#include "maps/errno.h"
#include "maps/hash_map.h"
#include "profiles/cloud.h"
#include "profiles/embedded.h"

namespace bpfmap {

Errno CallResize(MAP<PROFILE>& map, uint32_t max_entries) {
  return map.Resize(max_entries);
}

}  // namespace bpfmap
