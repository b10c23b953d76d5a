// SPDX-License-Identifier: Apache-2.0

// The pages of platform.h on Linux and any other POSIX.
//
// munmap() must be told how many there are, and to write that into the pages
// would touch them. So it is in a table of slots; where a block finds none,
// there are no pages for it.

#include "bpfmap/profiles/platform/platform.h"

#if defined(BPFMAP_PLATFORM_LINUX) || defined(BPFMAP_PLATFORM_POSIX)

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

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

struct Slot {
  std::atomic<void*> pages{nullptr};
  std::size_t bytes = 0;  // of whoever set `pages`
};

constexpr std::size_t kSlots = 1024;
constexpr std::size_t kProbes = 16;
constinit Slot slots[kSlots];

// The slots in which `pages` may be are this one and those after it.
std::size_t FirstSlotOf(const void* pages) {
  // Blocks are of 1 MiB or more, and often lie side by side.
  return reinterpret_cast<uintptr_t>(pages) >> 16;
}

bool Enter(void* pages, std::size_t bytes) {
  const std::size_t first = FirstSlotOf(pages);
  for (std::size_t i = 0; i < kProbes; ++i) {
    Slot& slot = slots[(first + i) % kSlots];
    void* free = nullptr;
    // Acquire pairs with the release in UnmapPages(): `bytes` was read.
    if (slot.pages.compare_exchange_strong(free, pages,
                                           std::memory_order_acquire)) {
      slot.bytes = bytes;
      return true;
    }
  }
  return false;
}

}  // namespace

void* MapPages(std::size_t bytes) {
  if (kWatchesBlocks) return nullptr;
  void* const pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  if (Enter(pages, bytes)) return pages;
  munmap(pages, bytes);
  return nullptr;
}

bool UnmapPages(void* pages) {
  const std::size_t first = FirstSlotOf(pages);
  for (std::size_t i = 0; i < kProbes; ++i) {
    Slot& slot = slots[(first + i) % kSlots];
    if (slot.pages.load(std::memory_order_relaxed) != pages) continue;
    const std::size_t bytes = slot.bytes;
    // Before munmap(): another thread may be given the same address then.
    slot.pages.store(nullptr, std::memory_order_release);
    munmap(pages, bytes);
    return true;
  }
  return false;
}

}  // namespace bpfmap::platform

#endif  // BPFMAP_PLATFORM_LINUX || BPFMAP_PLATFORM_POSIX
