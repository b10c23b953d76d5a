// SPDX-License-Identifier: Apache-2.0

// What LRU maps have beside what all maps have: the strict order, the callback,
// the size with BPF_F_NO_COMMON_LRU, pointers, and keys that crowd together.

#include "bpfmap/maps/lru_hash_map.h"

#include <algorithm>
#include <cstdint>
#include <list>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Map = LruHashMap<Cloud>;
using Evicted = std::vector<std::pair<uint32_t, uint64_t>>;

MapDef Def(uint32_t max_entries, MapFlags map_flags = {}) {
  return {.type = MapType::kLruHash,
          .key_size = 4,
          .value_size = 8,
          .max_entries = max_entries,
          .map_flags = map_flags};
}

// Adds each evicted element to the Evicted that is its context.
void Note(void* context, const void* key, const void* value) {
  static_cast<Evicted*>(context)->emplace_back(
      *static_cast<const uint32_t*>(key), *static_cast<const uint64_t*>(value));
}
LruOptions Options(LruOrder order, Evicted* evicted) {
  return {.order = order,
          .on_eviction = {.function = Note, .context = evicted}};
}

Errno Update(Map& map, uint32_t key, uint64_t value, ElemFlags flags = kAny) {
  return map.UpdateElem(&key, &value, flags);
}
bool Has(Map& map, uint32_t key) {
  uint64_t value;
  return map.Lookup(&key, &value) == Errno::kOk;
}
std::set<uint32_t> Keys(Map& map) {
  std::set<uint32_t> keys;
  uint32_t key;
  Errno error = map.GetNextKey(nullptr, &key);
  for (; error == Errno::kOk; error = map.GetNextKey(&key, &key)) {
    EXPECT_TRUE(keys.insert(key).second) << "twice: " << key;
  }
  return keys;
}

TEST(LruCallbackTest, TellsKeysThatLeaveFullMapAndNoOther) {
  const ScopedPossibleCpus cpus(2);  // one key leaves at a time
  Evicted evicted;
  Map map(Def(4), Options(LruOrder::kLinux, &evicted));
  ASSERT_EQ(map.Init(), Errno::kOk);
  for (uint32_t key = 0; key < 4; ++key) {
    ASSERT_EQ(Update(map, key, 10 + key), Errno::kOk);
  }
  const uint32_t key = 3;
  ASSERT_EQ(map.DeleteElem(&key), Errno::kOk);
  ASSERT_EQ(Update(map, 3, 13), Errno::kOk);
  EXPECT_THAT(evicted, IsEmpty());
  ASSERT_EQ(Update(map, 4, 14), Errno::kOk);
  EXPECT_THAT(evicted, ElementsAre(Pair(0, 10)));
  // An update that fails has made room anyway, as on Linux.
  EXPECT_EQ(Update(map, 9, 0, kExist), Errno::kNoEnt);
  EXPECT_THAT(evicted, ElementsAre(Pair(0, 10), Pair(1, 11)));
}

TEST(LruSizeTest, IsMultipleOfCpusWithNoCommonLru) {
  const ScopedPossibleCpus cpus(2);
  for (const auto& [asked, got] : {std::pair(1, 2), {2, 2}, {3, 4}, {5, 6}}) {
    EXPECT_EQ(Map(Def(asked, kNoCommonLru)).def().max_entries,
              static_cast<uint32_t>(got));
    EXPECT_EQ(Map(Def(asked)).def().max_entries, static_cast<uint32_t>(asked));
  }
}

TEST(LruSizeTest, IsNeverExceeded) {
  for (const MapFlags flags : {MapFlags{}, kNoCommonLru}) {
    for (const uint32_t size : {1U, 2U, 3U, 10U, 300U}) {
      Map map(Def(size, flags));
      ASSERT_EQ(map.Init(), Errno::kOk);
      for (uint32_t key = 0; key < 3 * size; ++key) {
        ASSERT_EQ(Update(map, key, key), Errno::kOk);
        ASSERT_LE(Keys(map).size(), map.def().max_entries);
        ASSERT_TRUE(Has(map, key));
      }
    }
  }
}

// From a row of progside.tsv each.
TEST(LruPointerTest, ShowsOldElementUntilItsMemoryServesAnother) {
  Map map(Def(4));
  ASSERT_EQ(map.Init(), Errno::kOk);
  const uint32_t key = 1;
  ASSERT_EQ(Update(map, key, 1), Errno::kOk);
  auto* const old = static_cast<uint64_t*>(map.LookupElem(&key));
  ASSERT_EQ(Update(map, key, 2), Errno::kOk);
  auto* const fresh = static_cast<uint64_t*>(map.LookupElem(&key));
  EXPECT_NE(old, fresh);
  EXPECT_EQ(*old, 1u);
  EXPECT_EQ(*fresh, 2u);
  *old = 50;  // lost
  EXPECT_EQ(*static_cast<uint64_t*>(map.LookupElem(&key)), 2u);
  *fresh = 9;
  EXPECT_EQ(*static_cast<uint64_t*>(map.LookupElem(&key)), 9u);
  ASSERT_EQ(map.DeleteElem(&key), Errno::kOk);
  EXPECT_EQ(*fresh, 9u);
  *fresh = 77;
  EXPECT_EQ(map.LookupElem(&key), nullptr);
}

// Keys are many more than nodes, and now and then all of a small map share one
// group of the table.
TEST(LruTableTest, SmallMapsKeepWhatTheyHave) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const uint32_t size = 1 + random() % 60;
    Evicted evicted;
    const LruOrder order = i % 2 == 0 ? LruOrder::kLinux : LruOrder::kStrict;
    Map map(Def(size), Options(order, &evicted));
    ASSERT_EQ(map.Init(), Errno::kOk);
    std::set<uint32_t> expected;
    for (uint32_t step = 0; step < 4 * size; ++step) {
      const uint32_t key = random() % (2 * size);
      evicted.clear();
      if (random() % 4 == 0) {
        EXPECT_EQ(map.DeleteElem(&key),
                  expected.erase(key) == 1 ? Errno::kOk : Errno::kNoEnt);
      } else {
        ASSERT_EQ(Update(map, key, step), Errno::kOk);
        for (const auto& [gone, value] : evicted) {
          EXPECT_EQ(expected.erase(gone), 1u);
        }
        expected.insert(key);
      }
    }
    EXPECT_EQ(Keys(map), expected) << "map " << i;
  }
}

// The lists go round in their rings many times, with gaps everywhere.
TEST(LruListTest, NoKeyLeavesWhileThereIsRoom) {
  constexpr uint32_t kKeys = 400;
  for (const MapFlags flags : {MapFlags{}, kNoCommonLru}) {
    const ScopedPossibleCpus cpus(2);
    const ScopedCpu cpu(0);
    Evicted evicted;
    Map map(Def(2 * kKeys + 300, flags), Options(LruOrder::kLinux, &evicted));
    ASSERT_EQ(map.Init(), Errno::kOk);
    std::mt19937_64 random(3);
    std::vector<uint64_t> values(kKeys);
    for (uint32_t i = 0; i < 300'000; ++i) {
      // The first few stay where they are; the gaps are after them.
      const uint32_t key =
          i < 4 ? i : 4 + static_cast<uint32_t>(random() % (kKeys - 4));
      if (random() % 4 == 0) map.LookupElem(&key);
      values[key] = i;
      ASSERT_EQ(Update(map, key, i), Errno::kOk);
    }
    EXPECT_THAT(evicted, IsEmpty());
    for (uint32_t key = 0; key < kKeys; ++key) {
      uint64_t value = ~uint64_t{0};
      EXPECT_EQ(map.Lookup(&key, &value), Errno::kOk);
      EXPECT_EQ(value, values[key]);
    }
  }
}

TEST(StrictLruTest, LeastRecentlyUsedKeyLeaves) {
  Evicted evicted;
  Map map(Def(3), Options(LruOrder::kStrict, &evicted));
  ASSERT_EQ(map.Init(), Errno::kOk);
  for (uint32_t key = 0; key < 3; ++key) {
    ASSERT_EQ(Update(map, key, key), Errno::kOk);
  }
  const uint32_t zero = 0;
  EXPECT_NE(map.LookupElem(&zero), nullptr);  // a use
  EXPECT_TRUE(Has(map, 1));                   // none: a user looks
  ASSERT_EQ(Update(map, 3, 3), Errno::kOk);
  EXPECT_THAT(Keys(map), UnorderedElementsAre(0, 2, 3));
  ASSERT_EQ(Update(map, 2, 22), Errno::kOk);  // a use
  ASSERT_EQ(Update(map, 4, 4), Errno::kOk);
  EXPECT_THAT(Keys(map), UnorderedElementsAre(2, 3, 4));
  EXPECT_THAT(evicted, ElementsAre(Pair(1, 1), Pair(0, 0)));
}

TEST(StrictLruTest, OnlyInsertIntoFullMapEvicts) {
  Evicted evicted;
  Map map(Def(2), Options(LruOrder::kStrict, &evicted));
  ASSERT_EQ(map.Init(), Errno::kOk);
  ASSERT_EQ(Update(map, 0, 0), Errno::kOk);
  ASSERT_EQ(Update(map, 1, 1), Errno::kOk);
  EXPECT_EQ(Update(map, 2, 2, kExist), Errno::kNoEnt);
  EXPECT_EQ(Update(map, 1, 2, kNoExist), Errno::kExist);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Update(map, 0, i), Errno::kOk);
  EXPECT_THAT(evicted, IsEmpty());
  EXPECT_THAT(Keys(map), UnorderedElementsAre(0, 1));
}

// Against a list in which the last used key is in front.
TEST(StrictLruTest, IsExactInAnyOrderOfUses) {
  std::mt19937_64 random(7);
  for (const uint32_t size : {1U, 2U, 5U, 64U, 200U}) {
    Evicted evicted;
    Map map(Def(size), Options(LruOrder::kStrict, &evicted));
    ASSERT_EQ(map.Init(), Errno::kOk);
    std::list<uint32_t> uses;
    for (int step = 0; step < 20000; ++step) {
      const uint32_t key = random() % (size + size / 2 + 1);
      const bool present =
          std::find(uses.begin(), uses.end(), key) != uses.end();
      evicted.clear();
      switch (random() % 8) {
        case 0:
          EXPECT_EQ(map.DeleteElem(&key), present ? Errno::kOk : Errno::kNoEnt);
          uses.remove(key);
          continue;
        case 1:
        case 2:
        case 3:
          EXPECT_EQ(map.LookupElem(&key) != nullptr, present);
          if (!present) continue;
          break;
        default:
          ASSERT_EQ(Update(map, key, step), Errno::kOk);
      }
      uses.remove(key);
      if (uses.size() == size) {
        ASSERT_EQ(evicted.size(), 1u) << "size " << size << ", step " << step;
        EXPECT_EQ(evicted[0].first, uses.back());
        uses.pop_back();
      } else {
        EXPECT_THAT(evicted, IsEmpty());
      }
      uses.push_front(key);
    }
    EXPECT_EQ(Keys(map), std::set<uint32_t>(uses.begin(), uses.end()));
  }
}

}  // namespace
}  // namespace bpfmap
