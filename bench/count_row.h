// SPDX-License-Identifier: Apache-2.0

// A row of the benchmark whose instructions are counted, where row.h measures
// its time. Counts do not depend on what else the machine does, so CI compares
// them: see count_instructions.sh.
//
// callgrind counts while it is inside RunCounted(), and writes down a total
// each time it leaves it. There are two for each row, of kCountedTurns turns
// each: those of the loop alone, and those of the loop with the operation.

#ifndef BPFMAP_BENCH_COUNT_ROW_H_
#define BPFMAP_BENCH_COUNT_ROW_H_

#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bench/implementation.h"
#include "bench/operations.h"
#include "bench/row.h"
#include "bench/row_spec.h"
#include "bench/workload.h"
#include "benchmark/benchmark.h"
#include "bpfmap/maps/errno.h"

namespace bpfmap::bench {

// A batch of an LRU map is in it 32 times, a batch of the timed loop once.
inline constexpr int kCountedTurns = 4096;

// Calls run(argument). Not inlined, and known to callgrind by this name.
extern "C" void BpfmapRunCounted(void (*run)(void*), void* argument);

// Calls run() kCountedTurns times, and has the instructions counted.
template <typename Run>
void RunCounted(Run run) {
  BpfmapRunCounted(
      [](void* argument) {
        Run& run = *static_cast<Run*>(argument);
        for (int turn = 0; turn < kCountedTurns; ++turn) run();
      },
      &run);
}

// Counts a row with one thread: for its cost, the operation is done as often
// before, so that what happens once has happened.
template <typename Operation, typename View>
absl::Status CountRow(const Implementation<View>& implementation,
                      const RowSpec& spec, uint32_t seed) {
  auto fixture = MakeFixture<Operation>(implementation, spec, seed);
  if (!fixture.status.ok()) return fixture.status;
  View view(*fixture.map, spec.def);
  KeyCursor keys = fixture.cursors[0];
  constexpr bool kOwn = Operation::kKeys == KeySet::kOwnAbsent;
  uint64_t turns = 0;
  const auto next = [&] {
    return Turn{.key = keys.Next(),
                .old_key = kOwn ? keys.NextOld() : nullptr,
                .value = fixture.new_value.data(),
                .number = turns++};
  };
  const auto nothing = [&] {
    const Turn turn = next();
    uint32_t word = static_cast<uint32_t>(turn.number);
    if (turn.key != nullptr) std::memcpy(&word, turn.key, sizeof(word));
    benchmark::DoNotOptimize(word);
  };
  Errno error = Errno::kOk;
  const auto run = [&] {
    const Errno result = Operation::Run(view, next());
    if (result != Errno::kOk) [[unlikely]] {
      error = result;
    }
  };
  const auto make_room = [&] {
    if constexpr (RingView<View>) view.Consume();
  };
  for (int turn = 0; turn < kCountedTurns; ++turn) run();
  make_room();
  const KeyCursor start = keys;
  RunCounted(nothing);
  keys = start;
  turns = 0;
  RunCounted(run);
  make_room();
  if (error == Errno::kOk) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(Operation::kName, " failed with ",
                                          ErrnoName(error),
                                          " while it was counted"));
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_COUNT_ROW_H_
