// SPDX-License-Identifier: Apache-2.0

// The rows of ring buffers, which have no elements and refuse every command.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "tests/contract/golden_probe.h"

namespace bpfmap {
namespace {

struct Refusal {
  std::string op;
  Errno error;
};

// Each single command without a key.
std::vector<Refusal> WithoutKey(BpfMap& map, ElemFlags flags) {
  uint64_t value = 0;
  return {{"update", map.Update(nullptr, &value, flags)},
          {"lookup", map.Lookup(nullptr, &value, flags)},
          {"lookup_and_delete", map.LookupAndDelete(nullptr, &value, flags)}};
}

// Each batch command.
std::vector<Refusal> EachBatch(BpfMap& map, uint32_t* count, BatchFlags flags) {
  uint32_t position = 0;
  uint64_t buffer[8] = {};
  return {{"lookup_batch",
           map.LookupBatch(nullptr, &position, buffer, buffer, count, flags)},
          {"lookup_and_delete_batch",
           map.LookupAndDeleteBatch(nullptr, &position, buffer, buffer, count,
                                    flags)},
          {"update_batch", map.UpdateBatch(buffer, buffer, count, flags)},
          {"delete_batch", map.DeleteBatch(buffer, count, flags)}};
}

}  // namespace

void GoldenProbe::RefusedCommands() {
  const TestMap map = Filled(0);
  uint64_t buffer = 0;

  // The file has them for two states; a ring does not care.
  for (const std::string state : {"half full", "full"}) {
    for (const uint64_t flags : std::vector<uint64_t>{
             0, 1, 2, 3, 4, 5, 6, 8, 16, 24, uint64_t{1} << 32, ~uint64_t{0}}) {
      for (const auto& [op, error] : WithoutKey(*map, ElemFlags{flags})) {
        if (op != "update" && flags > 4) continue;
        Row(op, absl::StrCat(state, ", flags=", static_cast<int64_t>(flags)),
            error);
      }
    }
    Row("delete", state, map->Delete(nullptr));
  }
  for (const auto& [op, error] : WithoutKey(*map, kAny)) {
    if (op != "update") Row(op, "empty map", error);
  }
  Row("delete", "empty map", map->Delete(nullptr));
  for (const std::string condition :
       {"empty map, NULL", "empty map, some key", "3 keys, NULL"}) {
    Row("get_next_key", condition, map->GetNextKey(nullptr, &buffer));
  }
  Row("get_next_key", "3 keys, walk to the end", Errno::kOk,
      absl::StrCat("0 keys, then ",
                   ErrnoName(map->GetNextKey(nullptr, &buffer))));

  Row("update", "key pointer not NULL", map->Update(&buffer, &buffer));
  Row("lookup", "key pointer not NULL", map->Lookup(&buffer, &buffer));
  Row("lookup_and_delete", "key pointer not NULL",
      map->LookupAndDelete(&buffer, &buffer));
  Row("delete", "key pointer not NULL", map->Delete(&buffer));
  Row("get_next_key", "key pointer not NULL",
      map->GetNextKey(&buffer, &buffer));
  Row("update", "bad value pointer", map->Update(nullptr, nullptr));
  Row("update", "bad value pointer and flags=99",
      map->Update(nullptr, nullptr, ElemFlags{99}));
  Row("lookup", "bad value pointer", map->Lookup(nullptr, nullptr));
  Row("lookup_and_delete", "bad value pointer",
      map->LookupAndDelete(nullptr, nullptr));

  const auto batches = [&](const std::string& condition, uint32_t wanted,
                           BatchFlags flags = {}) {
    uint32_t count = wanted;
    for (const auto& [op, error] : EachBatch(*map, &count, flags)) {
      Row(op, condition, error, absl::StrCat("n=", count));
    }
  };
  batches("count=0, 3 entries", 0);
  for (const uint64_t flags : std::vector<uint64_t>{
           0, 1, 2, 3, 4, 8, 16, uint64_t{1} << 32, ~uint64_t{0}}) {
    batches(absl::StrCat("count=2, 3 entries, elem_flags=",
                         static_cast<int64_t>(flags)),
            2, {.elem_flags = ElemFlags{flags}});
  }
  batches("count=2, 3 entries, flags=1", 2, {.flags = 1});
  batches("count=2, 3 entries, elem_flags=4 and flags=1", 2, {kLock, 1});
  batches("count=0 and elem_flags=99", 0, {.elem_flags = ElemFlags{99}});
  batches("count=3, 3 entries", 3);
  batches("count=4, 4 entries (full)", 4);
  batches("count=5, 3 entries", 5);
  batches("count=2, empty map", 2);
  batches("count=6, 4 entries (full)", 6);

  // Null pointers, for which a ring has no eye.
  uint32_t count = 2;
  const auto two = [&](const std::string& condition, bool writes) {
    const auto row = [&](const char* op, Errno error) {
      Row(op, condition, error, absl::StrCat("n=", count));
    };
    row("lookup_batch",
        map->LookupBatch(nullptr, nullptr, nullptr, nullptr, &count));
    row("lookup_and_delete_batch",
        map->LookupAndDeleteBatch(nullptr, nullptr, nullptr, nullptr, &count));
    if (!writes) return;
    row("update_batch", map->UpdateBatch(nullptr, nullptr, &count));
    row("delete_batch", map->DeleteBatch(nullptr, &count));
  };
  two("count=2, out_batch NULL", false);
  two("count=2, bad out_batch pointer", false);
  two("count=2, bad keys pointer", true);
  two("count=2, bad values pointer", true);
  two("count=2, in_batch all ones", false);
  Row("lookup_batch", "walk of 3 entries until an error",
      map->LookupBatch(nullptr, &buffer, &buffer, &buffer, &count), "total=0");
  Row("lookup_and_delete_batch", "walk of 3 entries until an error",
      map->LookupAndDeleteBatch(nullptr, &buffer, &buffer, &buffer, &count),
      "total=0");
  batches("count=2, 3 entries, elem_flags=0", 2);
  count = 5;
  Row("lookup_batch", "after that walk",
      map->LookupBatch(nullptr, &buffer, &buffer, &buffer, &count),
      absl::StrCat("n=", count));

  Row("freeze", "first time", map->Freeze());
  Row("freeze", "second time", map->Freeze());
  for (const auto& [op, error] : WithoutKey(*map, kAny))
    Row(op, "frozen", error);
  Row("update", "frozen and flags=99",
      map->Update(nullptr, &buffer, ElemFlags{99}));
  Row("delete", "frozen", map->Delete(nullptr));
  Row("get_next_key", "frozen", map->GetNextKey(nullptr, &buffer));
  count = 1;
  for (const auto& [op, error] : EachBatch(*map, &count, {})) {
    Row(op, "frozen, count=1", error);
  }
}

}  // namespace bpfmap
