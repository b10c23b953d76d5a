// SPDX-License-Identifier: Apache-2.0

#include "bench/count_row.h"

#include "absl/base/attributes.h"

namespace bpfmap::bench {

extern "C" ABSL_ATTRIBUTE_NOINLINE void BpfmapRunCounted(void (*run)(void*),
                                                         void* argument) {
  run(argument);
  asm volatile("");  // no tail call: the function would be left too early
}

}  // namespace bpfmap::bench
