// SPDX-License-Identifier: Apache-2.0
//
// CheckDef and MemoryNeeded: what can be said of a map of any type before it is
// created. Both are constexpr, so that a firmware can ask when it is compiled:
//
//   constexpr MapDef kFlows = {.type = MapType::kHash, ...};
//   static_assert(!CheckDef<Embedded>(kFlows).failed());
//   static_assert(MemoryNeeded<Embedded>(kFlows) <= 16 * 1024);
//
// A program that knows the class of its map asks the class: Check() and
// MemoryNeeded() of HashMap<P>, which is less to compile.

#ifndef BPFMAP_MAPS_MEMORY_NEEDED_H_
#define BPFMAP_MAPS_MEMORY_NEEDED_H_

#include <cstdint>
#include <type_traits>

#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_types.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

// What Linux would say to `def`, and why. Types that this library does not have
// are EINVAL, as types that the kernel does not have; of a custom type, what
// its provider says is not known before Init().
template <Profile P>
constexpr DefError CheckDef(const MapDef& def) {
  DefError check = CheckCommon(def);
  if (check.failed()) return check;
  check = {Errno::kInval, "type must be one of those in MapType"};
  VisitMapType<P>(def.type, [&]<typename Map>(std::type_identity<Map>) {
    check = Map::Check(def);
  });
  return check;
}

// How many bytes of its memory a map takes, for choosing sizes before anything
// is created: `def` fits into a StaticPool if this is no more than remaining().
// Exact, where the profile's kCacheLineSize is 8 (with another one, a pool may
// lose as much again to align it); 0 if CheckDef<P>(def) has an error.
template <Profile P>
constexpr uint64_t MemoryNeeded(const MapDef& def) {
  uint64_t bytes = 0;
  if (CheckDef<P>(def).failed()) return bytes;
  VisitMapType<P>(def.type, [&]<typename Map>(std::type_identity<Map>) {
    bytes = Map::MemoryNeeded(def);
  });
  return bytes;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_MEMORY_NEEDED_H_
