// SPDX-License-Identifier: Apache-2.0
//
// Dynptr: what a `struct bpf_dynptr` of a program holds, 16 bytes.
//
// Programs may not look into it, so its layout is the engine's own.

#ifndef BPFMAP_PROGRAMS_DYNPTR_H_
#define BPFMAP_PROGRAMS_DYNPTR_H_

#include <cstdint>

namespace bpfmap {

struct Dynptr {
  uint64_t data = 0;  // an address; 0: it points to nothing
  uint32_t size = 0;  // bytes
  uint32_t read_only = 0;
};

inline constexpr uint32_t kDynptrSize = sizeof(Dynptr);
static_assert(kDynptrSize == 16);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_DYNPTR_H_
