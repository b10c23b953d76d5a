#include "bpfmap/profiles/huge_pages.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstdint>

namespace bpfmap {

#ifdef __linux__

void PreferHugePages(void* memory, std::size_t bytes) {
  // Less is reached without, by the caches of translations that cores have; and
  // the last huge page of a smaller block would be too much for it.
  constexpr std::size_t kMinBytes = 16 << 20;
  constexpr uintptr_t kHugePage = 2 << 20;
  if (bytes < kMinBytes) return;
  const uintptr_t start = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (start + kHugePage - 1) & ~(kHugePage - 1);
  const uintptr_t last = (start + bytes) & ~(kHugePage - 1);
  // Advice: where it is refused, all goes on without.
  madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

#else

void PreferHugePages(void*, std::size_t) {}

#endif

}  // namespace bpfmap
