// SPDX-License-Identifier: Apache-2.0
//
// RunCounting: whether runs of programs are counted, BPF_ENABLE_STATS.
//
// They are while a reference exists. The file of each descriptor that
// BPF_ENABLE_STATS opened holds one.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_RUN_COUNTING_H_
#define BPFMAP_SYSCALL_RUN_COUNTING_H_

#include <atomic>
#include <memory>

namespace bpfmap {

class RunCounting {
 public:
  RunCounting() { references_.fetch_add(1, std::memory_order_relaxed); }
  ~RunCounting() { references_.fetch_sub(1, std::memory_order_relaxed); }
  RunCounting(const RunCounting&) = delete;
  RunCounting& operator=(const RunCounting&) = delete;

  static bool is_on() {
    return references_.load(std::memory_order_relaxed) != 0;
  }

 private:
  static inline constinit std::atomic<int> references_{0};
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_RUN_COUNTING_H_
