// The operations that are timed.
//
// An operation is a struct:
//
//   kName       As it stands in the names of rows.
//   kKeys       The elements that it is given.
//   kReplaces   Whether the elements that it is given have the new value
//               afterwards. All others are as they were.
//   Supports()  Whether maps of a type have this operation.
//   Run()       Does it once. kOk if it went as its name says. It must consume
//               what it finds, and allocate nothing.
//
// `view` is one of implementations.h. A further operation is a further struct,
// and an entry in the list at the end.

#ifndef BPFMAP_BENCH_OPERATIONS_H_
#define BPFMAP_BENCH_OPERATIONS_H_

#include <cstdint>
#include <cstring>
#include <tuple>

#include "bench/workload.h"
#include "benchmark/benchmark.h"
#include "maps/errno.h"
#include "maps/map_def.h"

namespace bpfmap::bench {

struct LookupHit {
  static constexpr const char* kName = "lookup_hit";
  static constexpr KeySet kKeys = KeySet::kPresent;
  static constexpr bool kReplaces = false;
  static bool Supports(MapType) { return true; }

  template <typename View>
  static Errno Run(View& view, const void* key, const void*) {
    const void* const value = view.Lookup(key);
    if (value == nullptr) return Errno::kNoEnt;
    uint64_t word;  // a program looks a value up in order to read it
    std::memcpy(&word, value, sizeof word);
    benchmark::DoNotOptimize(word);
    return Errno::kOk;
  }
};

struct LookupMiss {
  static constexpr const char* kName = "lookup_miss";
  static constexpr KeySet kKeys = KeySet::kAbsent;
  static constexpr bool kReplaces = false;
  static bool Supports(MapType) { return true; }

  template <typename View>
  static Errno Run(View& view, const void* key, const void*) {
    return view.Lookup(key) == nullptr ? Errno::kOk : Errno::kExist;
  }
};

struct Update {
  static constexpr const char* kName = "update";
  static constexpr KeySet kKeys = KeySet::kPresent;
  static constexpr bool kReplaces = true;
  static bool Supports(MapType) { return true; }

  template <typename View>
  static Errno Run(View& view, const void* key, const void* value) {
    return view.Update(key, value);
  }
};

// Both together are one operation. Each thread has keys of its own, so that
// neither ever fails.
struct InsertDelete {
  static constexpr const char* kName = "insert_delete";
  static constexpr KeySet kKeys = KeySet::kOwnAbsent;
  static constexpr bool kReplaces = false;
  static bool Supports(MapType type) { return type != MapType::kArray; }

  template <typename View>
  static Errno Run(View& view, const void* key, const void* value) {
    const Errno error = view.Update(key, value);
    return error != Errno::kOk ? error : view.Delete(key);
  }
};

using Operations = std::tuple<LookupHit, LookupMiss, Update, InsertDelete>;

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_OPERATIONS_H_
