#include "profiles/cpu.h"

#include <atomic>
#include <cassert>
#include <thread>

namespace bpfmap {
namespace {

constexpr int kNotSet = -1;

// 0: the machine's number. Relaxed throughout: SetPossibleCpus is called while
// no other thread is here, and numbers given out need only differ.
constinit std::atomic<int> possible_cpus{0};
constinit std::atomic<unsigned> threads_seen{0};

constinit thread_local int scoped_cpu = kNotSet;
constinit thread_local int thread_number = kNotSet;

int MachineCpus() {
  static const int cpus = [] {
    const unsigned found = std::thread::hardware_concurrency();
    return found == 0 ? 1 : static_cast<int>(found);
  }();
  return cpus;
}

}  // namespace

int PossibleCpus() {
  const int set = possible_cpus.load(std::memory_order_relaxed);
  return set != 0 ? set : MachineCpus();
}

bool SetPossibleCpus(int count) {
  if (count < 0 || count > kMaxCpus) return false;
  possible_cpus.store(count, std::memory_order_relaxed);
  return true;
}

int CurrentCpu() {
  if (scoped_cpu != kNotSet) return scoped_cpu;
  if (thread_number == kNotSet) {
    thread_number = static_cast<int>(
        threads_seen.fetch_add(1, std::memory_order_relaxed) % 0x7fffffff);
  }
  return thread_number % PossibleCpus();
}

ScopedCpu::ScopedCpu(int cpu) : previous_(scoped_cpu) {
  assert(cpu >= 0 && cpu < PossibleCpus());
  scoped_cpu = cpu;
}

ScopedCpu::~ScopedCpu() { scoped_cpu = previous_; }

}  // namespace bpfmap
