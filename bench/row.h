// SPDX-License-Identifier: Apache-2.0

// A row of the benchmark: one operation, on one map, of one implementation, in
// some number of threads.

#ifndef BPFMAP_BENCH_ROW_H_
#define BPFMAP_BENCH_ROW_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/check.h"
#include "bench/check_push_pop.h"
#include "bench/check_ring.h"
#include "bench/implementation.h"
#include "bench/latency.h"
#include "bench/operations.h"
#include "bench/pinned_thread.h"
#include "bench/resident_memory.h"
#include "bench/ring_consumer.h"
#include "bench/row_spec.h"
#include "bench/session.h"
#include "bench/timed_loop.h"
#include "bench/workload.h"
#include "benchmark/benchmark.h"
#include "bpfmap/maps/errno.h"

namespace bpfmap::bench {

// All that a row needs, ready to be timed.
template <typename View>
struct Fixture {
  absl::Status status;  // where it is not OK, there is nothing to time
  std::shared_ptr<typename View::Map> map;
  double bytes_per_entry = 0;  // 0: not known
  bool is_kernel = false;      // as Implementation::is_kernel
  std::vector<std::byte> new_value;
  std::vector<std::vector<std::byte>> keys;  // of each thread
  std::vector<KeyCursor> cursors;            // where each thread goes on
};

template <typename Operation, typename View>
Fixture<View> MakeFixture(const Implementation<View>& implementation,
                          const RowSpec& spec, uint32_t seed) {
  Fixture<View> fixture;
  fixture.is_kernel = implementation.is_kernel;
  const Workload workload(spec.def, seed, spec.pattern);
  const bool measure = spec.def.max_entries >= kMinEntriesToMeasure &&
                       KindOf(spec.def.type) != MapKind::kRing;
  const int64_t resident_before = measure ? ResidentBytes() : 0;
  auto map = implementation.create(spec.def);
  fixture.status = map.status();
  if (!map.ok()) return fixture;
  fixture.map = *map;

  View view(*fixture.map, spec.def);
  fixture.status = Fill(view, workload);
  if (!fixture.status.ok()) return fixture;
  if (implementation.bytes) {
    fixture.bytes_per_entry =
        implementation.bytes(*fixture.map) / workload.present_count();
  } else if (measure) {
    fixture.bytes_per_entry =
        static_cast<double>(ResidentBytes() - resident_before) /
        workload.present_count();
  }
  fixture.status = Check<Operation>(view, workload);
  fixture.new_value = workload.new_value();
  for (int thread = 0; thread < spec.threads; ++thread) {
    KeyOrder order =
        workload.RandomKeys(Operation::kKeys, thread, spec.threads);
    fixture.keys.push_back(std::move(order.keys));
    fixture.cursors.emplace_back(fixture.keys[thread], KeySizeOf(spec.def),
                                 order.lag);
    if (!fixture.status.ok()) break;
    if constexpr (Operation::kKeys == KeySet::kOwnAbsent) {
      fixture.status =
          InsertOldKeys(view, workload, fixture.cursors[thread], order.lag);
    }
  }
  return fixture;
}

// The clock that counts runs in the first loop here, and nowhere else.
template <typename Operation, typename View>
void TimeRow(benchmark::State& state, Fixture<View>& fixture,
             const RowSpec& spec, Session& session) {
  std::optional<View> consumer_view;
  std::optional<RingConsumer> consumer;
  if constexpr (std::is_same_v<Operation, ReserveSubmitConsumed>) {
    consumer_view.emplace(*fixture.map, spec.def);
    consumer.emplace(*consumer_view);
  }
  const PinnedThread pinned(state.thread_index());
  View view(*fixture.map, spec.def);
  KeyCursor keys = fixture.cursors[state.thread_index()];
  uint64_t turns = 0;
  constexpr bool kOwn = Operation::kKeys == KeySet::kOwnAbsent;
  const auto next = [&] {
    return Turn{.key = keys.Next(),
                .old_key = kOwn ? keys.NextOld() : nullptr,
                .value = fixture.new_value.data(),
                .number = turns++};
  };
  WithoutLoop without_loop(session.Least(
      absl::StrCat("the loop, ", KeySizeOf(spec.def), kOwn ? " twice" : ""),
      SecondsOfNothing(next)));
  keys = fixture.cursors[state.thread_index()];
  turns = 0;
  const auto fail = [&](Errno error) {
    session.Fail(state, absl::StrCat(Operation::kName, " failed with ",
                                     ErrnoName(error), " while it was timed"));
  };
  Errno error = Errno::kOk;
  uint64_t failures = 0;  // let pass
  const auto run = [&] {
    error = Operation::Run(view, next());
    if (error == Errno::kOk) [[likely]] {
      return true;
    }
    failures += fixture.is_kernel;
    return fixture.is_kernel;
  };
  while (state.KeepRunningBatch(kBatch)) {
    const double seconds = SecondsOfBatch(run);
    if (error != Errno::kOk && !fixture.is_kernel) return fail(error);
    state.SetIterationTime(without_loop.Add(seconds));
    if constexpr (std::is_same_v<Operation, ReserveSubmit>) view.Consume();
  }
  if (fixture.is_kernel && !FailuresAreRare(state, failures, session)) return;
  CountOperations(state);
  without_loop.SetCounters(state, kBatch);
  if (fixture.bytes_per_entry > 0) {
    state.counters["bytes_per_entry"] = benchmark::Counter(
        fixture.bytes_per_entry, benchmark::Counter::kAvgThreads);
  }
  fixture.cursors[state.thread_index()] = keys;
  if (state.threads() == 1) return;
  const Percentiles percentiles = SampleLatency(run);
  fixture.cursors[state.thread_index()] = keys;
  if (error != Errno::kOk && !fixture.is_kernel) return fail(error);
  const auto average = benchmark::Counter::kAvgThreads;
  state.counters["p50"] = {percentiles.p50, average};
  state.counters["p99"] = {percentiles.p99, average};
  state.counters["p999"] = {percentiles.p999, average};
}

// Adds a row to the benchmark. `session` must outlive the benchmark.
template <typename Operation, typename View>
void AddRow(const Implementation<View>& implementation, const RowSpec& spec,
            Session& session) {
  const std::string name = RowName(spec, implementation.name);
  const auto run = [=, &session](benchmark::State& state) {
    const auto fixture =
        session.FixtureOf(absl::StrCat(name, "/threads:", spec.threads), [&] {
          return MakeFixture<Operation>(implementation, spec, session.seed());
        });
    if (!fixture->status.ok()) {
      session.Fail(state, std::string(fixture->status.message()));
      return;
    }
    TimeRow<Operation, View>(state, *fixture, spec, session);
  };
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->Threads(spec.threads)
      ->UseManualTime();
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_ROW_H_
