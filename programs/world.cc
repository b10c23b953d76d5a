// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/world.h"

#include <cstring>

namespace bpfmap {

// Marsaglia, "Xorshift RNGs" (2003).
uint32_t World::Random() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return static_cast<uint32_t>(random_state >> 32);
}

Errno World::ReadKernel(uint64_t address, void* to, std::size_t size) {
  for (const Range& range : memory_) {
    const uint64_t offset = address - range.address;
    if (offset > range.size || size > range.size - offset) continue;
    std::memcpy(to,
                reinterpret_cast<const void*>(static_cast<uintptr_t>(address)),
                size);
    return Errno::kOk;
  }
  return Errno::kFault;
}

Errno World::ReadUser(uint64_t address, void* to, std::size_t size) {
  return ReadKernel(address, to, size);
}

Errno World::WriteUser(uint64_t, const void*, std::size_t) {
  return Errno::kFault;
}

}  // namespace bpfmap
