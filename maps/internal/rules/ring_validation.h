// SPDX-License-Identifier: Apache-2.0
//
// CheckRingDef: what Linux would say to a definition of either kind of ring.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_RING_VALIDATION_H_
#define BPFMAP_MAPS_INTERNAL_RULES_RING_VALIDATION_H_

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_def.h"

namespace bpfmap {

ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckRingDef(
    const MapDef& def, MapType type, const char* wrong_type) {
  return FirstError(
      CheckCommon(def), Require(def.type == type, wrong_type),
      CheckFlags(def, kNumaNode | kTokenFd,
                 "map_flags has a flag that rings do not take"),
      Require(def.key_size == 0 && def.value_size == 0,
              "key_size and value_size must be 0"),
      Require(IsRingSize(def.max_entries),
              "max_entries must be a power of two and a multiple of 4096; see "
              "RoundUpRingSize()"),
      CheckToken(def), CheckNameAndLock(def),
      Require(def.timer_offset == kNoTimer, "a ring holds no timer",
              Errno::kOpNotSupp));
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_RING_VALIDATION_H_
