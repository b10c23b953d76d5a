// SPDX-License-Identifier: Apache-2.0

// Virtual CPUs: on which CPU a program runs, as its per-CPU maps see it.
//
// On Linux a BPF program stays on one CPU from start to end. Here every thread
// has a number that plays this part: given out in turn when a thread first
// asks, kept for its life, and set for a while by ScopedCpu, so that a test on
// one thread can be any CPU.
//
// Numbers go round: the one after the last CPU's is 0 again, whether or not the
// thread that had it lives. Two threads with one number share that CPU's
// values, as two programs never do on Linux: where that matters, give them
// different numbers, or make CPUs enough.
//
// Thread-safe, except SetPossibleCpus().

#ifndef BPFMAP_PROFILES_CPU_H_
#define BPFMAP_PROFILES_CPU_H_

#include <atomic>

#include "bpfmap/profiles/platform/cpu_list.h"

namespace bpfmap {

// How many CPUs there can be: as many as the machine can have, unless it was
// set; on Linux, as the kernel has per-CPU values for. Per-CPU values are this
// many slices wide.
int PossibleCpus();

// Sets PossibleCpus() to `count`, or back to the machine's number with 0.
// Returns false, and changes nothing, if `count` is below 0 or above kMaxCpus.
// REQUIRES: no map exists, and no other thread uses one of these functions.
bool SetPossibleCpus(int count);

namespace internal {

// This thread's CPU; out of range until it is first assigned.
extern constinit thread_local unsigned thread_cpu;
// What PossibleCpus() is, once it was asked for; 0 before. Relaxed throughout:
// it changes while no other thread is here.
extern constinit std::atomic<int> possible_cpus;
int FindCurrentCpu();

}  // namespace internal

// CurrentCpu(), or -1 where the calling thread has not asked for it yet: for
// code that is to have no call on its quick path.
inline int KnownCpu() {
  const unsigned cpu = internal::thread_cpu;
  const int possible = internal::possible_cpus.load(std::memory_order_relaxed);
  // Not so where SetPossibleCpus() took this CPU away, too.
  return cpu < static_cast<unsigned>(possible) ? static_cast<int>(cpu) : -1;
}

// The CPU of the calling thread: 0 to PossibleCpus() - 1.
inline int CurrentCpu() {
  const int cpu = KnownCpu();
  return cpu >= 0 ? cpu : internal::FindCurrentCpu();
}

// Sets PossibleCpus() to `count` while it lives, for tests. They may be nested.
// REQUIRES: 0 < count <= kMaxCpus; as SetPossibleCpus(), at both ends.
class ScopedPossibleCpus {
 public:
  explicit ScopedPossibleCpus(int count);
  ~ScopedPossibleCpus();
  ScopedPossibleCpus(const ScopedPossibleCpus&) = delete;
  ScopedPossibleCpus& operator=(const ScopedPossibleCpus&) = delete;

 private:
  const int previous_;
};

// Puts the calling thread on `cpu` while it lives. They may be nested.
// REQUIRES: 0 <= cpu < PossibleCpus(); created and destroyed by one thread.
class ScopedCpu {
 public:
  explicit ScopedCpu(int cpu);
  ~ScopedCpu();
  ScopedCpu(const ScopedCpu&) = delete;
  ScopedCpu& operator=(const ScopedCpu&) = delete;

 private:
  int previous_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_CPU_H_
