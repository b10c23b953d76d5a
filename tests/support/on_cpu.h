// OnCpu: puts the calling thread on one CPU, for the kernel and for local maps,
// while it lives. What an LRU map keeps depends on it.
//
// Linux only.

#ifndef BPFMAP_TESTS_SUPPORT_ON_CPU_H_
#define BPFMAP_TESTS_SUPPORT_ON_CPU_H_

#include <sched.h>

#include "bpfmap/profiles/cpu.h"
#include "gtest/gtest.h"

namespace bpfmap {

class OnCpu {
 public:
  explicit OnCpu(int cpu) : scoped_(cpu) {
    EXPECT_EQ(sched_getaffinity(0, sizeof before_, &before_), 0);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    EXPECT_EQ(sched_setaffinity(0, sizeof set, &set), 0);
  }
  ~OnCpu() { EXPECT_EQ(sched_setaffinity(0, sizeof before_, &before_), 0); }
  OnCpu(const OnCpu&) = delete;
  OnCpu& operator=(const OnCpu&) = delete;

 private:
  const ScopedCpu scoped_;
  cpu_set_t before_;
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_ON_CPU_H_
