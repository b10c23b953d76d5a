// SPDX-License-Identifier: Apache-2.0

// Session: what the rows of one run of the program share.

#ifndef BPFMAP_BENCH_SESSION_H_
#define BPFMAP_BENCH_SESSION_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"

namespace bpfmap::bench {

// Thread-safe.
class Session {
 public:
  explicit Session(uint32_t seed) : seed_(seed) {}

  uint32_t seed() const { return seed_; }

  // The result of make() for `row`, from the first call for it until one for
  // another row. Google Benchmark calls a row again and again, in search of a
  // number of iterations, and from all of its threads at once.
  template <typename Make>
  auto FixtureOf(const std::string& row, Make make) {
    using Fixture = decltype(make());
    std::lock_guard<std::mutex> lock(mutex_);
    if (row != row_) {
      fixture_.reset();  // two large maps at a time would be one too many
      fixture_ = std::make_shared<Fixture>(make());
      row_ = row;
    }
    return std::static_pointer_cast<Fixture>(fixture_);
  }

  // Forgets the fixture. For the end of the run, as an implementation may need
  // what does not outlive main().
  void Clear() {
    std::lock_guard<std::mutex> lock(mutex_);
    fixture_.reset();
    row_.clear();
  }

  // The least of all `seconds` that were measured of the same thing: what
  // slowed the machine down for a moment is no part of it. Not for make().
  double Least(const std::string& what, double seconds) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto [found, is_new] = least_.try_emplace(what, seconds);
    return found->second = std::min(found->second, seconds);
  }

  // Ends the row with an error.
  void Fail(benchmark::State& state, const std::string& why) {
    failed_ = true;
    state.SkipWithError(why.c_str());
  }
  bool failed() const { return failed_; }

 private:
  const uint32_t seed_;
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::string row_;                      // guarded by mutex_
  std::shared_ptr<void> fixture_;        // guarded by mutex_
  std::map<std::string, double> least_;  // guarded by mutex_
};

// Linux's hash does not promise what ours does: with a second thread, a lookup
// may miss a key that is just being replaced. Up to one operation in 1,000 may
// fail, and the counter `failures` says how many did. Where it is more, the row
// ends with an error, but the run does not fail: it is not for us to mend.
inline bool FailuresAreRare(benchmark::State& state, uint64_t failures,
                            Session& session) {
  const auto turns = static_cast<uint64_t>(state.iterations());
  if (failures <= turns / 1000 && (failures == 0 || state.threads() > 1)) {
    state.counters["failures"] = static_cast<double>(failures);
    return true;
  }
  const std::string why =
      absl::StrCat(failures, " of ", turns, " operations failed in the kernel");
  if (state.threads() == 1) {
    session.Fail(state, why);
  } else {
    state.SkipWithError(why.c_str());
  }
  return false;
}

// Sets what every row has besides its time: how many operations it did, and
// what one takes one thread, in seconds. (The Time column of Google Benchmark
// is that divided by the number of threads.)
inline void CountOperations(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations());
  using Counter = benchmark::Counter;
  state.counters["time_per_op"] = Counter(
      1.0 / state.threads(), Counter::kIsIterationInvariantRate |
                                 Counter::kAvgThreads | Counter::kInvert);
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_SESSION_H_
