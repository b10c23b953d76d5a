// SPDX-License-Identifier: Apache-2.0

// How long single operations take, where an average says too little: a thread
// that waits for another's lock.
//
// A pass of its own, after the one that is timed, so that its clock costs that
// one nothing. Here every operation stands between two reads of the clock. That
// spreads operations out (some 50 ns each), so threads meet a little less often
// than in the timed pass; the cost of a read itself is taken off every sample.
// A sample that the scheduler or an interrupt fell into counts as it is.

#ifndef BPFMAP_BENCH_LATENCY_H_
#define BPFMAP_BENCH_LATENCY_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bpfmap::bench {

// In ns. So many hundredths (thousandths) of all samples were shorter.
struct Percentiles {
  double p50 = 0;
  double p99 = 0;
  double p999 = 0;
};

// REQUIRES: at least one sample.
inline Percentiles PercentilesOf(std::vector<int64_t> samples) {
  const auto at = [&samples](double part) {
    const auto middle =
        samples.begin() + static_cast<ptrdiff_t>(part * (samples.size() - 1));
    std::nth_element(samples.begin(), middle, samples.end());
    return static_cast<double>(*middle);
  };
  return {at(0.5), at(0.99), at(0.999)};
}

// Calls run() for 10 ms, and for longer while there are few samples, as when
// the thread had to wait for its CPU; times each call. Ends early when it
// returns false.
template <typename Run>
Percentiles SampleLatency(Run run) {
  using Clock = std::chrono::steady_clock;
  const auto nanoseconds = [](Clock::duration duration) {
    return std::chrono::nanoseconds(duration).count();
  };
  std::vector<int64_t> reads(1001);
  for (int64_t& read : reads) {
    const auto start = Clock::now();
    read = nanoseconds(Clock::now() - start);
  }
  const auto cost = static_cast<int64_t>(PercentilesOf(reads).p50);

  constexpr size_t kMaxSamples = 1 << 17;  // the last ones count
  constexpr size_t kMinSamples = 10000;
  std::vector<int64_t> samples(kMaxSamples);
  const auto now = Clock::now();
  const auto deadline = now + std::chrono::milliseconds(10);
  const auto last_deadline = now + std::chrono::milliseconds(200);
  Clock::time_point end;
  size_t count = 0;
  bool more = true;
  do {
    const auto start = Clock::now();
    more = run();
    end = Clock::now();
    samples[count++ % kMaxSamples] =
        std::max<int64_t>(0, nanoseconds(end - start) - cost);
  } while (more &&
           (end < deadline || (count < kMinSamples && end < last_deadline)));
  samples.resize(std::min(count, kMaxSamples));
  return PercentilesOf(samples);
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_LATENCY_H_
