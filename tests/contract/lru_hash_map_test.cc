// SPDX-License-Identifier: Apache-2.0

// What LRU maps have beside what all maps have: the strict order, the callback,
// the size with BPF_F_NO_COMMON_LRU, pointers, and keys that crowd together.

#include "bpfmap/maps/lru_hash_map.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/profiles/embedded.h"
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
// Both classes that have the strict order.
using SmallMap = LruHashMap<Embedded>;
static_assert(!std::is_same_v<SmallMap, LruMap<Embedded, MapType::kLruHash>>);
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

template <typename M>
Errno Update(M& map, uint32_t key, uint64_t value, ElemFlags flags = kAny) {
  return map.UpdateElem(&key, &value, flags);
}
template <typename M>
bool Has(M& map, uint32_t key) {
  uint64_t value;
  return map.Lookup(&key, &value) == Errno::kOk;
}
template <typename M>
std::set<uint32_t> Keys(M& map) {
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

// The strict order, of LruHashMap<Cloud> and of LruHashMap<Embedded>.
template <typename M>
class StrictLruTest : public testing::Test {
 protected:
  std::unique_ptr<M> New(uint32_t max_entries, Evicted* evicted,
                         MapFlags map_flags = {}) {
    auto map = std::make_unique<M>(Def(max_entries, map_flags), &memory_,
                                   Options(LruOrder::kStrict, evicted));
    EXPECT_EQ(map->Init(), Errno::kOk);
    return map;
  }

 private:
  typename M::Memory memory_;
};
struct TypeNames {
  template <typename M>
  static std::string GetName(int) {
    return std::is_same_v<M, Map> ? "cloud" : "embedded";
  }
};
using StrictMaps = testing::Types<Map, SmallMap>;
TYPED_TEST_SUITE(StrictLruTest, StrictMaps, TypeNames);

TYPED_TEST(StrictLruTest, LeastRecentlyUsedKeyLeaves) {
  Evicted evicted;
  const auto owned = this->New(3, &evicted);
  auto& map = *owned;
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

TYPED_TEST(StrictLruTest, OnlyInsertIntoFullMapEvicts) {
  Evicted evicted;
  const auto owned = this->New(2, &evicted);
  auto& map = *owned;
  ASSERT_EQ(Update(map, 0, 0), Errno::kOk);
  ASSERT_EQ(Update(map, 1, 1), Errno::kOk);
  EXPECT_EQ(Update(map, 2, 2, kExist), Errno::kNoEnt);
  EXPECT_EQ(Update(map, 1, 2, kNoExist), Errno::kExist);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Update(map, 0, i), Errno::kOk);
  EXPECT_THAT(evicted, IsEmpty());
  EXPECT_THAT(Keys(map), UnorderedElementsAre(0, 1));
}

// Against a list in which the last used key is in front.
TYPED_TEST(StrictLruTest, IsExactInAnyOrderOfUses) {
  std::mt19937_64 random(7);
  for (const uint32_t size : {1U, 2U, 5U, 64U, 200U}) {
    Evicted evicted;
    const auto owned = this->New(size, &evicted);
    auto& map = *owned;
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

TYPED_TEST(StrictLruTest, FlagsAreCheckedBeforeTheKeyIs) {
  Evicted evicted;
  const auto map = this->New(2, &evicted);
  ASSERT_EQ(Update(*map, 0, 0), Errno::kOk);
  EXPECT_EQ(Update(*map, 0, 1, kLock), Errno::kInval);
  EXPECT_EQ(Update(*map, 0, 1, ElemFlags{3}), Errno::kInval);
  uint64_t value;
  const uint32_t key = 0;
  EXPECT_EQ(map->Lookup(&key, &value), Errno::kOk);
  EXPECT_EQ(value, 0u);
}

// A key that a user takes, or a batch, leaves its place.
TYPED_TEST(StrictLruTest, TakenKeysLeaveRoom) {
  Evicted evicted;
  const auto map = this->New(4, &evicted);
  for (int round = 0; round < 5; ++round) {
    for (uint32_t key = 0; key < 4; ++key) {
      ASSERT_EQ(Update(*map, key, key), Errno::kOk);
    }
    const uint32_t two = 2;
    uint64_t value = 0;
    EXPECT_EQ(map->LookupAndDelete(&two, &value), Errno::kOk);
    EXPECT_EQ(value, 2u);
    ASSERT_EQ(Update(*map, 4, 4), Errno::kOk);
    uint32_t position, keys[8], count = 8;
    uint64_t values[8];
    EXPECT_EQ(
        map->LookupAndDeleteBatch(nullptr, &position, keys, values, &count),
        Errno::kNoEnt);
    EXPECT_EQ(count, 4u);
    EXPECT_THAT(Keys(*map), IsEmpty());
  }
  EXPECT_THAT(evicted, IsEmpty());
}

TYPED_TEST(StrictLruTest, FrozenMapEvictsNothingForAUser) {
  Evicted evicted;
  const auto map = this->New(2, &evicted);
  ASSERT_EQ(Update(*map, 0, 0), Errno::kOk);
  ASSERT_EQ(Update(*map, 1, 1), Errno::kOk);
  ASSERT_EQ(map->Freeze(), Errno::kOk);
  const uint32_t key = 2;
  const uint64_t value = 2;
  EXPECT_EQ(map->Update(&key, &value), Errno::kPerm);
  EXPECT_EQ(map->Delete(&key), Errno::kPerm);
  EXPECT_THAT(evicted, IsEmpty());
  EXPECT_EQ(map->UpdateElem(&key, &value, kAny), Errno::kOk);
  EXPECT_THAT(evicted, ElementsAre(Pair(0, 0)));
}

// Keys of any size, and values that are not whole words.
TYPED_TEST(StrictLruTest, OldKeysOfAnySizeLeave) {
  for (uint32_t key_size = 1; key_size <= 20; ++key_size) {
    typename TypeParam::Memory memory;
    TypeParam map({.type = MapType::kLruHash,
                   .key_size = key_size,
                   .value_size = 3,
                   .max_entries = 16},
                  &memory, {.order = LruOrder::kStrict});
    ASSERT_EQ(map.Init(), Errno::kOk);
    std::array<unsigned char, 20> key;
    key.fill(0xee);
    for (unsigned char number = 0; number < 100; ++number) {
      key[key_size / 2] = number;
      const unsigned char value[3] = {number, 1, number};
      ASSERT_EQ(map.UpdateElem(key.data(), value, kNoExist), Errno::kOk);
    }
    for (unsigned char number = 0; number < 100; ++number) {
      key[key_size / 2] = number;
      const auto* const value =
          static_cast<const unsigned char*>(map.LookupElem(key.data()));
      ASSERT_EQ(value != nullptr, number >= 84) << key_size;
      if (value != nullptr) {
        EXPECT_EQ(value[2], number);
      }
    }
  }
}

// The pool of a small machine holds what MemoryNeeded() says.
TEST(SmallLruTest, TakesTheMemoryThatItNeeds) {
  for (const uint32_t size : {1U, 7U, 64U, 500U}) {
    const MapDef def = Def(size);
    Embedded::Memory memory;
    SmallMap map(def, &memory);
    ASSERT_EQ(map.Init(), Errno::kOk);
    EXPECT_EQ(memory.kTotalSize - memory.remaining(),
              SmallMap::MemoryNeeded(def));
  }
}

TEST(SmallLruTest, RefusesLinuxOrder) {
  Embedded::Memory memory;
  SmallMap map(Def(4), &memory, {.order = LruOrder::kLinux});
  EXPECT_EQ(map.Init(), Errno::kNotSupp);
  EXPECT_EQ(memory.remaining(), memory.kTotalSize);
}

}  // namespace
}  // namespace bpfmap
