// SPDX-License-Identifier: Apache-2.0

// The rows of GoldenProbe that maps without keys have instead of those with.

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/contract/golden_probe.h"

namespace bpfmap {

void GoldenProbe::KeylessElements() {
  struct State {
    const char* name;
    uint32_t values;
  };
  for (const State& state :
       {State{"half full", 2}, State{"full", base_.max_entries}}) {
    for (const ElemFlags flags :
         {ElemFlags{0}, ElemFlags{1}, ElemFlags{2}, ElemFlags{3}, ElemFlags{4},
          ElemFlags{5}, ElemFlags{6}, ElemFlags{8}, ElemFlags{16},
          ElemFlags{24}, ElemFlags{uint64_t{1} << 32}, ~ElemFlags{0}}) {
      const TestMap map = Filled(state.values);
      const uint64_t value = 777;
      Row("update",
          absl::StrCat(state.name, ", flags=", static_cast<int64_t>(flags)),
          map->Update(nullptr, &value, flags));
    }
    for (const uint64_t number : {0, 1, 2, 3, 4}) {
      const ElemFlags flags{number};
      const TestMap map = Filled(state.values);
      const std::string condition =
          absl::StrCat(state.name, ", flags=", number);
      const auto row = [&](const char* op, Errno error, uint64_t value) {
        Row(op, condition, error,
            error == Errno::kOk ? absl::StrCat(value) : "");
      };
      uint64_t value = 100;  // what a bloom filter is asked for
      Errno error = map->Lookup(nullptr, &value, flags);
      row("lookup", error, value);
      error = map->LookupAndDelete(nullptr, &value, flags);
      row("lookup_and_delete", error, value);
    }
    Row("delete", state.name, Filled(state.values)->Delete(nullptr));
  }
}

void GoldenProbe::KeylessWalks() {
  TestMap map = Filled(0);
  uint64_t value = 0;
  uint32_t next = 0;
  Row("lookup", "empty map", map->Lookup(nullptr, &value));
  Row("lookup_and_delete", "empty map", map->LookupAndDelete(nullptr, &value));
  Row("delete", "empty map", map->Delete(nullptr));
  Row("get_next_key", "empty map, NULL", map->GetNextKey(nullptr, &next));
  Row("get_next_key", "empty map, some key", map->GetNextKey(nullptr, &next));
  map = Filled(3);
  const Errno error = map->GetNextKey(nullptr, &next);
  Row("get_next_key", "3 keys, NULL", error);
  Row("get_next_key", "3 keys, walk to the end", Errno::kOk,
      absl::StrCat("0 keys, then ", ErrnoName(error)));
}

void GoldenProbe::KeylessPointers() {
  const TestMap map = Filled(2);
  const uint32_t key = 0;
  uint64_t value = 1;
  Row("update", "key pointer not NULL", map->Update(&key, &value));
  Row("lookup", "key pointer not NULL", map->Lookup(&key, &value));
  Row("lookup_and_delete", "key pointer not NULL",
      map->LookupAndDelete(&key, &value));
  Row("delete", "key pointer not NULL", map->Delete(&key));
  Row("get_next_key", "key pointer not NULL", map->GetNextKey(&key, &value));
  Row("update", "bad value pointer", map->Update(nullptr, nullptr));
  Row("update", "bad value pointer and flags=99",
      map->Update(nullptr, nullptr, ElemFlags{99}));
  Row("lookup", "bad value pointer", map->Lookup(nullptr, nullptr));
  Row("lookup_and_delete", "bad value pointer",
      map->LookupAndDelete(nullptr, nullptr));
  if (base_.type != MapType::kQueue) return;
  const Errno error = map->Lookup(nullptr, &value);
  Row("lookup_and_delete", "lookup after the one with a bad value pointer",
      error, absl::StrCat(value));
}

void GoldenProbe::QueueOrder() {
  if (is_bloom()) return;
  MapDef def = base_;
  def.value_size = sizeof(uint32_t);
  def.max_entries = 3;
  TestMap map;
  ASSERT_EQ(backend_.create(def, &map), Errno::kOk);
  const auto push = [&](uint32_t value, ElemFlags flags = kAny) {
    return map->Update(nullptr, &value, flags);
  };
  uint32_t value = 0;
  for (const uint32_t first : {1, 2, 3}) EXPECT_EQ(push(first), Errno::kOk);
  EXPECT_EQ(map->LookupAndDelete(nullptr, &value), Errno::kOk);
  std::string values = absl::StrCat(value, ";");
  EXPECT_EQ(push(4), Errno::kOk);
  Row("update", "push to full, flags=ANY", push(5));
  Row("update", "push to full, flags=EXIST", push(5, kExist));
  Row("update", "push to full again, flags=EXIST", push(6, kExist));
  EXPECT_EQ(map->Lookup(nullptr, &value), Errno::kOk);
  absl::StrAppend(&values, "peek ", value, ";");
  while (map->LookupAndDelete(nullptr, &value) == Errno::kOk) {
    absl::StrAppend(&values, " ", value);
  }
  Row("lookup_and_delete",
      "push 1 2 3, pop, push 4, then EXIST 5 and 6 on full: pop all",
      Errno::kOk, values);

  constexpr uint32_t kUntouched = 0xdead;
  value = kUntouched;
  const auto buffer = [&] {
    return value == kUntouched ? "buffer untouched" : "buffer changed";
  };
  Errno error = map->LookupAndDelete(nullptr, &value);
  Row("lookup_and_delete", "empty", error, buffer());
  error = map->Lookup(nullptr, &value);
  Row("lookup", "empty", error, buffer());
  Row("update", "push to empty, flags=EXIST", push(8, kExist));
  error = map->Lookup(nullptr, &value);
  Row("lookup", "after it", error, absl::StrCat(value));
}

void GoldenProbe::BloomHashes() {
  if (!is_bloom()) return;
  MapDef def = base_;
  // On Linux this takes 512 MiB.
  def.max_entries = 0xffffffff;
  CreateRow(def, "max_entries=0xffffffff");
  for (const uint64_t hashes : {0, 5, 10, 15}) {
    def.map_extra = hashes;
    def.max_entries = 100;
    TestMap map;
    ASSERT_EQ(backend_.create(def, &map), Errno::kOk);
    Errno pushed = Errno::kOk;
    int found = 0;
    for (uint64_t value = 0; value < 300; ++value) {
      const Errno error = map->Update(nullptr, &value);
      if (error != Errno::kOk) pushed = error;
    }
    for (uint64_t value = 0; value < 300; ++value) {
      found += map->Lookup(nullptr, &value) == Errno::kOk ? 1 : 0;
    }
    Row("update",
        absl::StrCat("map_extra=", hashes,
                     ", 300 pushes into max_entries=100 (no false negatives)"),
        pushed, absl::StrCat(found, " of 300 found"));
  }
}

}  // namespace bpfmap
