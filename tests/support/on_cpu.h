// SPDX-License-Identifier: Apache-2.0
// OnCpu: puts the calling thread on one CPU, for the kernel and for local maps,
// while it lives. The keys that an LRU map keeps depend on it. On systems other
// than Linux, for local maps alone.

#ifndef BPFMAP_TESTS_SUPPORT_ON_CPU_H_
#define BPFMAP_TESTS_SUPPORT_ON_CPU_H_

#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <optional>
#include <vector>

#include "bpfmap/profiles/cpu.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_support.h"

namespace bpfmap {

#ifdef __linux__

// Where the kernel lets the process run: asked before the first OnCpu.
inline const cpu_set_t& AllowedCpus() {
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    EXPECT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
    return set;
  }();
  return allowed;
}

inline bool MayRunOn(int cpu) { return CPU_ISSET(cpu, &AllowedCpus()); }

// Keeps the calling thread on one CPU of the machine.
class Affinity {
 public:
  explicit Affinity(int cpu) {
    EXPECT_TRUE(MayRunOn(cpu));
    EXPECT_EQ(sched_getaffinity(0, sizeof before_, &before_), 0);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    EXPECT_EQ(sched_setaffinity(0, sizeof set, &set), 0);
  }
  ~Affinity() { EXPECT_EQ(sched_setaffinity(0, sizeof before_, &before_), 0); }
  Affinity(const Affinity&) = delete;
  Affinity& operator=(const Affinity&) = delete;

 private:
  cpu_set_t before_;
};

#else  // no kernel of Linux to ask

inline bool MayRunOn(int) { return true; }
class Affinity {
 public:
  explicit Affinity(int) {}
};

#endif  // __linux__

// The CPUs of OnCpu: where the kernel can be asked, those that the process may
// run on; else all possible ones. At least one.
inline std::vector<int> UsableCpus() {
  const bool ask_kernel = KernelAvailable();
  std::vector<int> usable;
  for (int cpu = 0; cpu < PossibleCpus(); ++cpu) {
    if (!ask_kernel || MayRunOn(cpu)) usable.push_back(cpu);
  }
  return usable;
}

inline bool CanUseCpu(int cpu) {
  const std::vector<int> usable = UsableCpus();
  return std::find(usable.begin(), usable.end(), cpu) != usable.end();
}

class OnCpu {
 public:
  // On the first of UsableCpus().
  OnCpu() : OnCpu(UsableCpus().front()) {}

  // REQUIRES: `cpu` is one of UsableCpus().
  explicit OnCpu(int cpu) : cpu_(cpu), scoped_(cpu) {
    if (KernelAvailable()) affinity_.emplace(cpu);
  }
  OnCpu(const OnCpu&) = delete;
  OnCpu& operator=(const OnCpu&) = delete;

  int cpu() const { return cpu_; }

 private:
  const int cpu_;
  const ScopedCpu scoped_;
  std::optional<Affinity> affinity_;
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_ON_CPU_H_
