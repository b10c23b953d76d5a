// SPDX-License-Identifier: Apache-2.0
#include "bpfmap/profiles/platform/platform.h"

#ifdef BPFMAP_PLATFORM_LINUX

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <random>

#include "bpfmap/profiles/platform/cpu_list.h"

namespace bpfmap::platform {

// Those that the kernel has per-CPU values for, which may be more than run now:
// so a value is as wide as the kernel's. Without /sys, those of the C library.
int CpuCount() {
  char list[256] = "";
  const int file =
      open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    const ssize_t length = read(file, list, sizeof list - 1);
    list[length > 0 ? length : 0] = 0;
    close(file);
  }
  const int possible = CpusInList(list);
  if (possible > 0) return possible;
  const long configured = sysconf(_SC_NPROCESSORS_CONF);
  return configured > 0 ? static_cast<int>(configured) : 1;
}

uint64_t RandomBits() {
  uint64_t bits;
  if (getrandom(&bits, sizeof bits, 0) == sizeof bits) return bits;
  // A kernel before 3.17, or one that a filter keeps from answering.
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

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

}  // namespace bpfmap::platform

#endif  // BPFMAP_PLATFORM_LINUX
