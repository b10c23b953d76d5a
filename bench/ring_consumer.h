// SPDX-License-Identifier: Apache-2.0

// RingConsumer: a thread on another CPU that reads the records of a ring as
// they come, until it is destroyed. It never sleeps.

#ifndef BPFMAP_BENCH_RING_CONSUMER_H_
#define BPFMAP_BENCH_RING_CONSUMER_H_

#include <atomic>
#include <thread>

#include "bench/pinned_thread.h"

namespace bpfmap::bench {

class RingConsumer {
 public:
  // `view` must outlive it, and nothing else may consume while it lives.
  // REQUIRES: the caller is not pinned yet.
  template <typename View>
  explicit RingConsumer(View& view)
      : thread_([this, &view] {
          const PinnedThread pinned(1);
          while (!stop_.load(std::memory_order_relaxed)) view.Consume();
          view.Consume();
        }) {}

  ~RingConsumer() {
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
  }

  RingConsumer(const RingConsumer&) = delete;
  RingConsumer& operator=(const RingConsumer&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_RING_CONSUMER_H_
