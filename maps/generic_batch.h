// Batch commands made of single ones, as Linux makes them for most map types.
//
// These are the loops alone. Rights and support are the caller's to check
// before; see the comments in bpf_map.h for what the arguments mean.

#ifndef BPFMAP_MAPS_GENERIC_BATCH_H_
#define BPFMAP_MAPS_GENERIC_BATCH_H_

#include <cstddef>
#include <cstdint>

#include "maps/errno.h"

namespace bpfmap {

// Runs `step(i)` for i from 0 to *count - 1 until one fails. *count is then the
// number done.
template <typename Step>
Errno ForEachInBatch(uint32_t* count, Step step) {
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

#endif  // BPFMAP_MAPS_GENERIC_BATCH_H_
