// SPDX-License-Identifier: Apache-2.0

// CallEveryKeylessMethod: what CallEveryMethod (every_method.h) is for maps
// with keys, for those without.

#ifndef BPFMAP_TESTS_EMBEDDED_EVERY_KEYLESS_METHOD_H_
#define BPFMAP_TESTS_EMBEDDED_EVERY_KEYLESS_METHOD_H_

#include <cstdint>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

// The same for a bloom filter.
template <typename Map>
int CallEveryBloomMethod(Map& map) {
  int surprises = 0;
  const auto expect = [&](Errno error, Errno expected) {
    surprises += error == expected ? 0 : 1;
  };
  uint64_t value = 7;
  uint32_t count = 1;
  expect(map.Lookup(nullptr, &value, kAny), Errno::kNoEnt);
  expect(map.Update(nullptr, &value, kAny), Errno::kOk);
  expect(map.Update(nullptr, &value, kExist), Errno::kInval);
  expect(map.Lookup(nullptr, &value, kAny), Errno::kOk);
  expect(map.LookupAndDelete(nullptr, &value, kAny), Errno::kNotSupp);
  expect(map.Delete(nullptr), Errno::kOpNotSupp);
  expect(map.GetNextKey(nullptr, &value), Errno::kOpNotSupp);
  expect(map.LookupBatch(nullptr, &value, &value, &value, &count, {}),
         Errno::kNotSupp);
  expect(map.LookupAndDeleteBatch(nullptr, &value, &value, &value, &count, {}),
         Errno::kNotSupp);
  expect(map.UpdateBatch(nullptr, &value, &count, {}), Errno::kNotSupp);
  expect(map.DeleteBatch(nullptr, &count, {}), Errno::kNotSupp);

  surprises += map.LookupElem(&value) == nullptr ? 0 : 1;
  expect(map.UpdateElem(&value, &value, kAny), Errno::kAcces);
  expect(map.DeleteElem(&value), Errno::kAcces);
  expect(map.Push(&value, kAny), Errno::kOk);
  expect(map.Peek(&value), Errno::kOk);
  expect(map.Pop(&value), Errno::kInval);

  expect(map.Freeze(), Errno::kOk);
  expect(map.Update(nullptr, &value, kAny), Errno::kPerm);
  return surprises;
}

// Calls each method of LocalMap on `map`, a queue, a stack or a bloom filter
// that has room for one value of 8 bytes and is empty. Returns how many answers
// were not the expected ones. `map` is frozen afterwards.
template <typename Map>
int CallEveryKeylessMethod(Map& map) {
  if (map.def().type == MapType::kBloomFilter) return CallEveryBloomMethod(map);
  int surprises = 0;
  const auto expect = [&](Errno error, Errno expected) {
    surprises += error == expected ? 0 : 1;
  };
  uint64_t value = 7;
  uint32_t count = 1;
  expect(map.Update(nullptr, &value, kAny), Errno::kOk);
  expect(map.Update(nullptr, &value, kAny), Errno::k2Big);
  expect(map.Update(nullptr, &value, kExist), Errno::kOk);
  expect(map.Lookup(nullptr, &value, kAny), Errno::kOk);
  expect(map.LookupAndDelete(nullptr, &value, kAny), Errno::kOk);
  expect(map.LookupAndDelete(nullptr, &value, kAny), Errno::kNoEnt);
  expect(map.Delete(nullptr), Errno::kInval);
  expect(map.GetNextKey(nullptr, &value), Errno::kInval);
  expect(map.LookupBatch(nullptr, &value, &value, &value, &count, {}),
         Errno::kNotSupp);
  expect(map.LookupAndDeleteBatch(nullptr, &value, &value, &value, &count, {}),
         Errno::kNotSupp);
  expect(map.UpdateBatch(nullptr, &value, &count, {}), Errno::kNotSupp);
  expect(map.DeleteBatch(nullptr, &count, {}), Errno::kNotSupp);

  surprises += map.LookupElem(&value) == nullptr ? 0 : 1;
  expect(map.UpdateElem(&value, &value, kAny), Errno::kAcces);
  expect(map.DeleteElem(&value), Errno::kAcces);
  expect(map.Push(&value, kAny), Errno::kOk);
  expect(map.Push(&value, kAny), Errno::k2Big);
  expect(map.Push(&value, kExist), Errno::kOk);
  expect(map.Peek(&value), Errno::kOk);
  expect(map.Pop(&value), Errno::kOk);
  expect(map.Pop(&value), Errno::kNoEnt);

  expect(map.Freeze(), Errno::kOk);
  expect(map.Update(nullptr, &value, kAny), Errno::kPerm);
  return surprises;
}

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_EMBEDDED_EVERY_KEYLESS_METHOD_H_
