// SPDX-License-Identifier: Apache-2.0

// Indices as keys: what the types whose keys are indices have in common.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_ARRAY_INDEX_H_
#define BPFMAP_MAPS_INTERNAL_RULES_ARRAY_INDEX_H_

#include <cstdint>
#include <cstring>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/profiles/platform/unaligned.h"

namespace bpfmap {

inline uint32_t IndexOf(const void* key) {
  return platform::LoadUnaligned<uint32_t>(key);
}

// The index after `key`'s among `size`; 0 if key is null or past the end.
// False at the end.
inline bool NextIndex(const void* key, uint32_t size, uint32_t* next) {
  const uint32_t index = key == nullptr ? size : IndexOf(key);
  if (index < size && index == size - 1) return false;
  *next = index < size ? index + 1 : 0;
  return true;
}

// GetNextKey of an array of `size` elements.
inline Errno CopyNextIndex(const void* key, uint32_t size, void* next_key) {
  uint32_t next;
  if (!NextIndex(key, size, &next)) return Errno::kNoEnt;
  if (next_key == nullptr) return Errno::kFault;
  std::memcpy(next_key, &next, sizeof next);
  return Errno::kOk;
}

// LookupBatch after its checks. `size()` is the number of elements, which a
// Resize may change in the meantime; `read(index, value)` copies one out.
template <typename Size, typename Read>
Errno LookupIndexBatch(const LookupBatchCall& batch, uint64_t value_size,
                       Size size, Read read) {
  uint32_t index = 0;
  uint32_t* const count = batch.count;
  const uint32_t wanted = *count;
  Errno error = ForEachInBatch(count, [&](uint32_t i) {
    // After the position; then one by one to the end.
    if (i == 0 ? !NextIndex(batch.in_batch, size(), &index)
               : ++index >= size()) {
      return Errno::kNoEnt;
    }
    if (batch.keys == nullptr || batch.values == nullptr) return Errno::kFault;
    read(index, ElementAt(batch.values, i, value_size));
    std::memcpy(ElementAt(batch.keys, i, sizeof index), &index, sizeof index);
    return Errno::kOk;
  });
  if (error == Errno::kNoEnt && *count > 0) --index;
  if (wanted == 0 || error == Errno::kFault || *count == 0) return error;
  if (batch.out_batch == nullptr) return Errno::kFault;
  // The position: the key that was copied last.
  std::memcpy(batch.out_batch, &index, sizeof index);
  return error;
}

// ForEachElem() of an array of `size` elements: `at(index)` is what a program
// sees of one.
template <typename At>
int64_t VisitIndices(uint32_t size, ElemVisitor visitor, uint64_t flags,
                     At at) {
  if (flags != 0) return -static_cast<int64_t>(Errno::kInval);
  int64_t calls = 0;
  for (uint32_t index = 0; index < size; ++index) {
    const uint32_t key = index;
    ++calls;
    if (visitor(&key, at(index)) != 0) break;
  }
  return calls;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_ARRAY_INDEX_H_
