// SPDX-License-Identifier: Apache-2.0

// An implementation of maps that takes part in the comparison, and how the
// benchmark talks to it.
//
// A view is what the operations call. Every thread has one of its own, and all
// of them are on the same map:
//
//   using Map = ...;                     what create() makes
//   View(Map& map, const MapDef& def);
//   const void* Lookup(key);       the value, until the next call, or null
//   Errno Update(key, value);      inserts or replaces
//   Errno Delete(key);
//
// or, where the map is a queue or a stack, instead of these three
//
//   Errno Push(value);
//   const void* Pop();             the value, until the next call, or null
//
// or, where it is a ring buffer,
//
//   void* Reserve();               room for 8 bytes, or null
//   void Submit(record);
//   uint64_t Consume();            how many records it read; by one thread
//
// Views of bloom filters, and of maps of maps, are as the first ones, and say
// so by a kKind: a filter's values stand for keys, and a lookup in a map of
// maps goes on to the value in the inner map.
//
// A map of another library needs less than a view: see peers/peer.h and
// peers/push_pop_peer.h.

#ifndef BPFMAP_BENCH_IMPLEMENTATION_H_
#define BPFMAP_BENCH_IMPLEMENTATION_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {

template <typename V>
struct Implementation {
  using View = V;

  // As it stands in the names of rows: "tbb/user". The last part is `program`
  // where a lookup gives a pointer into the map, and `user` where it copies.
  std::string name;

  // Whether it can have such a map. Where it cannot, there is no row.
  std::function<bool(const MapDef&)> fits;

  std::function<absl::StatusOr<std::shared_ptr<typename V::Map>>(const MapDef&)>
      create;

  // The memory of a full map in bytes. Where there is no such function, what
  // the process grew by is measured.
  std::function<double(const typename V::Map&)> bytes = nullptr;

  // Whether it is Linux's, where operations may fail: see FailuresAreRare().
  bool is_kernel = false;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_IMPLEMENTATION_H_
