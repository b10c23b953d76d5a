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
    if (alignment < alignof(void*)) alignment = alignof(void*);
    // The block starts a header and up to `alignment` bytes earlier.
    const std::size_t extra = alignment + sizeof(Header);
    if (bytes > std::numeric_limits<std::size_t>::max() - extra) return nullptr;
    Header header{nullptr, bytes + extra};
    if (header.page_bytes >= kFirstPages) {
      header.block = platform::MapPages(header.page_bytes);
    }
    if (header.block == nullptr) {
      header = {std::calloc(1, bytes + extra), 0};
      if (header.block == nullptr) return nullptr;
    }
    platform::PreferHugePages(header.block, bytes + extra);
    std::byte* const first =
        static_cast<std::byte*>(header.block) + sizeof(Header);
    const std::size_t misplaced =
        reinterpret_cast<uintptr_t>(first) & (alignment - 1);
    std::byte* const aligned =
        misplaced == 0 ? first : first + (alignment - misplaced);
    reinterpret_cast<Header*>(aligned)[-1] = header;
    return aligned;
  }

  // `p` came from Allocate, or is null.
  void Deallocate(void* p) {
    if (p == nullptr) return;
    const Header header = static_cast<Header*>(p)[-1];
    if (header.page_bytes != 0) {
      platform::UnmapPages(header.block, header.page_bytes);
    } else {
      std::free(header.block);
    }
  }

 private:
  // In front of what is handed out.
  struct Header {
    void* block;
    std::size_t page_bytes;  // 0: a block of the C library
  };

  // To clear so much takes longer than to map it and give it back.
  static constexpr std::size_t kFirstPages = 1 << 20;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_HEAP_H_
