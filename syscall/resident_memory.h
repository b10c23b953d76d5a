// SPDX-License-Identifier: Apache-2.0

// ResidentMemory: for tests, how much memory the process takes.

#ifndef BPFMAP_SYSCALL_RESIDENT_MEMORY_H_
#define BPFMAP_SYSCALL_RESIDENT_MEMORY_H_

#include <unistd.h>

#include <cstdint>
#include <fstream>

namespace bpfmap {

// In bytes; shared pages count.
inline uint64_t ResidentMemory() {
  uint64_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_RESIDENT_MEMORY_H_
