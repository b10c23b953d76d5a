// A row of the benchmark: one operation, on one map, of one implementation, in
// some number of threads.

#ifndef BPFMAP_BENCH_ROW_H_
#define BPFMAP_BENCH_ROW_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "bench/check.h"
#include "bench/implementations.h"
#include "bench/workload.h"
#include "benchmark/benchmark.h"
#include "maps/errno.h"
#include "maps/map_def.h"

namespace bpfmap::bench {

// What the rows of one run of the program share. Thread-safe.
class Session {
 public:
  explicit Session(uint32_t seed) : seed_(seed) {}

  uint32_t seed() const { return seed_; }

  // What make() returned for `row`, from the first call for it until one for
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
    return std::static_pointer_cast<const Fixture>(fixture_);
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
  std::string row_;                // guarded by mutex_
  std::shared_ptr<void> fixture_;  // guarded by mutex_
};

// All that a row needs, ready to be timed.
template <typename View>
struct Fixture {
  absl::Status status;  // where it is not OK, there is nothing to time
  std::shared_ptr<typename View::Map> map;
  std::vector<std::byte> new_value;
  std::vector<std::vector<std::byte>> keys;  // of each thread
};

template <typename Operation, typename View>
Fixture<View> MakeFixture(const Implementation<View>& implementation,
                          const MapDef& def, int threads, uint32_t seed) {
  Fixture<View> fixture;
  auto map = implementation.create(def);
  fixture.status = map.status();
  if (!map.ok()) return fixture;
  fixture.map = *map;

  const Workload workload(def, seed);
  View view(*fixture.map, def);
  fixture.status = FillAndCheck<Operation>(view, workload);
  fixture.new_value = workload.new_value();
  for (int thread = 0; thread < threads; ++thread) {
    fixture.keys.push_back(
        workload.RandomKeys(Operation::kKeys, thread, threads));
  }
  return fixture;
}

// The clock runs in the loop here, and nowhere else.
template <typename Operation, typename View>
void TimeRow(benchmark::State& state, const Fixture<View>& fixture,
             const MapDef& def, Session& session) {
  View view(*fixture.map, def);
  KeyCursor keys(fixture.keys[state.thread_index()], def.key_size);
  const std::byte* const value = fixture.new_value.data();
  for (auto _ : state) {
    const Errno error = Operation::Run(view, keys.Next(), value);
    if (error != Errno::kOk) [[unlikely]] {
      session.Fail(state,
                   absl::StrCat(Operation::kName, " failed with ",
                                ErrnoName(error), " while it was timed"));
      break;
    }
  }
  state.SetItemsProcessed(state.iterations());
  // What one operation takes one thread, in seconds. (The Time column of Google
  // Benchmark is that divided by the number of threads.)
  using Counter = benchmark::Counter;
  state.counters["time_per_op"] = Counter(
      1.0 / state.threads(), Counter::kIsIterationInvariantRate |
                                 Counter::kAvgThreads | Counter::kInvert);
}

// "hash".
inline std::string NameOf(MapType type) {
  return absl::AsciiStrToLower(MapTypeName(type));
}

// Adds a row to the benchmark. `session` must outlive the benchmark.
template <typename Operation, typename View>
void AddRow(const Implementation<View>& implementation, const MapDef& def,
            int threads, Session& session) {
  const std::string name = absl::StrCat(
      NameOf(def.type), "/", Operation::kName, "/", implementation.name, "/k",
      def.key_size, "v", def.value_size, "/n", def.max_entries);
  const auto run = [=, &session](benchmark::State& state) {
    const auto fixture =
        session.FixtureOf(absl::StrCat(name, "/threads:", threads), [&] {
          return MakeFixture<Operation>(implementation, def, threads,
                                        session.seed());
        });
    if (!fixture->status.ok()) {
      session.Fail(state, std::string(fixture->status.message()));
      return;
    }
    TimeRow<Operation, View>(state, *fixture, def, session);
  };
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->Threads(threads)
      ->UseRealTime();
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_ROW_H_
