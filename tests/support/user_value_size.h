// SPDX-License-Identifier: Apache-2.0

// UserValueSize: how many bytes a value has in the user view.

#ifndef BPFMAP_TESTS_SUPPORT_USER_VALUE_SIZE_H_
#define BPFMAP_TESTS_SUPPORT_USER_VALUE_SIZE_H_

#include <cstdint>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"

namespace bpfmap {

inline uint32_t UserValueSize(const MapDef& def) {
  if (!IsPerCpu(def.type)) return def.value_size;
  return (def.value_size + 7) / 8 * 8 * PossibleCpus();
}

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_USER_VALUE_SIZE_H_
