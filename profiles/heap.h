// SPDX-License-Identifier: Apache-2.0

// Heap: zeroed memory for maps. Small blocks come from the C library.
//
// Blocks of 1 MiB and more are pages of their own, which go back to the system
// as they are freed: what a map does not use costs address space only. (The C
// library would keep such a block for the next one, and clear all of it then.)
// Those of 16 MiB and more are huge pages, where the system has them.
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
    if (bytes > PTRDIFF_MAX) return nullptr;  // as of the C library
    if (bytes >= kFirstPages && alignment <= kPage) {
      if (void* const pages = platform::MapPages(bytes)) {
        platform::PreferHugePages(pages, bytes);
        return pages;
      }
    }
    if (alignment < alignof(void*)) alignment = alignof(void*);
    // calloc's own block starts a pointer and up to `alignment` bytes earlier;
    // its address is kept in front of what is handed out.
    const std::size_t extra = alignment + sizeof(void*);
    if (bytes > std::numeric_limits<std::size_t>::max() - extra) return nullptr;
    void* const block = std::calloc(1, bytes + extra);
    if (block == nullptr) return nullptr;
    platform::PreferHugePages(block, bytes + extra);
    std::byte* const first = static_cast<std::byte*>(block) + sizeof(void*);
    const std::size_t misplaced =
        reinterpret_cast<uintptr_t>(first) & (alignment - 1);
    std::byte* const aligned =
        misplaced == 0 ? first : first + (alignment - misplaced);
    reinterpret_cast<void**>(aligned)[-1] = block;
    return aligned;
  }

  // `p` came from Allocate, or is null.
  void Deallocate(void* p) {
    if (p == nullptr) return;
    const bool may_be_pages =
        (reinterpret_cast<uintptr_t>(p) & (kPage - 1)) == 0;
    if (may_be_pages && platform::UnmapPages(p)) return;
    std::free(static_cast<void**>(p)[-1]);
  }

 private:
  // To clear so much takes longer than to map it and give it back.
  static constexpr std::size_t kFirstPages = 1 << 20;
  static constexpr std::size_t kPage = 4096;  // or more
};

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_HEAP_H_
