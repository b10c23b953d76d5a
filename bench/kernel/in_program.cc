// SPDX-License-Identifier: Apache-2.0

// The maps of the running kernel as a BPF program reaches them: each operation
// is a call of a helper, in a program that the kernel has compiled.
//
// The kernel times a row here (loop.h). The cost of the loop is subtracted, as
// for the other rows (timed_loop.h).

#include <sched.h>

#include <algorithm>
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
#include "bench/contender.h"
#include "bench/contenders.h"
#include "bench/kernel/fits.h"
#include "bench/kernel/loop.h"
#include "bench/kernel/ring.h"
#include "bench/pinned_thread.h"
#include "bench/ring_consumer.h"
#include "bench/timed_loop.h"
#include "bench/user_view.h"
#include "benchmark/benchmark.h"
#include "bpfmap/maps/kernel_map.h"

namespace bpfmap::bench {
namespace {

constexpr char kName[] = "kernel/program";

KernelStep StepOf(LookupHit, MapKind kind) {
  switch (kind) {
    case MapKind::kBloom:
      return KernelStep::kBloomPeek;
    case MapKind::kMapOfMaps:
      return KernelStep::kLookupInner;
    default:
      return KernelStep::kLookupHit;
  }
}
KernelStep StepOf(LookupMiss, MapKind) { return KernelStep::kLookupMiss; }
KernelStep StepOf(Update, MapKind kind) {
  return kind == MapKind::kBloom ? KernelStep::kBloomPush : KernelStep::kUpdate;
}
KernelStep StepOf(InsertDelete, MapKind) { return KernelStep::kInsertDelete; }
KernelStep StepOf(InsertEvict, MapKind) { return KernelStep::kUpdate; }
KernelStep StepOf(Mix50And50, MapKind) { return KernelStep::kMix50And50; }
KernelStep StepOf(PushPop, MapKind) { return KernelStep::kPushPop; }
KernelStep StepOf(ReserveSubmit, MapKind) { return KernelStep::kReserveSubmit; }
KernelStep StepOf(ReserveSubmitConsumed, MapKind) {
  return KernelStep::kReserveSubmit;
}

template <typename Operation>
constexpr bool kOnRing = std::is_same_v<Operation, ReserveSubmit> ||
                         std::is_same_v<Operation, ReserveSubmitConsumed>;

// How a map of maps is filled. (Lookups by system call give no map.)
class MapOfMapsView {
 public:
  using Map = KernelMap;
  static constexpr MapKind kKind = MapKind::kMapOfMaps;

  MapOfMapsView(Map& map, const MapDef&) : map(map) {}

  const void* Lookup(const void* key) { return key; }

  Map& map;
};

// In batches, since Linux waits after each command until no program can see
// what was there before. An inner map begins with the value of its element.
absl::Status Fill(MapOfMapsView& view, const Workload& workload) {
  constexpr uint32_t kMost = 128;  // open files
  const auto [begin, end] = workload.Elements(KeySet::kPresent);
  for (uint32_t first = begin; first < end; first += kMost) {
    const uint32_t wanted = std::min(kMost, end - first);
    std::vector<std::unique_ptr<KernelMap>> inner;
    std::vector<int> files;
    for (uint32_t element = first; element < first + wanted; ++element) {
      auto made = KernelMap::Create(kInnerDef);
      if (!made.ok()) return made.status();
      std::vector<std::byte> value = workload.Value(element);
      value.resize(kInnerDef.value_size);
      const uint32_t zero = 0;
      const Errno error = (*made)->Update(&zero, value.data());
      if (error != Errno::kOk) return absl::InternalError(ErrnoName(error));
      files.push_back((*made)->fd());
      inner.push_back(*std::move(made));
    }
    uint32_t count = wanted;
    const Errno error =
        view.map.UpdateBatch(workload.Key(first), files.data(), &count);
    if (error != Errno::kOk || count != wanted) {
      return absl::InternalError(
          absl::StrCat("the map cannot be filled: ", ErrnoName(error)));
    }
  }
  return absl::OkStatus();
}

absl::Status Fill(KernelRing& ring, const Workload&) { return ring.status(); }

absl::StatusOr<std::unique_ptr<KernelMap>> CreateMap(MapDef def) {
  if (KindOf(def.type) != MapKind::kMapOfMaps) return KernelMap::Create(def);
  const auto inner = KernelMap::Create(kInnerDef);
  if (!inner.ok()) return inner.status();
  def.inner_map_fd = static_cast<uint32_t>((*inner)->fd());
  return KernelMap::Create(def);
}

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
  const size_t key_size = KeySizeOf(workload.def());
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
  const MapDef& def = workload.def();
  std::vector<std::byte> keys;
  if constexpr (kKeyed) keys = KeysInTurn(workload, Operation::kKeys, size);
  auto loop =
      KernelLoop::Create(*fixture.map, StepOf(Operation(), KindOf(def.type)),
                         keys, workload.new_value());
  if (!loop.ok()) return loop.status();
  // Without keys, one Run() is enough: a queue then has new values only.
  const size_t turns = kKeyed ? size / KeySizeOf(def) : 1;
  for (size_t turn = 0; turn < turns; turn += KernelLoop::kTurns) {
    const auto seconds = (*loop)->Run();
    if (!seconds.ok()) return seconds.status();
  }
  if ((*loop)->Failures() > 0) {
    return absl::InternalError(
        absl::StrCat(Operation::kName, " failed before it was timed"));
  }
  if constexpr (KindOfView<View>() == MapKind::kMapOfMaps) {
    return absl::OkStatus();  // no lookup failed
  } else if constexpr (kKeyed) {
    return CheckContentsAfter<Operation>(view, workload);
  } else if constexpr (kOnRing<Operation>) {
    return CheckRecords(view, KernelLoop::kTurns);
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

template <typename Operation, typename View>
absl::Status Prepare(const RowSpec& spec, uint32_t seed,
                     KernelFixture& fixture) {
  const PinnedThread pinned(0);
  auto map = CreateMap(spec.def);
  if (!map.ok()) return map.status();
  fixture.map = *std::move(map);
  const Workload workload(spec.def, seed, spec.pattern);
  View view = [&] {
    if constexpr (std::is_same_v<View, UserView>) {
      return View(*fixture.map, spec.def, sched_getcpu());
    } else {
      return View(*fixture.map, spec.def);
    }
  }();
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
                             KeyCursor(keys, KeySizeOf(spec.def), lag), lag);
      if (!status.ok()) return status;
    }
    auto loop = KernelLoop::Create(*fixture.map,
                                   StepOf(Operation(), KindOf(spec.def.type)),
                                   keys, workload.new_value(), lag);
    if (!loop.ok()) return loop.status();
    fixture.loops.push_back(*std::move(loop));
  }
  return absl::OkStatus();
}

template <typename Operation>
void TimeProgram(benchmark::State& state, const KernelFixture& fixture,
                 const RowSpec& spec, Session& session) {
  constexpr bool kConsumed = std::is_same_v<Operation, ReserveSubmitConsumed>;
  std::optional<KernelRing> ring;
  std::optional<RingConsumer> consumer;
  if constexpr (kOnRing<Operation>) ring.emplace(*fixture.map, spec.def);
  if constexpr (kConsumed) consumer.emplace(*ring);
  const PinnedThread pinned(state.thread_index());
  KernelLoop& loop = *fixture.loops[state.thread_index()];
  WithoutLoop without_loop(
      session.Least(absl::StrCat("the kernel's loop, ", spec.def.key_size),
                    fixture.seconds_of_nothing));
  uint64_t failures = loop.Failures();
  while (state.KeepRunningBatch(KernelLoop::kTurns)) {
    auto seconds = loop.Run();
    if (!seconds.ok()) {
      session.Fail(state, absl::StrCat(seconds.status().message(),
                                       " while it was timed"));
      return;
    }
    if constexpr (kConsumed) {
      // Turns that found no room are time that the others take.
      const uint64_t before = std::exchange(failures, loop.Failures());
      *seconds *= double{KernelLoop::kTurns} /
                  (KernelLoop::kTurns + 1 - (failures - before));
    }
    state.SetIterationTime(without_loop.Add(*seconds));
    if constexpr (std::is_same_v<Operation, ReserveSubmit>) ring->Consume();
  }
  if (!kConsumed && !FailuresAreRare(state, loop.Failures(), session)) return;
  CountOperations(state);
  without_loop.SetCounters(state, KernelLoop::kTurns);
  state.counters["bytes_per_entry"] = {fixture.bytes_per_entry,
                                       benchmark::Counter::kAvgThreads};
}

template <typename Operation, typename View>
void AddProgramRow(const RowSpec& spec, Session& session) {
  const std::string name = RowName(spec, kName);
  const auto run = [=, &session](benchmark::State& state) {
    const auto fixture =
        session.FixtureOf(absl::StrCat(name, "/threads:", spec.threads), [&] {
          KernelFixture made;
          made.status = Prepare<Operation, View>(spec, session.seed(), made);
          return made;
        });
    if (!fixture->status.ok()) {
      session.Fail(state, std::string(fixture->status.message()));
      return;
    }
    TimeProgram<Operation>(state, *fixture, spec, session);
  };
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->Threads(spec.threads)
      ->UseManualTime();
}

}  // namespace

std::vector<Contender> KernelPrograms() {
  const auto add_row = [](const RowSpec& spec, Session& session) {
    VisitOperation(spec.operation, [&]<typename Operation>(Operation) {
      constexpr bool kKeyed = Operation::kKeys != KeySet::kNone;
      switch (KindOf(spec.def.type)) {
        case MapKind::kKeyed:
          if constexpr (kKeyed) {
            AddProgramRow<Operation, UserView>(spec, session);
          }
          return;
        case MapKind::kBloom:
          if constexpr (kKeyed && !std::is_same_v<Operation, InsertDelete>) {
            AddProgramRow<Operation, BloomUserView>(spec, session);
          }
          return;
        case MapKind::kMapOfMaps:
          if constexpr (std::is_same_v<Operation, LookupHit>) {
            AddProgramRow<Operation, MapOfMapsView>(spec, session);
          }
          return;
        case MapKind::kPushPop:
          if constexpr (std::is_same_v<Operation, PushPop>) {
            AddProgramRow<Operation, PushPopUserView>(spec, session);
          }
          return;
        case MapKind::kRing:
          if constexpr (kOnRing<Operation>) {
            AddProgramRow<Operation, KernelRing>(spec, session);
          }
          return;
      }
    });
  };
  const auto count_row = [](const RowSpec&, uint32_t) {
    return absl::UnimplementedError("instructions of the kernel");
  };
  return {{kName, KernelFits, add_row, count_row}};
}

}  // namespace bpfmap::bench
