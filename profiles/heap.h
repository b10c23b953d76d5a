// SPDX-License-Identifier: Apache-2.0

// Heap: zeroed memory from the C library, which hands large blocks out as
// untouched pages: what a map does not use costs address space only. (Blocks of
// 16 MiB and more come in huge pages, where the system has them.)
//
// Thread-safe.

#ifndef BPFMAP_PROFILES_HEAP_H_
#define BPFMAP_PROFILES_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "bpfmap/profiles/platform/platform.h"

namespace bpfmap {

class Heap {
 public:
  // Returns `bytes` of zeroed memory, or null. `alignment` is a power of two.
  void* Allocate(std::size_t bytes, std::size_t alignment) {
    if (alignment < alignof(void*)) alignment = alignof(void*);
    // calloc's own block starts a pointer and up to `alignment` bytes earlier;
    // its address is kept in front of what is handed out.
    const std::size_t extra = alignment + sizeof(void*);
    if (bytes > std::numeric_limits<std::size_t>::max() - extra) return nullptr;
    void* const block = std::calloc(1, bytes + extra);
    if (block == nullptr) return nullptr;
    std::byte* const first = static_cast<std::byte*>(block) + sizeof(void*);
    platform::PreferHugePages(block, bytes + extra);
    const std::size_t misplaced =
        reinterpret_cast<uintptr_t>(first) & (alignment - 1);
    std::byte* const aligned =
        misplaced == 0 ? first : first + (alignment - misplaced);
    reinterpret_cast<void**>(aligned)[-1] = block;
    return aligned;
  }

  // `p` came from Allocate, or is null.
  void Deallocate(void* p) {
    if (p != nullptr) std::free(static_cast<void**>(p)[-1]);
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_HEAP_H_
