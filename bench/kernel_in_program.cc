// The maps of the running kernel as a BPF program reaches them: each operation
// is a call of a helper, in a program that the kernel has compiled.
//
// A row here is timed by the kernel (kernel_loop.h). What the loop costs is
// taken off, as it is for the other rows (timed_loop.h).

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/check.h"
#include "bench/check_push_pop.h"
#include "bench/contender.h"
#include "bench/contenders.h"
#include "bench/kernel_fits.h"
#include "bench/kernel_loop.h"
#include "bench/pinned_thread.h"
#include "bench/timed_loop.h"
#include "bench/user_view.h"
#include "benchmark/benchmark.h"
#include "maps/kernel_map.h"

namespace bpfmap::bench {
namespace {

constexpr char kName[] = "kernel/program";

KernelStep StepOf(LookupHit) { return KernelStep::kLookupHit; }
KernelStep StepOf(LookupMiss) { return KernelStep::kLookupMiss; }
KernelStep StepOf(Update) { return KernelStep::kUpdate; }
KernelStep StepOf(InsertDelete) { return KernelStep::kInsertDelete; }
KernelStep StepOf(Mix50And50) { return KernelStep::kMix50And50; }
KernelStep StepOf(PushPop) { return KernelStep::kPushPop; }

struct KernelFixture {
  absl::Status status;  // where it is not OK, there is nothing to time
  std::unique_ptr<KernelMap> map;
  double bytes_per_entry = 0;
  std::vector<std::unique_ptr<KernelLoop>> loops;  // of each thread
  double seconds_of_nothing = 0;                   // what a Run() takes anyway
};

// All elements in turn, as many keys as in a row of random ones.
std::vector<std::byte> KeysInTurn(const Workload& workload, KeySet set,
                                  size_t size) {
  const auto [begin, end] = workload.Elements(set);
  const size_t key_size = workload.def().key_size;
  std::vector<std::byte> keys(size);
  for (size_t at = 0; at < size; at += key_size) {
    const std::byte* const key = workload.Key(
        begin + static_cast<uint32_t>(at / key_size % (end - begin)));
    std::copy(key, key + key_size, &keys[at]);
  }
  return keys;
}

// As Check() does for other maps: the operation on every element, by the
// program; then the contents, by system calls.
template <typename Operation, typename View>
absl::Status CheckByProgram(View& view, const Workload& workload,
                            KernelFixture& fixture, size_t size) {
  constexpr bool kKeyed = KeyedView<View>;
  std::vector<std::byte> keys;
  if constexpr (kKeyed) keys = KeysInTurn(workload, Operation::kKeys, size);
  auto loop = KernelLoop::Create(*fixture.map, StepOf(Operation()), keys,
                                 workload.new_value());
  if (!loop.ok()) return loop.status();
  // Without keys, one Run() is enough: a queue then has new values only.
  const size_t turns = kKeyed ? size / workload.def().key_size : 1;
  for (size_t turn = 0; turn < turns; turn += KernelLoop::kTurns) {
    const auto seconds = (*loop)->Run();
    if (!seconds.ok()) return seconds.status();
  }
  if ((*loop)->Failures() > 0) {
    return absl::InternalError(
        absl::StrCat(Operation::kName, " failed before it was timed"));
  }
  if constexpr (kKeyed) {
    return CheckContentsAfter<Operation>(view, workload);
  } else {
    return CheckAndRefill(view, workload,
                          Values(KernelLoop::kTurns, workload.new_value()));
  }
}

// The least of some, as the loop is not what anything else should slow down.
absl::StatusOr<double> TimeOfNothing(const KernelMap& map,
                                     const std::vector<std::byte>& keys,
                                     const Workload& workload) {
  auto loop =
      KernelLoop::Create(map, KernelStep::kNothing, keys, workload.new_value());
  if (!loop.ok()) return loop.status();
  double least = 1;
  for (int run = 0; run < 10; ++run) {
    const auto seconds = (*loop)->Run();
    if (!seconds.ok()) return seconds.status();
    least = std::min(least, *seconds);
  }
  return least;
}

template <typename Operation>
absl::Status Prepare(const RowSpec& spec, uint32_t seed,
                     KernelFixture& fixture) {
  auto map = KernelMap::Create(spec.def);
  if (!map.ok()) return map.status();
  fixture.map = *std::move(map);
  const Workload workload(spec.def, seed, spec.pattern);
  constexpr bool kKeyed = Operation::kKeys != KeySet::kNone;
  std::conditional_t<kKeyed, UserView, PushPopUserView> view(*fixture.map,
                                                             spec.def);
  absl::Status status = Fill(view, workload);
  if (!status.ok()) return status;
  fixture.bytes_per_entry =
      KernelBytes(*fixture.map) / workload.present_count();
  for (int thread = 0; thread < spec.threads; ++thread) {
    const auto [keys, lag] =
        workload.RandomKeys(Operation::kKeys, thread, spec.threads);
    if (thread == 0) {
      status = CheckByProgram<Operation>(view, workload, fixture, keys.size());
      if (!status.ok()) return status;
      const auto nothing = TimeOfNothing(*fixture.map, keys, workload);
      if (!nothing.ok()) return nothing.status();
      fixture.seconds_of_nothing = *nothing;
    }
    if constexpr (Operation::kKeys == KeySet::kOwnAbsent) {
      status = InsertOldKeys(view, workload,
                             KeyCursor(keys, spec.def.key_size, lag), lag);
      if (!status.ok()) return status;
    }
    auto loop = KernelLoop::Create(*fixture.map, StepOf(Operation()), keys,
                                   workload.new_value(), lag);
    if (!loop.ok()) return loop.status();
    fixture.loops.push_back(*std::move(loop));
  }
  return absl::OkStatus();
}

void TimeProgram(benchmark::State& state, const KernelFixture& fixture,
                 const RowSpec& spec, Session& session) {
  const PinnedThread pinned(state.thread_index());
  KernelLoop& loop = *fixture.loops[state.thread_index()];
  WithoutLoop without_loop(
      session.Least(absl::StrCat("the kernel's loop, ", spec.def.key_size),
                    fixture.seconds_of_nothing));
  while (state.KeepRunningBatch(KernelLoop::kTurns)) {
    const auto seconds = loop.Run();
    if (!seconds.ok()) {
      session.Fail(state, absl::StrCat(seconds.status().message(),
                                       " while it was timed"));
      return;
    }
    state.SetIterationTime(without_loop.Add(*seconds));
  }
  if (!FailuresAreRare(state, loop.Failures(), session)) return;
  CountOperations(state);
  without_loop.SetCounters(state, KernelLoop::kTurns);
  state.counters["bytes_per_entry"] = {fixture.bytes_per_entry,
                                       benchmark::Counter::kAvgThreads};
}

template <typename Operation>
void AddProgramRow(const RowSpec& spec, Session& session) {
  const std::string name = RowName(spec, kName);
  const auto run = [=, &session](benchmark::State& state) {
    const auto fixture =
        session.FixtureOf(absl::StrCat(name, "/threads:", spec.threads), [&] {
          KernelFixture made;
          made.status = Prepare<Operation>(spec, session.seed(), made);
          return made;
        });
    if (!fixture->status.ok()) {
      session.Fail(state, std::string(fixture->status.message()));
      return;
    }
    TimeProgram(state, *fixture, spec, session);
  };
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->Threads(spec.threads)
      ->UseManualTime();
}

}  // namespace

std::vector<Contender> KernelPrograms() {
  const auto add_row = [](const RowSpec& spec, Session& session) {
    VisitOperation(spec.operation, [&]<typename Operation>(Operation) {
      AddProgramRow<Operation>(spec, session);
    });
  };
  return {{kName, KernelFits, add_row}};
}

}  // namespace bpfmap::bench
