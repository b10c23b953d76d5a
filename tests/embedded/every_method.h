// SPDX-License-Identifier: Apache-2.0

// CallEveryMethod: every method of both views of a map, for tests of what all
// of them together need: no heap (embedded_no_heap_test.cc), no symbols of one
// (embedded_symbols_test.sh).
//
// Plain C++ without GoogleTest, so that it can be compiled for anything.

#ifndef BPFMAP_TESTS_EMBEDDED_EVERY_METHOD_H_
#define BPFMAP_TESTS_EMBEDDED_EVERY_METHOD_H_

#include <cstddef>
#include <cstdint>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "tests/embedded/every_keyless_method.h"

namespace bpfmap {

// The elements of a map for CallEveryMethod. Of per-CPU maps, on one CPU.
using EveryMethodKey = uint32_t;
struct EveryMethodValue {
  uint32_t lock;
  uint32_t number;
};
inline constexpr uint32_t kEveryMethodEntries = 4;

constexpr MapDef EveryMethodDef(MapType type, bool value_has_lock) {
  MapDef def = {.type = type,
                .key_size = sizeof(EveryMethodKey),
                .value_size = sizeof(EveryMethodValue),
                .max_entries = kEveryMethodEntries};
  if (type == MapType::kQueue || type == MapType::kStack ||
      type == MapType::kBloomFilter) {
    def.key_size = 0;
    def.max_entries = 1;
  }
  if (value_has_lock) {
    def.spin_lock_offset = offsetof(EveryMethodValue, lock);
  }
  return def;
}

// Counts the answers that were not the expected ones.
class Surprises {
 public:
  void Unless(bool as_expected) { count_ += as_expected ? 0 : 1; }
  int count() const { return count_; }

 private:
  int count_ = 0;
};

// Whether it answers as a hash map; custom types without rules of their own do.
constexpr bool IsHash(MapType type) {
  return type == MapType::kHash || type == MapType::kPerCpuHash ||
         type == MapType::kLruHash || IsCustom(type);
}

// The program view. `map` is empty, if a hash map, before and after.
template <typename Map>
void CallEveryHelper(Map& map, Surprises& surprise) {
  const MapDef def = map.def();
  const bool is_hash = IsHash(def.type);
  const bool has_lock = def.spin_lock_offset != kNoSpinLock;
  EveryMethodValue value = {.lock = 0, .number = 7};

  for (EveryMethodKey key = 0; key < kEveryMethodEntries; ++key) {
    surprise.Unless(map.UpdateElem(&key, &value, kAny) == Errno::kOk);
  }
  EveryMethodKey key = 1;
  auto* element = static_cast<EveryMethodValue*>(map.LookupElem(&key));
  surprise.Unless(element != nullptr && element->number == 7);
  surprise.Unless(map.UpdateElem(&key, &value, kExist) == Errno::kOk);
  surprise.Unless(map.UpdateElem(&key, &value, kNoExist) == Errno::kExist);
  surprise.Unless(map.UpdateElem(&key, &value, ElemFlags{3}) == Errno::kInval);
  surprise.Unless(map.UpdateElem(&key, nullptr, kAny) == Errno::kFault);
  surprise.Unless(map.UpdateElem(&key, &value, kLock) ==
                  (has_lock ? Errno::kOk : Errno::kInval));

  key = kEveryMethodEntries;
  surprise.Unless(map.LookupElem(&key) == nullptr);
  if (def.type == MapType::kLruHash) {
    // Key 0, which was used least recently, makes room, and comes back.
    surprise.Unless(map.UpdateElem(&key, &value, kAny) == Errno::kOk);
    surprise.Unless(map.DeleteElem(&key) == Errno::kOk);
    key = 0;
    surprise.Unless(map.UpdateElem(&key, &value, kNoExist) == Errno::kOk);
  } else {
    surprise.Unless(map.UpdateElem(&key, &value, kAny) == Errno::k2Big);
    surprise.Unless(map.DeleteElem(&key) ==
                    (is_hash ? Errno::kNoEnt : Errno::kInval));
  }
  for (key = 0; key < kEveryMethodEntries; ++key) {
    surprise.Unless(map.DeleteElem(&key) ==
                    (is_hash ? Errno::kOk : Errno::kInval));
  }
}

// The user view, one key at a time. `map` as for CallEveryHelper.
template <typename Map>
void CallEverySingleCommand(Map& map, Surprises& surprise) {
  const MapDef def = map.def();
  const bool is_hash = IsHash(def.type);
  const bool has_lock = def.spin_lock_offset != kNoSpinLock;
  const Errno with_lock = has_lock ? Errno::kOk : Errno::kInval;
  EveryMethodValue value = {.lock = 0, .number = 8};

  for (EveryMethodKey key = 0; key < kEveryMethodEntries; ++key) {
    surprise.Unless(map.Update(&key, &value, kAny) == Errno::kOk);
  }
  EveryMethodKey key = kEveryMethodEntries;
  if (def.type != MapType::kLruHash) {
    surprise.Unless(map.Update(&key, &value, kAny) == Errno::k2Big);
  }
  surprise.Unless(map.Lookup(&key, &value, kAny) == Errno::kNoEnt);
  key = 2;
  surprise.Unless(map.Update(&key, &value, kExist) == Errno::kOk);
  surprise.Unless(map.Update(&key, &value, kNoExist) == Errno::kExist);
  surprise.Unless(map.Update(&key, &value, kLock) == with_lock);
  surprise.Unless(map.Lookup(&key, &value, kAny) == Errno::kOk);
  surprise.Unless(map.Lookup(&key, &value, kLock) == with_lock);
  surprise.Unless(map.Lookup(&key, nullptr, kAny) == Errno::kFault);

  uint32_t walked = 0;
  EveryMethodKey next = 0;
  for (Errno error = map.GetNextKey(nullptr, &next); error == Errno::kOk;
       error = map.GetNextKey(&next, &next)) {
    ++walked;
  }
  surprise.Unless(walked == kEveryMethodEntries);

  surprise.Unless(map.LookupAndDelete(&key, &value, kAny) ==
                  (is_hash ? Errno::kOk : Errno::kNotSupp));
  for (key = 0; key < kEveryMethodEntries; ++key) {
    const Errno deleted = key == 2 ? Errno::kNoEnt : Errno::kOk;
    surprise.Unless(map.Delete(&key) == (is_hash ? deleted : Errno::kInval));
  }
}

// The batch commands of the user view. `map` as for CallEveryHelper.
template <typename Map>
void CallEveryBatchCommand(Map& map, Surprises& surprise) {
  const bool is_hash = IsHash(map.def().type);
  const Errno if_hash = is_hash ? Errno::kOk : Errno::kNotSupp;
  EveryMethodKey keys[] = {0, 1, 2};
  EveryMethodValue values[] = {{0, 10}, {0, 11}, {0, 12}};
  uint32_t position;

  uint32_t count = 3;
  surprise.Unless(map.UpdateBatch(keys, values, &count, {}) == Errno::kOk);
  EveryMethodKey all_keys[kEveryMethodEntries];
  EveryMethodValue all_values[kEveryMethodEntries];
  count = kEveryMethodEntries;
  Errno error =
      map.LookupBatch(nullptr, &position, all_keys, all_values, &count, {});
  if (is_hash) surprise.Unless(error == Errno::kNoEnt && count == 3);
  if (!is_hash) surprise.Unless(error == Errno::kOk && count == 4);
  surprise.Unless(map.LookupBatch(nullptr, &position, keys, values, nullptr,
                                  {}) == Errno::kFault);

  count = 1;
  surprise.Unless(map.DeleteBatch(keys, &count, {}) == if_hash);
  count = kEveryMethodEntries;
  error = map.LookupAndDeleteBatch(nullptr, &position, all_keys, all_values,
                                   &count, {});
  if (is_hash) surprise.Unless(error == Errno::kNoEnt && count == 2);
  if (!is_hash) surprise.Unless(error == Errno::kNotSupp);
}

// Calls each method of LocalMap on `map`, which was created from
// EveryMethodDef() and is empty, if a hash map. Returns how many answers were
// not the expected ones. `map` is frozen afterwards, unless a value has a lock.
template <typename Map>
int CallEveryMethod(Map& map) {
  if (map.def().key_size == 0) return CallEveryKeylessMethod(map);
  Surprises surprise;
  CallEveryHelper(map, surprise);
  CallEverySingleCommand(map, surprise);
  CallEveryBatchCommand(map, surprise);

  // The last one, since it is for good.
  const bool can_freeze = map.def().spin_lock_offset == kNoSpinLock;
  surprise.Unless(map.Freeze() == (can_freeze ? Errno::kOk : Errno::kNotSupp));
  const EveryMethodKey key = 0;
  const EveryMethodValue value = {};
  surprise.Unless(map.Update(&key, &value, kAny) ==
                  (can_freeze ? Errno::kPerm : Errno::kOk));
  return surprise.count();
}

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_EMBEDDED_EVERY_METHOD_H_
