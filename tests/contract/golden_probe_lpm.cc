// SPDX-License-Identifier: Apache-2.0

// The rows of LPM_TRIE alone: addresses and prefixes.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/contract/golden_probe.h"
#include "tests/support/backend.h"
#include "tests/support/prefix_key.h"

namespace bpfmap {
namespace {

Errno Put(BpfMap& map, const PrefixKey& prefix, uint64_t value,
          ElemFlags flags = kAny) {
  return map.Update(&prefix, &value, flags);
}

struct Named {
  const char* name;
  PrefixKey prefix;
};

}  // namespace

TestMap GoldenProbe::NewTrie(uint32_t max_entries) {
  MapDef def = base_;
  def.max_entries = max_entries;
  TestMap map;
  EXPECT_EQ(backend_.create(def, &map), Errno::kOk);
  return map;
}

void GoldenProbe::Prefixes() {
  if (!is_trie()) return;
  TestMap map = NewTrie(8);
  for (const PrefixKey& prefix : {Ip(0x0a000000, 8), Ip(0x0a010000, 16),
                                  Ip(0x0a010200, 24), Ip(0x0a010203, 32)}) {
    EXPECT_EQ(Put(*map, prefix, prefix.length), Errno::kOk);
  }
  const auto look = [&](const std::string& what) {
    for (const auto& [name, prefix] : {Named{"10.1.2.3/32", Ip(0x0a010203, 32)},
                                       Named{"10.1.2.4/32", Ip(0x0a010204, 32)},
                                       Named{"10.1.3.1/32", Ip(0x0a010301, 32)},
                                       Named{"10.9.9.9/32", Ip(0x0a090909, 32)},
                                       Named{"11.0.0.1/32", Ip(0x0b000001, 32)},
                                       Named{"10.1.2.3/16", Ip(0x0a010203, 16)},
                                       Named{"10.1.2.3/20", Ip(0x0a010203, 20)},
                                       Named{"10.0.0.0/7", Ip(0x0a000000, 7)},
                                       Named{"10.1.2.3/33", Ip(0x0a010203, 33)},
                                       Named{"0.0.0.0/0", Ip(0, 0)}}) {
      uint64_t value = 999;
      const Errno error = map->Lookup(&prefix, &value);
      Row("lookup", absl::StrCat(name, what), error,
          error == Errno::kOk ? absl::StrCat("/", value) : "");
    }
  };
  look(" in {10/8 10.1/16 10.1.2/24 10.1.2.3/32}");
  EXPECT_EQ(Put(*map, Ip(0, 0), 0), Errno::kOk);
  look(", with a /0 entry");

  std::string lengths;
  PrefixKey at = {};
  Errno error = map->GetNextKey(nullptr, &at);
  for (; error == Errno::kOk; error = map->GetNextKey(&at, &at)) {
    absl::StrAppend(&lengths, "/", at.length, " ");
  }
  Row("get_next_key", "walk order (children before parents)", Errno::kOk,
      lengths);

  Row("update", "prefixlen 33 of 32", Put(*map, Ip(0x0a000000, 33), 1));
  Row("update", "same prefix, NOEXIST",
      Put(*map, Ip(0x0a010000, 16), 1, kNoExist));
  Row("update", "same prefix, other host bits, NOEXIST",
      Put(*map, Ip(0x0a01ffff, 16), 1, kNoExist));
  Row("update", "new prefix, EXIST", Put(*map, Ip(0x0a01f000, 20), 1, kExist));
  for (const auto& [name, prefix] :
       {Named{"10.1.255.255/16 (host bits set)", Ip(0x0a01ffff, 16)},
        Named{"10.1.0.0/16 again", Ip(0x0a010000, 16)},
        Named{"0.0.0.0/20 (missing)", Ip(0, 20)},
        Named{"prefixlen 33", Ip(0, 33)}}) {
    Row("delete", name, map->Delete(&prefix));
  }
}

void GoldenProbe::Forks() {
  if (!is_trie()) return;
  TestMap map = NewTrie(2);
  Row("update", "max_entries=2: first", Put(*map, Ip(0x0a000000, 24), 1));
  Row("update", "max_entries=2: second (needs an inner node)",
      Put(*map, Ip(0xc0000000, 24), 1));
  Row("update", "max_entries=2: third", Put(*map, Ip(0xd0000000, 24), 1));
  Row("update", "max_entries=2, full: same prefix, ANY",
      Put(*map, Ip(0xc0000000, 24), 2));
  Row("update", "max_entries=2, full: the inner node's own prefix",
      Put(*map, Ip(0, 0), 2));

  map = NewTrie(16);
  for (const uint32_t host : {2, 3, 0, 1}) {
    EXPECT_EQ(Put(*map, Ip(0x0a000000 + host, 32), 1), Errno::kOk);
  }
  EXPECT_EQ(Put(*map, Ip(0x0a000000, 30), 1), Errno::kOk);
  EXPECT_EQ(Put(*map, Ip(0x0a000002, 31), 1), Errno::kOk);
  const auto show = [](const PrefixKey& prefix) {
    return absl::StrCat(".", prefix.address[3], "/", prefix.length);
  };
  std::string order;
  PrefixKey next = {};
  Errno error = map->GetNextKey(nullptr, &next);
  for (; error == Errno::kOk; error = map->GetNextKey(&next, &next)) {
    absl::StrAppend(&order, show(next), " ");
  }
  Row("get_next_key",
      "walk order of 10.0.0.{0,1,2,3}/32 10.0.0.0/30 10.0.0.2/31", Errno::kOk,
      order);
  for (const auto& [name, prefix] :
       {Named{"a missing /32 beside the others", Ip(0x0a000009, 32)},
        Named{"a missing /29", Ip(0x0a000000, 29)},
        Named{"prefixlen 33", Ip(0, 33)}}) {
    error = map->GetNextKey(&prefix, &next);
    Row("get_next_key", name, error, error == Errno::kOk ? show(next) : "");
  }
}

}  // namespace bpfmap
