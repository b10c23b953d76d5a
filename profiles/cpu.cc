// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/profiles/cpu.h"

#include <algorithm>
#include <atomic>
#include <cassert>

#include "bpfmap/profiles/platform/platform.h"

namespace bpfmap {
namespace internal {

constinit thread_local unsigned thread_cpu = ~0U;
constinit std::atomic<int> possible_cpus{0};

}  // namespace internal

namespace {

constexpr int kNotSet = -1;

// Relaxed: the numbers given out need only differ.
constinit std::atomic<unsigned> threads_seen{0};

constinit thread_local int scoped_cpu = kNotSet;
constinit thread_local int thread_number = kNotSet;

int MachineCpus() {
  static const int cpus = std::min(platform::CpuCount(), kMaxCpus);
  return cpus;
}

// Makes CurrentCpu() find its answer anew.
void ForgetCurrentCpu() { internal::thread_cpu = ~0U; }

}  // namespace

int PossibleCpus() {
  const int known = internal::possible_cpus.load(std::memory_order_relaxed);
  if (known != 0) return known;
  // Threads that are here at once store the same.
  internal::possible_cpus.store(MachineCpus(), std::memory_order_relaxed);
  return MachineCpus();
}

bool SetPossibleCpus(int count) {
  if (count < 0 || count > kMaxCpus) return false;
  internal::possible_cpus.store(count, std::memory_order_relaxed);
  return true;
}

ScopedPossibleCpus::ScopedPossibleCpus(int count)
    : previous_(internal::possible_cpus.load(std::memory_order_relaxed)) {
  [[maybe_unused]] const bool set = count > 0 && SetPossibleCpus(count);
  assert(set);
}

// 0, where nobody had asked yet, is the machine's number again.
ScopedPossibleCpus::~ScopedPossibleCpus() { SetPossibleCpus(previous_); }

int internal::FindCurrentCpu() {
  const int possible = PossibleCpus();
  if (scoped_cpu == kNotSet && thread_number == kNotSet) {
    thread_number = static_cast<int>(
        threads_seen.fetch_add(1, std::memory_order_relaxed) % 0x7fffffff);
  }
  thread_cpu = static_cast<unsigned>(
      scoped_cpu != kNotSet ? scoped_cpu : thread_number % possible);
  return static_cast<int>(thread_cpu);
}

ScopedCpu::ScopedCpu(int cpu) : previous_(scoped_cpu) {
  assert(cpu >= 0 && cpu < PossibleCpus());
  scoped_cpu = cpu;
  ForgetCurrentCpu();
}

ScopedCpu::~ScopedCpu() {
  scoped_cpu = previous_;
  ForgetCurrentCpu();
}

}  // namespace bpfmap
