// SPDX-License-Identifier: Apache-2.0
#include "bpfmap/profiles/cloud.h"

#include <cstdint>

#include "bpfmap/profiles/platform/platform.h"

namespace bpfmap {

uint64_t Cloud::RandomSeed() { return platform::RandomBits(); }

Heap& Cloud::DefaultMemory() {
  static constinit Heap heap;
  return heap;
}

}  // namespace bpfmap
