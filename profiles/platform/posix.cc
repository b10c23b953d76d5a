// SPDX-License-Identifier: Apache-2.0
#include "bpfmap/profiles/platform/platform.h"

#ifdef BPFMAP_PLATFORM_POSIX

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <random>

namespace bpfmap::platform {

int CpuCount() {
  const long configured = sysconf(_SC_NPROCESSORS_CONF);
  return configured > 0 ? static_cast<int>(configured) : 1;
}

uint64_t RandomBits() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

void PreferHugePages(void*, std::size_t) {}

}  // namespace bpfmap::platform

#endif  // BPFMAP_PLATFORM_POSIX
