// SPDX-License-Identifier: Apache-2.0

// PinnedThread: keeps the calling thread on one CPU while it is timed, and on
// one virtual CPU of our maps, so that threads of one row never share one.

#ifndef BPFMAP_BENCH_PINNED_THREAD_H_
#define BPFMAP_BENCH_PINNED_THREAD_H_

#include <sched.h>

#include "bpfmap/profiles/cpu.h"

namespace bpfmap::bench {

// Linux only. Threads that are started while it lives inherit the CPU.
class PinnedThread {
 public:
  // Pins the caller to the `number`th CPU that it may use, counted from 0 and
  // from the start again where there are fewer. Does nothing if that fails.
  explicit PinnedThread(int number) : virtual_cpu_(number % PossibleCpus()) {
    if (sched_getaffinity(0, sizeof(allowed_), &allowed_) != 0) return;
    int skip = number % CPU_COUNT(&allowed_);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &allowed_) || skip-- > 0) ++cpu;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pinned_ = sched_setaffinity(0, sizeof(one), &one) == 0;
  }

  ~PinnedThread() {
    if (pinned_) sched_setaffinity(0, sizeof(allowed_), &allowed_);
  }

  PinnedThread(const PinnedThread&) = delete;
  PinnedThread& operator=(const PinnedThread&) = delete;

 private:
  cpu_set_t allowed_;
  bool pinned_ = false;
  const ScopedCpu virtual_cpu_;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_PINNED_THREAD_H_
