// SPDX-License-Identifier: Apache-2.0

#include "bench/workload.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "bpfmap/maps/internal/hash/hash_function.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"

namespace bpfmap::bench {
namespace {

constexpr MapDef kHash = {.type = MapType::kHash,
                          .key_size = 4,
                          .value_size = 8,
                          .max_entries = 1000};
constexpr MapDef kWideHash = {.type = MapType::kHash,
                              .key_size = 19,
                              .value_size = 64,
                              .max_entries = 1000};
constexpr MapDef kArray = {.type = MapType::kArray,
                           .key_size = 4,
                           .value_size = 8,
                           .max_entries = 1000};

std::string KeyOf(const Workload& workload, uint32_t element) {
  return std::string(reinterpret_cast<const char*>(workload.Key(element)),
                     workload.def().key_size);
}

std::set<std::string> KeysOf(const Workload& workload, KeySet set) {
  std::set<std::string> keys;
  const auto [begin, end] = workload.Elements(set);
  for (uint32_t element = begin; element < end; ++element) {
    keys.insert(KeyOf(workload, element));
  }
  return keys;
}

std::set<std::string> RandomKeysOf(const Workload& workload, KeySet set,
                                   int thread, int threads) {
  std::set<std::string> keys;
  const std::vector<std::byte> row =
      workload.RandomKeys(set, thread, threads).keys;
  const uint32_t size = workload.def().key_size;
  for (size_t at = 0; at < row.size(); at += size) {
    keys.emplace(reinterpret_cast<const char*>(&row[at]), size);
  }
  return keys;
}

TEST(WorkloadTest, AHashIsFilledToThreeQuarters) {
  EXPECT_EQ(Workload(kHash, 1).present_count(), 750u);
}

TEST(WorkloadTest, AnArrayIsFullAndItsKeysAreItsIndexes) {
  const Workload workload(kArray, 1);
  EXPECT_EQ(workload.present_count(), 1000u);
  for (uint32_t element : {0u, 999u, 1000u, 1999u}) {
    uint32_t index;
    std::memcpy(&index, workload.Key(element), sizeof index);
    EXPECT_EQ(index, element);
  }
}

TEST(WorkloadTest, NoTwoElementsHaveTheSameKey) {
  for (const MapDef& def : {kHash, kWideHash, kArray}) {
    const Workload workload(def, 1);
    std::set<std::string> keys = KeysOf(workload, KeySet::kPresent);
    EXPECT_EQ(keys.size(), workload.present_count());
    keys.merge(KeysOf(workload, KeySet::kAbsent));
    EXPECT_EQ(keys.size(), 2 * workload.present_count());
  }
}

TEST(WorkloadTest, EverythingFollowsFromTheSeed) {
  for (const MapDef& def : {kHash, kWideHash}) {
    const Workload one(def, 1), same(def, 1), other(def, 2);
    EXPECT_EQ(KeyOf(one, 7), KeyOf(same, 7));
    EXPECT_NE(KeyOf(one, 7), KeyOf(other, 7));
    EXPECT_EQ(one.Value(7), same.Value(7));
    EXPECT_NE(one.Value(7), other.Value(7));
    EXPECT_EQ(one.RandomKeys(KeySet::kPresent, 0, 1).keys,
              same.RandomKeys(KeySet::kPresent, 0, 1).keys);
    EXPECT_NE(one.RandomKeys(KeySet::kPresent, 0, 1).keys,
              other.RandomKeys(KeySet::kPresent, 0, 1).keys);
  }
}

TEST(WorkloadTest, NoElementStartsWithTheNewValue) {
  const Workload workload(kHash, 1);
  for (uint32_t element = 0; element < 1500; ++element) {
    ASSERT_NE(workload.Value(element), workload.new_value());
  }
}

TEST(WorkloadTest, RandomKeysAreAllOfTheirSetAndNoOthers) {
  for (const MapDef& def : {kHash, kWideHash, kArray}) {
    const Workload workload(def, 1);
    for (const KeySet set : {KeySet::kPresent, KeySet::kAbsent}) {
      EXPECT_EQ(RandomKeysOf(workload, set, 1, 2), KeysOf(workload, set));
    }
  }
}

TEST(WorkloadTest, ThreadsHaveTheSameKeysInAnotherOrder) {
  const Workload workload(kHash, 1);
  EXPECT_NE(workload.RandomKeys(KeySet::kPresent, 0, 2).keys,
            workload.RandomKeys(KeySet::kPresent, 1, 2).keys);
}

TEST(WorkloadTest, OwnKeysBelongToOneThread) {
  const Workload workload(kHash, 1);
  std::set<std::string> all;
  size_t sum = 0;
  for (int thread = 0; thread < 3; ++thread) {
    const auto own = RandomKeysOf(workload, KeySet::kOwnAbsent, thread, 3);
    sum += own.size();
    all.insert(own.begin(), own.end());
  }
  EXPECT_EQ(all.size(), sum);
  EXPECT_EQ(sum, 3 * 128u);  // of 750
  const auto absent = KeysOf(workload, KeySet::kAbsent);
  EXPECT_TRUE(
      std::includes(absent.begin(), absent.end(), all.begin(), all.end()));
}

TEST(WorkloadTest, AnOwnKeyComesAgainAfterAllOthers) {
  const Workload workload(kHash, 1);
  const auto [keys, lag] = workload.RandomKeys(KeySet::kOwnAbsent, 0, 1);
  const size_t round = 512 * kHash.key_size;
  ASSERT_EQ(keys.size() % round, 0u);
  for (size_t at = round; at < keys.size(); at += round) {
    ASSERT_TRUE(
        std::equal(keys.begin(), keys.begin() + round, keys.begin() + at));
  }
  // There is room for all that are present at a time.
  EXPECT_EQ(lag, 128u);
  EXPECT_LT(750 + 3 * workload.RandomKeys(KeySet::kOwnAbsent, 0, 3).lag, 1000u);
}

uint32_t HeadOf(const Workload& workload, uint32_t element) {
  uint32_t head;
  std::memcpy(&head, workload.Key(element), sizeof head);
  return head;
}

uint32_t UnseededHash(const void* key) {
  return static_cast<uint32_t>(internal::HashFunction(0)(key, 4) >> 32);
}

TEST(WorkloadTest, PatternsAreWhatTheyAreCalled) {
  const Workload sequential(kHash, 1, KeyPattern::kSequential);
  const Workload multiples(kHash, 1, KeyPattern::kMultiples);
  const Workload same(kHash, 1, KeyPattern::kSameLowBits);
  const Workload range(kHash, 1, KeyPattern::kOneHashRange);
  for (uint32_t element = 0; element < 1500; ++element) {
    EXPECT_EQ(HeadOf(sequential, element), element);
    EXPECT_EQ(HeadOf(multiples, element), element << 16);
    EXPECT_EQ(HeadOf(same, element) & 0xffff, 0xbeefu);
    EXPECT_LT(UnseededHash(range.Key(element)), 1U << 23);
  }
}

TEST(WorkloadTest, AQueueHasValuesOnlyAndIsHalfFull) {
  const MapDef def = {
      .type = MapType::kQueue, .value_size = 8, .max_entries = 1000};
  const Workload workload(def, 1);
  EXPECT_EQ(workload.present_count(), 500u);
  EXPECT_NE(workload.Value(7), workload.Value(8));
  const auto [keys, lag] = workload.RandomKeys(KeySet::kNone, 0, 1);
  EXPECT_TRUE(keys.empty());
  KeyCursor cursor(keys, def.key_size);
  EXPECT_EQ(cursor.Next(), nullptr);
  EXPECT_EQ(cursor.Next(), nullptr);
}

TEST(WorkloadTest, OneShardIsAPartOfAllKeys) {
  const MapDef large = {.type = MapType::kHash,
                        .key_size = 4,
                        .value_size = 8,
                        .max_entries = 1 << 14};
  const Workload workload(large, 1, KeyPattern::kOneShard);
  const auto keys = workload.RandomKeys(KeySet::kPresent, 0, 1).keys;
  std::set<uint32_t> different;
  for (size_t at = 0; at < keys.size(); at += 4) {
    ASSERT_LT(UnseededHash(&keys[at]), 1U << 26);
    uint32_t key;
    std::memcpy(&key, &keys[at], sizeof key);
    different.insert(key);
  }
  EXPECT_GT(different.size(), 100u);  // of 12,288 / 64
}

TEST(KeyCursorTest, StartsAgainAtTheEnd) {
  const std::vector<std::byte> keys(12);
  KeyCursor cursor(keys, 4);
  EXPECT_EQ(cursor.Next(), &keys[0]);
  EXPECT_EQ(cursor.Next(), &keys[4]);
  EXPECT_EQ(cursor.Next(), &keys[8]);
  EXPECT_EQ(cursor.Next(), &keys[0]);
}

TEST(KeyCursorTest, OldKeysAreThoseOfSomeTurnsAgo) {
  const std::vector<std::byte> keys(12);
  KeyCursor cursor(keys, 4, /*lag=*/2);
  EXPECT_EQ(cursor.NextOld(), &keys[4]);
  EXPECT_EQ(cursor.NextOld(), &keys[8]);
  EXPECT_EQ(cursor.NextOld(), &keys[0]);
  KeyCursor together(keys, 4);
  EXPECT_EQ(together.NextOld(), together.Next());
}

}  // namespace
}  // namespace bpfmap::bench
