// Batch commands made of single ones, as Linux makes them for most map types.
//
// See the comments in bpf_map.h for what the arguments mean.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_GENERIC_BATCH_H_
#define BPFMAP_MAPS_INTERNAL_RULES_GENERIC_BATCH_H_

#include <cstddef>
#include <cstdint>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/user_rights.h"

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

// UpdateBatch by `put(key, value, flags)`. Sizes are those of the user view.
template <typename Put>
Errno UpdateEach(const UserRights& rights, const void* keys,
                 std::size_t key_size, const void* values,
                 std::size_t value_size, uint32_t* count, BatchFlags flags,
                 Put put) {
  const Errno error =
      rights.CheckBatch(count, /*reads=*/false, /*writes=*/true, flags);
  if (error != Errno::kOk) return error;
  return ForEachInBatch(count, [&](uint32_t i) {
    if (keys == nullptr || values == nullptr) return Errno::kFault;
    return put(ElementAt(keys, i, key_size), ElementAt(values, i, value_size),
               flags.elem_flags);
  });
}

// DeleteBatch by `remove(key)`.
template <typename Remove>
Errno DeleteEach(const UserRights& rights, const void* keys,
                 std::size_t key_size, uint32_t* count, BatchFlags flags,
                 Remove remove) {
  const Errno error =
      rights.CheckBatch(count, /*reads=*/false, /*writes=*/true, flags);
  if (error != Errno::kOk) return error;
  return ForEachInBatch(count, [&](uint32_t i) {
    if (keys == nullptr) return Errno::kFault;
    return remove(ElementAt(keys, i, key_size));
  });
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_GENERIC_BATCH_H_
