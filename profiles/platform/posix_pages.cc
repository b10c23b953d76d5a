// SPDX-License-Identifier: Apache-2.0

// The pages of platform.h on Linux and any other POSIX.

#include "bpfmap/profiles/platform/platform.h"

#if defined(BPFMAP_PLATFORM_LINUX) || defined(BPFMAP_PLATFORM_POSIX)

#include <sys/mman.h>

#include <cstddef>

namespace bpfmap::platform {
namespace {

// AddressSanitizer watches over the blocks of calloc(), not over pages.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kWatchesBlocks = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kWatchesBlocks = true;
#else
constexpr bool kWatchesBlocks = false;
#endif
#else
constexpr bool kWatchesBlocks = false;
#endif

}  // namespace

void* MapPages(std::size_t bytes) {
  if (kWatchesBlocks) return nullptr;
  void* const pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

void UnmapPages(void* pages, std::size_t bytes) { munmap(pages, bytes); }

}  // namespace bpfmap::platform

#endif  // BPFMAP_PLATFORM_LINUX || BPFMAP_PLATFORM_POSIX
