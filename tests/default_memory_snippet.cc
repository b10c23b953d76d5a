// Creates a MAP<PROFILE> without saying in which memory, which only a profile
// with a DefaultMemory() allows. Compiled by negative_compile_test.sh.

#include "maps/array_map.h"
#include "maps/errno.h"
#include "maps/hash_map.h"
#include "maps/map_def.h"
#include "profiles/cloud.h"
#include "profiles/embedded.h"

namespace bpfmap {

Errno CreateSomewhere(const MapDef& def) {
  MAP<PROFILE> map(def);
  return map.Init();
}

}  // namespace bpfmap
