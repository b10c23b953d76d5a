// SPDX-License-Identifier: Apache-2.0

// The order in which a hash map shows its keys: that of their hashes, whatever
// came and went before and however large the map is. It is what walks that meet
// changes stand on (interleaving_test.cc, resize_test.cc).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/internal/hash/hash_function.h"
#include "bpfmap/maps/internal/hash/key.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "gtest/gtest.h"
#include "tests/support/eager_memory_profile.h"
#include "tests/support/map_walk.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

using Keys = std::vector<uint32_t>;

// Maps from uint32_t to uint64_t, all with the same hash function.
template <typename Map>
class WalkOrderTest : public testing::Test {
 protected:
  static MapDef Def(uint32_t max_entries) {
    return {.type = MapType::kHash,
            .key_size = sizeof(uint32_t),
            .value_size = sizeof(uint64_t),
            .max_entries = max_entries,
            .map_flags = kZeroSeed};
  }

  static void Insert(Map& map, const Keys& keys) {
    for (const uint32_t key : keys) {
      const uint64_t value = key;
      ASSERT_EQ(map.Update(&key, &value, kNoExist), Errno::kOk);
    }
  }

  static Keys Walk(Map& map) {
    Keys keys;
    EXPECT_EQ(WalkByNextKey(map,
                            [&](const std::byte* bytes) {
                              std::memcpy(&keys.emplace_back(), bytes, 4);
                            }),
              Errno::kOk);
    return keys;
  }
};

struct TypeNames {
  template <typename Map>
  static std::string GetName(int) {
    return std::is_same_v<Map, HashMap<Cloud>> ? "hash" : "eager_memory_hash";
  }
};
using HashMaps = testing::Types<HashMap<Cloud>, HashMap<EagerMemory>>;
TYPED_TEST_SUITE(WalkOrderTest, HashMaps, TypeNames);

Keys FirstNumbers(uint32_t count) {
  Keys keys;
  for (uint32_t key = 0; key < count; ++key) keys.push_back(key);
  return keys;
}

// Keys whose hashes have the same high half: in pairs, one after the other.
Keys PairsOfEqualHashes() {
  const internal::HashFunction hash(0);
  std::unordered_map<uint32_t, uint32_t> seen;
  Keys pairs;
  for (uint32_t key = 0; pairs.size() < 20; ++key) {
    const uint64_t high = internal::WordKey<uint32_t>(&key).Hash(hash) >> 32;
    const auto [place, fresh] = seen.emplace(high, key);
    if (!fresh) pairs.insert(pairs.end(), {place->second, key});
  }
  return pairs;
}

TYPED_TEST(WalkOrderTest, DoesNotDependOnWhatCameFirst) {
  for (Keys keys : {FirstNumbers(200), PairsOfEqualHashes()}) {
    TypeParam forwards(this->Def(200)), backwards(this->Def(200));
    ASSERT_EQ(forwards.Init(), Errno::kOk);
    ASSERT_EQ(backwards.Init(), Errno::kOk);
    this->Insert(forwards, keys);
    std::reverse(keys.begin(), keys.end());
    this->Insert(backwards, keys);
    EXPECT_EQ(this->Walk(forwards).size(), keys.size());
    EXPECT_EQ(this->Walk(forwards), this->Walk(backwards));
  }
}

TYPED_TEST(WalkOrderTest, DoesNotDependOnSize) {
  for (const Keys& keys : {FirstNumbers(50), PairsOfEqualHashes()}) {
    TypeParam growing(this->Def(50));
    ASSERT_EQ(growing.Init(), Errno::kOk);
    this->Insert(growing, keys);
    const Keys order = this->Walk(growing);
    ASSERT_EQ(order.size(), keys.size());
    for (uint32_t size : {64, 65, 1000, 10000}) {
      TypeParam large(this->Def(size));
      ASSERT_EQ(large.Init(), Errno::kOk);
      this->Insert(large, keys);
      EXPECT_EQ(this->Walk(large), order);
      ASSERT_EQ(growing.Resize(size), Errno::kOk);
      EXPECT_EQ(this->Walk(growing), order);
    }
  }
}

TYPED_TEST(WalkOrderTest, KeysThatStayKeepTheirOrder) {
  TypeParam map(this->Def(200));
  ASSERT_EQ(map.Init(), Errno::kOk);
  this->Insert(map, FirstNumbers(200));
  Keys order = this->Walk(map);
  for (uint32_t key = 0; key < 200; key += 3) {
    const uint64_t value = 5;
    EXPECT_EQ(map.Update(&key, &value), Errno::kOk);
    EXPECT_EQ(this->Walk(map), order);
  }
  for (uint32_t key = 0; key < 200; key += 3) {
    EXPECT_EQ(map.Delete(&key), Errno::kOk);
    order.erase(std::find(order.begin(), order.end(), key));
    EXPECT_EQ(this->Walk(map), order);
  }
}

TYPED_TEST(WalkOrderTest, KeysOfEqualHashesAreFoundAndDeletedOneByOne) {
  TypeParam map(this->Def(64));
  ASSERT_EQ(map.Init(), Errno::kOk);
  const Keys pairs = PairsOfEqualHashes();
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    for (const auto& [first, second] : {std::pair(pairs[i], pairs[i + 1]),
                                        std::pair(pairs[i + 1], pairs[i])}) {
      this->Insert(map, {first});
      EXPECT_EQ(map.LookupElem(&second), nullptr);
      this->Insert(map, {second});
      uint64_t value = 0;
      EXPECT_EQ(map.Lookup(&first, &value), Errno::kOk);
      EXPECT_EQ(value, first);
      EXPECT_EQ(map.Delete(&first), Errno::kOk);
      EXPECT_EQ(map.LookupElem(&first), nullptr);
      EXPECT_EQ(map.Lookup(&second, &value), Errno::kOk);
      EXPECT_EQ(value, second);
      EXPECT_EQ(map.Delete(&second), Errno::kOk);
    }
  }
}

// A bucket has several chains once its map grew.
TYPED_TEST(WalkOrderTest, BatchOfMapThatGrewTakesWholeBuckets) {
  TypeParam map(this->Def(4));
  ASSERT_EQ(map.Init(), Errno::kOk);
  ASSERT_EQ(map.Resize(1000), Errno::kOk);
  this->Insert(map, FirstNumbers(1000));
  const Keys order = this->Walk(map);
  Keys keys(1000), taken;
  std::vector<uint64_t> values(1000);
  uint32_t position = 0;
  const void* in = nullptr;
  for (Errno error = Errno::kOk; error == Errno::kOk; in = &position) {
    uint32_t count = 400;
    error = map.LookupAndDeleteBatch(in, &position, keys.data(), values.data(),
                                     &count);
    ASSERT_TRUE(error == Errno::kOk || error == Errno::kNoEnt);
    EXPECT_GT(count, 100u);
    taken.insert(taken.end(), keys.begin(), keys.begin() + count);
    EXPECT_EQ(this->Walk(map).size(), order.size() - taken.size());
  }
  EXPECT_TRUE(std::is_permutation(order.begin(), order.end(), taken.begin(),
                                  taken.end()));
}

// Buckets that do not fit come with the next batch.
TYPED_TEST(WalkOrderTest, BatchesOfAnySizeShowEachKeyOnce) {
  constexpr uint32_t kElements = 1000;
  TypeParam map(this->Def(kElements));
  ASSERT_EQ(map.Init(), Errno::kOk);
  this->Insert(map, FirstNumbers(kElements));
  Keys keys(kElements);
  std::vector<uint64_t> values(kElements);
  for (const uint32_t size : {1u, 2u, 3u, 7u, 33u, kElements}) {
    Keys shown;
    uint32_t position = 0;
    const void* in = nullptr;
    uint32_t room = size;
    for (Errno error = Errno::kOk; error != Errno::kNoEnt;) {
      uint32_t count = room;
      error =
          map.LookupBatch(in, &position, keys.data(), values.data(), &count);
      if (error == Errno::kNoSpc) {
        room *= 2;
        ASSERT_LE(room, kElements);
        continue;
      }
      ASSERT_TRUE(error == Errno::kOk || error == Errno::kNoEnt);
      ASSERT_LE(count, room);
      for (uint32_t i = 0; i < count; ++i) EXPECT_EQ(values[i], keys[i]);
      shown.insert(shown.end(), keys.begin(), keys.begin() + count);
      in = &position;
      room = size;
    }
    std::sort(shown.begin(), shown.end());
    Keys all = FirstNumbers(kElements);
    std::sort(all.begin(), all.end());
    EXPECT_EQ(shown, all) << "batches of " << size;
  }
}

}  // namespace
}  // namespace bpfmap
