// SPDX-License-Identifier: Apache-2.0

// The definitions of LRU maps: what Linux says to them, and how it rounds them.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_LRU_DEF_H_
#define BPFMAP_MAPS_INTERNAL_RULES_LRU_DEF_H_

#include <cstdint>
#include <limits>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

// Check() of LRU_HASH and LRU_PERCPU_HASH, whichever `type` is.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckLruDef(const MapDef& def,
                                                            MapType type) {
  const bool has_per_cpu_values = type == MapType::kLruPerCpuHash;
  const bool is_per_cpu =
      has_per_cpu_values || HasAny(def.map_flags, kNoCommonLru);
  return FirstError(
      CheckCommon(def),
      Require(def.type == type, has_per_cpu_values
                                    ? "type must be LRU_PERCPU_HASH"
                                    : "type must be LRU_HASH"),
      CheckFlags(def,
                 kNoPrealloc | kNoCommonLru | kNumaNode | kRdOnly | kWrOnly |
                     kZeroSeed | kRdOnlyProg | kWrOnlyProg | kTokenFd,
                 "map_flags has a flag that LRU maps do not take"),
      Require(!HasAny(def.map_flags, kNoPrealloc),
              "LRU maps do not take BPF_F_NO_PREALLOC", Errno::kNotSupp),
      is_per_cpu ? CheckNoNumaNode(def) : DefError{}, CheckHashSizes(def),
      has_per_cpu_values ? CheckPerCpuValueSize(def) : DefError{},
      CheckToken(def), CheckHashMaxEntries(def),
      CheckNameAndNoLock(def, /*may_have_timer=*/!has_per_cpu_values));
}

// The definition as Linux keeps it: with BPF_F_NO_COMMON_LRU, max_entries is a
// multiple of the CPUs.
constexpr MapDef WithRoundedLruSize(MapDef def, int possible_cpus) {
  if (!HasAny(def.map_flags, kNoCommonLru)) return def;
  const uint32_t cpus = static_cast<uint32_t>(possible_cpus);
  const uint32_t missing = (cpus - def.max_entries % cpus) % cpus;
  if (def.max_entries <= std::numeric_limits<uint32_t>::max() - missing) {
    def.max_entries += missing;
  }
  return def;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_LRU_DEF_H_
