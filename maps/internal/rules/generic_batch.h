// SPDX-License-Identifier: Apache-2.0

// The parts of the batch commands.
//
// See the comments in bpf_map.h for the meaning of the arguments.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_GENERIC_BATCH_H_
#define BPFMAP_MAPS_INTERNAL_RULES_GENERIC_BATCH_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

// The arguments of a LookupBatch or, if it `deletes`, of a
// LookupAndDeleteBatch.
struct LookupBatchCall {
  bool deletes;
  const void* in_batch;
  void* out_batch;
  void* keys;
  void* values;
  uint32_t* count;
  BatchFlags flags;

  bool value_lock() const { return HasAny(flags.elem_flags, kLock); }
};

// Runs `step(i)` for i from 0 to *count - 1 until one fails. *count is then the
// number done.
template <typename Step>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline Errno ForEachInBatch(uint32_t* count,
                                                         Step step) {
  const uint32_t wanted = *count;
  Errno error = Errno::kOk;
  uint32_t done = 0;
  while (done < wanted) {
    error = step(done);
    if (error != Errno::kOk) break;
    ++done;
  }
  *count = done;
  return error;
}

// Element `i` of an array of elements of `size` bytes; null stays null.
inline const std::byte* ElementAt(const void* elements, uint32_t i,
                                  std::size_t size) {
  if (elements == nullptr) return nullptr;
  return static_cast<const std::byte*>(elements) + i * size;
}
inline std::byte* ElementAt(void* elements, uint32_t i, std::size_t size) {
  if (elements == nullptr) return nullptr;
  return static_cast<std::byte*>(elements) + i * size;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_GENERIC_BATCH_H_
