// SPDX-License-Identifier: Apache-2.0

// A kit for tests of BPF logic, with GoogleTest. Depend on //maps:testing.
//
//   matchers   EXPECT_THAT(counts, HasEntry(7, Gt(2)));
//              EXPECT_THAT(counts, Entries(ElementsAre(Pair(7, 3))));
//              EXPECT_THAT(map->Delete(&key), IsErrno(Errno::kNoEnt));
//              EXPECT_THAT(counts.Get(7), IsOk());
//   snapshots  const MapSnapshot before = Snapshot(*map);
//              EXPECT_THAT(*map, IsUnchangedSince(before));
//              EXPECT_THAT(*map, HasSameEntriesAs(*other));
//              std::cout << Diff(before, Snapshot(*map));
//   faults     FailNth failing(map, "update", 3, Errno::kNoMem);
//   traces     Trace traced(map);  // printed if the test fails
//
// FailNth and Trace are maps themselves, so they may be nested, and a
// ProgramMap or a TypedMap of one is a view as of any other. Values of this
// library are shown as people read them: an Errno as "ENOENT (2)", a map and a
// view with its entries, an LpmKey as "10.0.0.0/8".
//
// Each header says more, and what of it is thread-safe.

#ifndef BPFMAP_MAPS_TESTING_H_
#define BPFMAP_MAPS_TESTING_H_

#include <concepts>
#include <cstdint>
#include <ostream>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/lpm_key.h"
#include "bpfmap/maps/per_cpu.h"
#include "bpfmap/maps/program_map.h"
#include "bpfmap/maps/testing/fail_nth.h"
#include "bpfmap/maps/testing/map_decorator.h"
#include "bpfmap/maps/testing/matchers.h"
#include "bpfmap/maps/testing/print_errno.h"
#include "bpfmap/maps/testing/snapshot.h"
#include "bpfmap/maps/testing/trace.h"
#include "bpfmap/maps/typed_map.h"

namespace bpfmap {

// How GoogleTest shows maps and their views: as their snapshot.
template <std::derived_from<BpfMap> Map>
void PrintTo(const Map& map, std::ostream* out) {
  *out << Snapshot(map).ToString();
}
template <typename K, typename V>
void PrintTo(const TypedMap<K, V>& map, std::ostream* out) {
  *out << Snapshot(map).ToString();
}
template <typename K, typename V>
void PrintTo(const ProgramMap<K, V>& map, std::ostream* out) {
  *out << Snapshot(map).ToString();
}

template <uint32_t kBytes>
void PrintTo(const LpmKey<kBytes>& key, std::ostream* out) {
  *out << key.ToString();
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_TESTING_H_
