// SPDX-License-Identifier: Apache-2.0

// What LRU maps with values for each CPU have beside what per_cpu_map_test.cc
// and lru_hash_map_test.cc show: on every backend, who stays; here, the strict
// order, what the callback sees, and threads.

#include "bpfmap/maps/lru_per_cpu_hash_map.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/lru_rule.h"
#include "tests/support/on_cpu.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Map = LruPerCpuHashMap<Cloud>;
using Numbers = std::vector<uint64_t>;  // a value of the user view

MapDef Def(uint32_t max_entries, MapFlags map_flags = {}) {
  return {.type = MapType::kLruPerCpuHash,
          .key_size = 4,
          .value_size = 8,
          .max_entries = max_entries,
          .map_flags = map_flags};
}

std::set<uint32_t> Keys(BpfMap& map) {
  std::set<uint32_t> keys;
  uint32_t key;
  Errno error = map.GetNextKey(nullptr, &key);
  for (; error == Errno::kOk; error = map.GetNextKey(&key, &key)) {
    EXPECT_TRUE(keys.insert(key).second) << "twice: " << key;
  }
  return keys;
}

class LruPerCpuContractTest : public BackendTest {
 protected:
  void SetUp() override {
    if (!GetParam().has(MapType::kLruPerCpuHash)) {
      GTEST_SKIP() << GetParam().name << " has no LRU maps";
    }
    BackendTest::SetUp();
  }
  // A full map of keys 0 to 3.
  void Make() {
    ASSERT_EQ(GetParam().create(Def(4), &map_), Errno::kOk);
    for (uint32_t key = 0; key < 4; ++key) ASSERT_EQ(Update(key), Errno::kOk);
  }
  Errno Update(uint32_t key, ElemFlags flags = kAny) {
    const Numbers value(PossibleCpus(), key);
    return map_->Update(&key, value.data(), flags);
  }

  TestMap map_;

 private:
  const OnCpu on_cpu_;
};

INSTANTIATE_TEST_SUITE_P(Backends, LruPerCpuContractTest,
                         ::testing::ValuesIn(Backends()), BackendName);

TEST_P(LruPerCpuContractTest, NewestKeysStay) {
  Make();
  for (uint32_t key = 4; key < 100; ++key) EXPECT_EQ(Update(key), Errno::kOk);
  EXPECT_THAT(Keys(*map_), UnorderedElementsAre(96, 97, 98, 99));
}

TEST_P(LruPerCpuContractTest, UpdateOfPresentKeyMakesRoomToo) {
  Make();
  EXPECT_EQ(Update(3), Errno::kOk);
  EXPECT_EQ(Keys(*map_), LruRule(4).StayAfterOneMore());
  EXPECT_EQ(Update(3, kNoExist), Errno::kExist);
  EXPECT_EQ(Keys(*map_), LruRule(4).StayAfterOneMore());
}

TEST_P(LruPerCpuContractTest, UpdateWithExistMakesNoRoom) {
  Make();
  EXPECT_EQ(Update(3, kExist), Errno::kOk);
  EXPECT_EQ(Update(9, kExist), Errno::kNoEnt);
  EXPECT_EQ(Update(9, ElemFlags{3}), Errno::kInval);
  EXPECT_THAT(Keys(*map_), UnorderedElementsAre(0, 1, 2, 3));
}

// An update is a use, of a user too; a lookup of a user is none.
TEST_P(LruPerCpuContractTest, UpdateKeepsKey) {
  for (const bool update : {false, true}) {
    Make();
    for (uint32_t key = 10; key < 30; ++key) {
      const uint32_t zero = 0;
      Numbers value(PossibleCpus());
      const bool present = map_->Lookup(&zero, value.data()) == Errno::kOk;
      EXPECT_EQ(present, update || key == 10);
      if (update) {
        EXPECT_EQ(Update(0, kExist), Errno::kOk);
      }
      ASSERT_EQ(Update(key), Errno::kOk);
    }
  }
}

// Local maps.

using Evicted = std::vector<std::pair<uint32_t, Numbers>>;

class LruPerCpuMapTest : public testing::Test {
 protected:
  static constexpr int kCpus = 3;

  const ScopedPossibleCpus cpus_{kCpus};

  static LruOptions Options(LruOrder order, Evicted* evicted) {
    const auto note = [](void* context, const void* key, const void* value) {
      const auto* const numbers = static_cast<const uint64_t*>(value);
      static_cast<Evicted*>(context)->emplace_back(
          *static_cast<const uint32_t*>(key),
          Numbers(numbers, numbers + kCpus));
    };
    return {.order = order,
            .on_eviction = {.function = note, .context = evicted}};
  }
  static Errno Update(Map& map, uint32_t key, uint64_t value) {
    return map.UpdateElem(&key, &value, kAny);
  }
};

TEST_F(LruPerCpuMapTest, CallbackSeesSlicesOfAllCpus) {
  for (const LruOrder order : {LruOrder::kLinux, LruOrder::kStrict}) {
    Evicted evicted;
    Map map(Def(2), Options(order, &evicted));
    ASSERT_EQ(map.Init(), Errno::kOk);
    const ScopedCpu cpu(1);
    const Numbers value = {10, 11, 12};
    uint32_t key = 7;
    ASSERT_EQ(map.Update(&key, value.data()), Errno::kOk);
    ASSERT_EQ(Update(map, 8, 5), Errno::kOk);
    ASSERT_EQ(Update(map, 9, 6), Errno::kOk);
    EXPECT_THAT(evicted, ElementsAre(Pair(7, value)));
    ASSERT_EQ(Update(map, 10, 6), Errno::kOk);
    ASSERT_EQ(evicted.size(), 2u);
    EXPECT_EQ(evicted[1], Evicted::value_type(8, {0, 5, 0}));
  }
}

TEST_F(LruPerCpuMapTest, InStrictOrderLeastRecentlyUsedKeyLeaves) {
  Evicted evicted;
  Map map(Def(3), Options(LruOrder::kStrict, &evicted));
  ASSERT_EQ(map.Init(), Errno::kOk);
  for (uint32_t key : {0, 1, 2}) ASSERT_EQ(Update(map, key, key), Errno::kOk);
  const uint32_t zero = 0, one = 1;
  EXPECT_NE(map.LookupElem(&zero), nullptr);
  EXPECT_NE(map.LookupPerCpuElem(&one, 2), nullptr);
  ASSERT_EQ(Update(map, 3, 3), Errno::kOk);
  EXPECT_THAT(Keys(map), UnorderedElementsAre(0, 1, 3));
  ASSERT_EQ(Update(map, 0, 4), Errno::kOk);
  ASSERT_EQ(Update(map, 4, 4), Errno::kOk);
  EXPECT_THAT(Keys(map), UnorderedElementsAre(0, 3, 4));
  EXPECT_EQ(evicted.size(), 2u);
}

// Slices are whole and those of their key, whichever keys are evicted.
struct Kind {
  uint32_t max_entries;
  MapFlags map_flags;
  LruOrder order;
};
class LruPerCpuConcurrencyTest : public LruPerCpuMapTest,
                                 public testing::WithParamInterface<Kind> {};

TEST_P(LruPerCpuConcurrencyTest, NoValueIsTornOrAnotherKeys) {
  constexpr int kWords = 4;
  using Slice = std::array<uint64_t, kWords>;
  using UserValue = std::array<Slice, kCpus>;
  const uint32_t keys = 3 * GetParam().max_entries;
  MapDef def = Def(GetParam().max_entries, GetParam().map_flags);
  def.value_size = sizeof(Slice);
  Map map(def, {.order = GetParam().order});
  ASSERT_EQ(map.Init(), Errno::kOk);
  const auto is_fine = [](const UserValue& value, uint32_t key) {
    return std::all_of(value.begin(), value.end(), [&](const Slice& slice) {
      return std::count(slice.begin(), slice.end(), slice[0]) == kWords &&
             (slice[0] == 0 || slice[0] % 1000 == key);
    });
  };
  ThreadTeam team;
  for (int thread = 0; thread < kCpus; ++thread) {
    team.AddWorker([&, thread]() -> AssertionResult {
      const ScopedCpu cpu(thread);
      std::mt19937_64 random(RandomSeed() + thread);
      for (Steps steps(60'000); steps.Next();) {
        const uint32_t key = random() % keys;
        Slice slice;
        slice.fill(1000 * (1 + steps.begun()) + key);
        UserValue value;
        value.fill(slice);
        Errno error = Errno::kOk;
        switch (random() % 8) {
          case 0:
            error = map.DeleteElem(&key);
            break;
          case 1:
            error = map.LookupAndDelete(&key, &value);
            if (error == Errno::kOk && !is_fine(value, key)) {
              return AssertionFailure() << "taken from " << key;
            }
            break;
          case 2:
            error = map.Update(&key, &value, ElemFlags{random() % 3});
            break;
          case 3:
            map.LookupElem(&key);
            map.LookupPerCpuElem(&key, random() % kCpus);
            break;
          default:
            error = map.UpdateElem(&key, &slice, ElemFlags{random() % 3});
        }
        if (error == Errno::kInval || error == Errno::k2Big) {
          return AssertionFailure() << ErrnoName(error);
        }
      }
      return AssertionSuccess();
    });
  }
  team.AddWatcher([&]() -> AssertionResult {
    for (uint32_t key = 0; key < keys; ++key) {
      UserValue value;
      if (map.Lookup(&key, &value) != Errno::kOk) continue;
      if (!is_fine(value, key)) return AssertionFailure() << "key " << key;
    }
    return AssertionSuccess();
  });
  team.Run();
  EXPECT_LE(Keys(map).size(), map.def().max_entries);
}

INSTANTIATE_TEST_SUITE_P(Kinds, LruPerCpuConcurrencyTest,
                         testing::Values(Kind{20, {}, LruOrder::kLinux},
                                         Kind{300, {}, LruOrder::kLinux},
                                         Kind{60, kNoCommonLru,
                                              LruOrder::kLinux},
                                         Kind{40, {}, LruOrder::kStrict}));

}  // namespace
}  // namespace bpfmap
