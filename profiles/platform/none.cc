// SPDX-License-Identifier: Apache-2.0

// No operating system, so one thread. The embedded profile needs none of this.
// A profile for a real-time kernel brings its own lock and thread numbers: see
// profile.h.

#include "bpfmap/profiles/platform/platform.h"

#ifdef BPFMAP_PLATFORM_NONE

#include <cstddef>
#include <cstdint>

namespace bpfmap::platform {

constinit int internal::thread_word = 0;

int CpuCount() { return 1; }

void YieldThread() {}

uint64_t RandomBits() {
  static constinit uint64_t bits = 0;
  return bits += 0x9e3779b97f4a7c15;
}

void* MapPages(std::size_t) { return nullptr; }
bool UnmapPages(void*) { return false; }

void PreferHugePages(void*, std::size_t) {}

void CallAtThreadExit(void (*)()) {}  // the thread never ends

}  // namespace bpfmap::platform

#endif  // BPFMAP_PLATFORM_NONE
