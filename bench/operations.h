// SPDX-License-Identifier: Apache-2.0

// The operations that are timed.
//
// An operation is a struct:
//
//   kName       As it stands in the names of rows.
//   kKeys       The elements that it is given.
//   kSkewed     Whether it has rows with Zipf keys: where some keys can be more
//               popular than others.
//   Replaces()  Whether the element that it is given at a turn has the new
//               value afterwards. All others are as they were. (There is none
//               with kNone.)
//   Supports()  Whether maps of a type have this operation.
//   Run()       Does it once. kOk if it went as its name says. It must consume
//               what it finds, and allocate nothing.
//
// `view` is one of implementation.h. A further operation is a further struct,
// and an entry in the list at the end.

#ifndef BPFMAP_BENCH_OPERATIONS_H_
#define BPFMAP_BENCH_OPERATIONS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <tuple>

#include "bench/workload.h"
#include "benchmark/benchmark.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {

// Views of maps with keys, and of queues and stacks.
template <typename View>
concept KeyedView = requires(View& view, const void* key) {
  view.Lookup(key);
};
template <typename View>
concept DeletableView = KeyedView<View> &&
    requires(View& view, const void* key) {
  view.Delete(key);
};
template <typename View>
concept PushPopView = requires(View& view) {
  view.Pop();
};
template <typename View>
concept RingView = requires(View& view) {
  view.Reserve();
};

// The kind of the maps that a view is of.
template <typename View>
constexpr MapKind KindOfView() {
  if constexpr (requires { View::kKind; }) {
    return View::kKind;
  } else if constexpr (RingView<View>) {
    return MapKind::kRing;
  } else {
    return PushPopView<View> ? MapKind::kPushPop : MapKind::kKeyed;
  }
}

// The arguments of Run().
struct Turn {
  const std::byte* key;      // null with kNone
  const std::byte* old_key;  // with kOwnAbsent: see Workload::Lag
  const void* value;
  uint64_t number;  // of the call, from 0, in its thread
};

struct LookupHit {
  static constexpr const char* kName = "lookup_hit";
  static constexpr bool kSkewed = true;
  static constexpr KeySet kKeys = KeySet::kPresent;
  static constexpr bool Replaces(uint64_t) { return false; }
  static constexpr bool Supports(MapType type) { return HasKeys(type); }

  template <KeyedView View>
  static Errno Run(View& view, const Turn& turn) {
    const void* const value = view.Lookup(turn.key);
    if (value == nullptr) return Errno::kNoEnt;
    // A program looks a value up in order to read it; and atomically, as
    // another thread may update it.
    auto& word = *static_cast<uint64_t*>(const_cast<void*>(value));
    benchmark::DoNotOptimize(
        std::atomic_ref<uint64_t>(word).load(std::memory_order_relaxed));
    return Errno::kOk;
  }
};

struct LookupMiss {
  static constexpr const char* kName = "lookup_miss";
  static constexpr bool kSkewed = false;
  static constexpr KeySet kKeys = KeySet::kAbsent;
  static constexpr bool Replaces(uint64_t) { return false; }
  static constexpr bool Supports(MapType type) {
    return type == MapType::kHash || type == MapType::kArray;
  }

  template <KeyedView View>
  static Errno Run(View& view, const Turn& turn) {
    return view.Lookup(turn.key) == nullptr ? Errno::kOk : Errno::kExist;
  }
};

struct Update {
  static constexpr const char* kName = "update";
  static constexpr bool kSkewed = true;
  static constexpr KeySet kKeys = KeySet::kPresent;
  static constexpr bool Replaces(uint64_t) { return true; }
  static constexpr bool Supports(MapType type) {
    return HasKeys(type) && KindOf(type) != MapKind::kMapOfMaps;
  }

  template <KeyedView View>
  static Errno Run(View& view, const Turn& turn) {
    return view.Update(turn.key, turn.value);
  }
};

// Both together are one operation: a new key comes, and one that came long ago
// goes. Each thread has keys of its own, so that neither ever fails.
struct InsertDelete {
  static constexpr const char* kName = "insert_delete";
  static constexpr bool kSkewed = false;
  static constexpr KeySet kKeys = KeySet::kOwnAbsent;
  static constexpr bool Replaces(uint64_t) { return false; }
  static constexpr bool Supports(MapType type) {
    return type == MapType::kHash;
  }

  template <DeletableView View>
  static Errno Run(View& view, const Turn& turn) {
    const Errno error = view.Update(turn.key, turn.value);
    return error != Errno::kOk ? error : view.Delete(turn.old_key);
  }
};

// A lookup and an update in turns, of any element that is present. In turns,
// and not by the toss of a coin, which would time the branch predictor.
struct Mix50And50 {
  static constexpr const char* kName = "mix50_50";
  static constexpr bool kSkewed = true;
  static constexpr KeySet kKeys = KeySet::kPresent;
  static constexpr bool Replaces(uint64_t turn) { return turn % 2 != 0; }
  static constexpr bool Supports(MapType type) {
    return type == MapType::kHash || type == MapType::kArray;
  }

  template <KeyedView View>
  static Errno Run(View& view, const Turn& turn) {
    return Replaces(turn.number) ? Update::Run(view, turn)
                                 : LookupHit::Run(view, turn);
  }
};

// Both together are one operation, so that the map stays as full as it was. A
// stack gives what was just pushed, a queue what has waited longest.
struct PushPop {
  static constexpr const char* kName = "push_pop";
  static constexpr bool kSkewed = false;
  static constexpr KeySet kKeys = KeySet::kNone;
  static constexpr bool Supports(MapType type) {
    return KindOf(type) == MapKind::kPushPop;
  }

  template <PushPopView View>
  static Errno Run(View& view, const Turn& turn) {
    const Errno error = view.Push(turn.value);
    if (error != Errno::kOk) return error;
    const void* const value = view.Pop();
    if (value == nullptr) return Errno::kNoEnt;
    benchmark::DoNotOptimize(*static_cast<const uint64_t*>(value));
    return Errno::kOk;
  }
};

// A new key comes into a full map, and another one has to go.
struct InsertEvict {
  static constexpr const char* kName = "insert_evict";
  static constexpr bool kSkewed = false;
  static constexpr KeySet kKeys = KeySet::kOwnAbsent;
  static constexpr bool Replaces(uint64_t) { return false; }
  static constexpr bool Supports(MapType type) {
    return type == MapType::kLruHash;
  }

  template <KeyedView View>
  static Errno Run(View& view, const Turn& turn) {
    return view.Update(turn.key, turn.value);
  }
};

// A record of 8 bytes, which wakes nobody. Nobody reads it while the clock
// runs: the ring is emptied between batches.
struct ReserveSubmit {
  static constexpr const char* kName = "reserve_submit";
  static constexpr bool kSkewed = false;
  static constexpr KeySet kKeys = KeySet::kNone;
  static constexpr bool Supports(MapType type) {
    return KindOf(type) == MapKind::kRing;
  }

  template <RingView View>
  static Errno Run(View& view, const Turn& turn) {
    auto* const record = static_cast<uint64_t*>(view.Reserve());
    if (record == nullptr) return Errno::kAgain;
    *record = turn.number;
    view.Submit(record);
    return Errno::kOk;
  }
};

// The same, while a thread on another CPU reads the records as they come. Where
// there is no room, it waits for some.
struct ReserveSubmitConsumed {
  static constexpr const char* kName = "reserve_submit_consumed";
  static constexpr bool kSkewed = false;
  static constexpr KeySet kKeys = KeySet::kNone;
  static constexpr bool Supports(MapType type) {
    return KindOf(type) == MapKind::kRing;
  }

  template <RingView View>
  static Errno Run(View& view, const Turn& turn) {
    while (ReserveSubmit::Run(view, turn) != Errno::kOk) {
    }
    return Errno::kOk;
  }
};

using Operations =
    std::tuple<LookupHit, LookupMiss, Update, InsertDelete, InsertEvict,
               Mix50And50, PushPop, ReserveSubmit, ReserveSubmitConsumed>;

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_OPERATIONS_H_
