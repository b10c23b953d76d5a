// SPDX-License-Identifier: Apache-2.0

// The loop that operations are timed in, and what it costs without them.
//
// Between two reads of the clock there are kBatch turns, so that a turn has
// next to nothing of the clock's cost. It has that of the loop: the step to the
// next key, and the count. That is measured by the same loop with an operation
// that only reads its key, and taken off, in every row alike: here for ours,
// for other libraries' and for system calls, in kernel/in_program.cc for the
// kernel's programs.

#ifndef BPFMAP_BENCH_TIMED_LOOP_H_
#define BPFMAP_BENCH_TIMED_LOOP_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "bench/operations.h"
#include "benchmark/benchmark.h"

namespace bpfmap::bench {

inline constexpr int kBatch = 4096;

// The seconds that kBatch calls of run() take; fewer calls where it returns
// false.
template <typename Run>
double SecondsOfBatch(Run run) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < kBatch; ++i) {
    if (!run()) [[unlikely]] {
      break;
    }
  }
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The seconds that kBatch turns take which do nothing with what next() gives
// them. The least of some, as nothing else should slow the loop down.
template <typename Next>
double SecondsOfNothing(Next next) {
  double least = 1;
  for (int run = 0; run < 10; ++run) {
    least = std::min(least, SecondsOfBatch([&] {
                       const Turn turn = next();
                       uint32_t word = static_cast<uint32_t>(turn.number);
                       if (turn.key != nullptr)
                         std::memcpy(&word, turn.key, sizeof(word));
                       benchmark::DoNotOptimize(word);
                       return true;
                     }));
  }
  return least;
}

// Adds up what is measured in a row, without what the loop takes.
//
// An operation that is about as cheap as the loop hides behind it: a CPU does
// both at once. So never more than half of what was measured is taken off, and
// the row says that its time is one that the operation takes `at_most`.
class WithoutLoop {
 public:
  // `loop` seconds are taken off what each measurement says.
  explicit WithoutLoop(double loop) : loop_(loop) {}

  // Seconds of the operation alone.
  double Add(double measured) {
    hidden_ += measured < 2 * loop_;
    ++count_;
    return std::max(measured - loop_, measured / 2);
  }

  // For `turns` turns a measurement.
  void SetCounters(benchmark::State& state, int turns) const {
    const auto average = benchmark::Counter::kAvgThreads;
    state.counters["loop_per_op"] = {loop_ / turns, average};
    if (2 * hidden_ > count_) state.counters["at_most"] = {1, average};
  }

 private:
  const double loop_;
  int64_t count_ = 0;
  int64_t hidden_ = 0;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_TIMED_LOOP_H_
