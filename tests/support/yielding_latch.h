// SPDX-License-Identifier: Apache-2.0

// YieldingLatch: a std::latch whose waiting threads yield until it opens.
//
// It needs no wake-up, which std::latch gets from a condition variable on
// Windows; see profiles/platform/monitor.h.

#ifndef BPFMAP_TESTS_SUPPORT_YIELDING_LATCH_H_
#define BPFMAP_TESTS_SUPPORT_YIELDING_LATCH_H_

#include <atomic>
#include <cstddef>
#include <thread>

namespace bpfmap {

class YieldingLatch {
 public:
  explicit YieldingLatch(std::ptrdiff_t expected) : expected_(expected) {}
  YieldingLatch(const YieldingLatch&) = delete;
  YieldingLatch& operator=(const YieldingLatch&) = delete;

  // Returns once as many threads as expected are in here, or were.
  void ArriveAndWait() {
    // Release pairs with the acquire below: what came before is seen by all.
    expected_.fetch_sub(1, std::memory_order_acq_rel);
    while (expected_.load(std::memory_order_acquire) > 0) {
      std::this_thread::yield();
    }
  }

 private:
  std::atomic<std::ptrdiff_t> expected_;
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_YIELDING_LATCH_H_
