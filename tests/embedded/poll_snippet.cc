// SPDX-License-Identifier: Apache-2.0

// Waits for a record of a MAP<PROFILE>, which only a profile with an Event
// allows. Compiled by negative_compile_test.sh.

#include <cstdint>

#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"

namespace bpfmap {

int64_t CallPoll(MAP<PROFILE>& map) {
  return map.Poll(100, [](void*, uint32_t) { return 0; });
}

}  // namespace bpfmap
