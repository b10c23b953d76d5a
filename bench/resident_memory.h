// SPDX-License-Identifier: Apache-2.0

// How much memory this process really has, to tell what a map takes.

#ifndef BPFMAP_BENCH_RESIDENT_MEMORY_H_
#define BPFMAP_BENCH_RESIDENT_MEMORY_H_

#include <malloc.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>

namespace bpfmap::bench {

// Bytes of this process that lie in memory: pages that were touched, not those
// that were only asked for. The heap first returns memory that it holds for
// later.
// Linux and glibc only; 0 where /proc is missing.
inline int64_t ResidentBytes() {
  // Else glibc keeps what it frees for blocks up to the largest that were
  // freed.
  [[maybe_unused]] static const int fixed =
      mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  malloc_trim(0);
  int64_t size = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_RESIDENT_MEMORY_H_
