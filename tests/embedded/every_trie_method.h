// SPDX-License-Identifier: Apache-2.0

// CallEveryTrieMethod: as CallEveryMethod (every_method.h), for LPM tries.
//
// Plain C++ without GoogleTest, so that it can be compiled for anything.

#ifndef BPFMAP_TESTS_EMBEDDED_EVERY_TRIE_METHOD_H_
#define BPFMAP_TESTS_EMBEDDED_EVERY_TRIE_METHOD_H_

#include <cstdint>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "tests/embedded/every_method.h"

namespace bpfmap {

// Keys have up to this many bytes of data: one word, and more than one.
inline constexpr uint32_t kEveryTrieDataSizes[] = {4, 24};

constexpr MapDef EveryTrieMethodDef(uint32_t data_size) {
  return {.type = MapType::kLpmTrie,
          .key_size = 4 + data_size,
          .value_size = 8,
          .max_entries = 4,
          .map_flags = kNoPrealloc};
}

// Calls each method of LocalMap on `map`, which was created from
// EveryTrieMethodDef() and is empty. Returns how many answers were not the
// expected ones. `map` is frozen afterwards.
template <typename Map>
int CallEveryTrieMethod(Map& map) {
  struct Key {
    uint32_t length;
    uint8_t data[24];
  };
  // A prefix, two that it begins, and one longer than the data.
  const Key shorter = {7, {10}}, left = {8, {10}}, right = {8, {11}};
  const Key too_long = {8 * 24 + 1, {10}};
  const uint64_t value = 5;
  uint64_t copy = 0;
  Surprises surprise;

  surprise.Unless(map.UpdateElem(&left, &value, kAny) == Errno::kOk);
  surprise.Unless(map.UpdateElem(&right, &value, kNoExist) == Errno::kOk);
  surprise.Unless(map.UpdateElem(&shorter, &value, kExist) == Errno::kNoEnt);
  surprise.Unless(map.Update(&shorter, &value, kAny) == Errno::kOk);
  surprise.Unless(map.UpdateElem(&shorter, &value, kAny) == Errno::kOk);
  surprise.Unless(map.Update(&too_long, &value, kAny) == Errno::kInval);
  surprise.Unless(map.LookupElem(&left) != nullptr);
  surprise.Unless(map.LookupElem(&too_long) == nullptr);
  surprise.Unless(map.Lookup(&right, &copy, kAny) == Errno::kOk && copy == 5);
  surprise.Unless(map.LookupAndDelete(&left, &copy, kAny) == Errno::kNotSupp);

  uint32_t walked = 0;
  Key key;
  for (Errno error = map.GetNextKey(nullptr, &key); error == Errno::kOk;
       error = map.GetNextKey(&key, &key)) {
    ++walked;
  }
  surprise.Unless(walked == 3);
  surprise.Unless(map.DeleteElem(&shorter) == Errno::kOk);
  surprise.Unless(map.Delete(&left) == Errno::kOk);

  uint32_t count = 1;
  surprise.Unless(map.UpdateBatch(&left, &value, &count, {}) == Errno::kOk);
  surprise.Unless(map.LookupBatch(nullptr, &key, &key, &copy, &count, {}) ==
                  Errno::kOk);
  surprise.Unless(map.DeleteBatch(&left, &count, {}) == Errno::kOk);
  surprise.Unless(map.LookupAndDeleteBatch(nullptr, &key, &key, &copy, &count,
                                           {}) == Errno::kNotSupp);
  surprise.Unless(map.Freeze() == Errno::kOk);
  surprise.Unless(map.Update(&left, &value, kAny) == Errno::kPerm);
  return surprise.count();
}

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_EMBEDDED_EVERY_TRIE_METHOD_H_
