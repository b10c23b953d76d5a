// SPDX-License-Identifier: Apache-2.0

// TypedMap: types, messages, iteration, batches.

#include "bpfmap/maps/typed_map.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/key_text.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAreArray;

struct Value {
  uint64_t count;
  uint32_t flags;
  friend bool operator==(const Value&, const Value&) = default;
};
using Counts = TypedMap<uint32_t, Value>;

class TypedMapTest : public ::testing::Test {
 protected:
  static std::shared_ptr<LocalMap> Make(MapType type, uint32_t max_entries,
                                        MapFlags map_flags = {}) {
    return *CreateMap({.type = type,
                       .key_size = sizeof(uint32_t),
                       .value_size = sizeof(Value),
                       .max_entries = max_entries,
                       .map_flags = map_flags,
                       .name = "counts"});
  }
};

std::vector<uint32_t> Keys(Counts::EntryRange& entries) {
  std::vector<uint32_t> keys;
  for (const auto& [key, value] : entries) {
    keys.push_back(key);
    EXPECT_EQ(value.count, key * uint64_t{10});
  }
  return keys;
}

TEST_F(TypedMapTest, SetValueIsGot) {
  const auto map = Make(MapType::kHash, 4);
  Counts counts = *Counts::Create(map.get());
  ASSERT_TRUE(counts.Set(7, {70, 1}).ok());
  const absl::StatusOr<Value> value = counts.Get(7);
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(*value, (Value{70, 1}));
}

TEST_F(TypedMapTest, MissingKeyIsNotFoundAndMessageNamesIt) {
  const auto map = Make(MapType::kHash, 4);
  const Counts counts = *Counts::Create(map.get());
  const absl::Status status = counts.Get(0x1234).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(StatusToErrno(status), Errno::kNoEnt);
  EXPECT_EQ(status.message(), "HASH map \"counts\": lookup of " +
                                  KeyText(0x1234) +
                                  ": there is no such key: ENOENT");
}

TEST_F(TypedMapTest, FullMapSaysItsSize) {
  const auto map = Make(MapType::kHash, 1);
  Counts counts = *Counts::Create(map.get());
  ASSERT_TRUE(counts.Set(1, {}).ok());
  const absl::Status status = counts.Set(2, {});
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_entries is 1"));
}

TEST_F(TypedMapTest, FlagsAreHandedOn) {
  const auto map = Make(MapType::kHash, 4);
  Counts counts = *Counts::Create(map.get());
  EXPECT_EQ(StatusToErrno(counts.Set(1, {}, kExist)), Errno::kNoEnt);
  EXPECT_TRUE(counts.Set(1, {}, kNoExist).ok());
  EXPECT_EQ(StatusToErrno(counts.Set(1, {}, kNoExist)), Errno::kExist);
  EXPECT_EQ(StatusToErrno(counts.Set(1, {}, ElemFlags{99})), Errno::kInval);
}

TEST_F(TypedMapTest, ErasedKeyIsGone) {
  const auto map = Make(MapType::kHash, 4);
  Counts counts = *Counts::Create(map.get());
  ASSERT_TRUE(counts.Set(1, {}).ok());
  EXPECT_TRUE(counts.Erase(1).ok());
  EXPECT_TRUE(absl::IsNotFound(counts.Erase(1)));
  EXPECT_TRUE(absl::IsNotFound(counts.Get(1).status()));
}

TEST_F(TypedMapTest, SizesThatDifferAreRefusedWithBoth) {
  const auto map = Make(MapType::kHash, 4);
  const absl::Status status =
      TypedMap<uint64_t, uint64_t>::Create(map.get()).status();
  EXPECT_EQ(StatusToErrno(status), Errno::kInval);
  EXPECT_EQ(status.message(),
            "HASH map \"counts\": key_size is 4 and value_size 16, but the "
            "types given have 8 and 8 bytes: EINVAL");
}

TEST_F(TypedMapTest, GetOrInsertInsertsOnce) {
  const auto map = Make(MapType::kHash, 1);
  Counts counts = *Counts::Create(map.get());
  EXPECT_EQ(*counts.GetOrInsert(1, {10, 0}), (Value{10, 0}));
  EXPECT_EQ(*counts.GetOrInsert(1, {20, 0}), (Value{10, 0}));
  EXPECT_TRUE(absl::IsResourceExhausted(counts.GetOrInsert(2, {}).status()));
}

TEST_F(TypedMapTest, GetOrInsertOfManyThreadsAgreesOnOneValue) {
  const auto map = Make(MapType::kHash, 64);
  std::vector<std::vector<Value>> got(4);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < got.size(); ++t) {
    threads.emplace_back([&, t] {
      Counts counts = *Counts::Create(map.get());
      for (uint32_t key = 0; key < 64; ++key) {
        got[t].push_back(*counts.GetOrInsert(key, {t, key}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& values : got) EXPECT_EQ(values, got[0]);
}

TEST_F(TypedMapTest, EntriesShowEveryKeyOnce) {
  const auto map = Make(MapType::kHash, 5000);
  Counts counts = *Counts::Create(map.get());
  std::vector<uint32_t> keys;
  for (uint32_t key = 0; key < 5000; key += 3) {
    ASSERT_TRUE(counts.Set(key, {key * uint64_t{10}, 0}).ok());
    keys.push_back(key);
  }
  auto entries = counts.Entries();
  EXPECT_THAT(Keys(entries), UnorderedElementsAreArray(keys));
  EXPECT_TRUE(entries.status().ok());
  // A second loop starts again.
  EXPECT_THAT(Keys(entries), UnorderedElementsAreArray(keys));
}

TEST_F(TypedMapTest, EntriesOfArrayAreAllIndices) {
  const auto map = Make(MapType::kArray, 1000);
  Counts counts = *Counts::Create(map.get());
  std::vector<uint32_t> keys;
  for (uint32_t key = 0; key < 1000; ++key) {
    ASSERT_TRUE(counts.Set(key, {key * uint64_t{10}, 0}).ok());
    keys.push_back(key);
  }
  auto entries = counts.Entries();
  EXPECT_EQ(Keys(entries), keys);
}

TEST_F(TypedMapTest, EntriesOfEmptyMapAreNone) {
  const auto map = Make(MapType::kHash, 4);
  const Counts counts = *Counts::Create(map.get());
  auto entries = counts.Entries();
  EXPECT_TRUE(Keys(entries).empty());
  EXPECT_TRUE(entries.status().ok());
}

TEST_F(TypedMapTest, ErrorEndsLoopAndIsInStatus) {
  const auto map = Make(MapType::kHash, 4, kWrOnly);
  Counts counts = *Counts::Create(map.get());
  ASSERT_TRUE(counts.Set(1, {}).ok());
  auto entries = counts.Entries();
  EXPECT_TRUE(Keys(entries).empty());
  EXPECT_TRUE(absl::IsPermissionDenied(entries.status()));
}

TEST_F(TypedMapTest, BatchesOfOneEnd) {
  const auto map = Make(MapType::kHash, 100);
  Counts counts = *Counts::Create(map.get());
  for (uint32_t key = 0; key < 100; ++key)
    ASSERT_TRUE(counts.Set(key, {}).ok());
  Counts::Cursor cursor;
  std::vector<uint32_t> seen;
  while (!cursor.done()) {
    const auto batch = counts.GetBatch(&cursor, 1);
    ASSERT_TRUE(batch.ok()) << batch.status();
    for (const auto& [key, value] : *batch) seen.push_back(key);
  }
  std::sort(seen.begin(), seen.end());
  ASSERT_EQ(seen.size(), 100u);
  for (uint32_t key = 0; key < 100; ++key) EXPECT_EQ(seen[key], key);
}

TEST_F(TypedMapTest, BatchIsSetInOrderUpToFirstError) {
  const auto map = Make(MapType::kHash, 2);
  Counts counts = *Counts::Create(map.get());
  const std::vector<uint32_t> keys = {1, 1, 2, 3, 4};
  const std::vector<Value> values = {{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}};
  const absl::Status status = counts.SetBatch(keys, values);
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("3 of 5 done"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(KeyText(3)));
  EXPECT_EQ(counts.Get(1)->count, 2u);
  EXPECT_EQ(counts.Get(2)->count, 3u);
  EXPECT_TRUE(counts.SetBatch({}, {}).ok());
}

TEST_F(TypedMapTest, BatchOfUnequalLengthsIsRefused) {
  const auto map = Make(MapType::kHash, 2);
  Counts counts = *Counts::Create(map.get());
  EXPECT_EQ(StatusToErrno(counts.SetBatch({1, 2}, {Value{}})), Errno::kInval);
  EXPECT_TRUE(absl::IsNotFound(counts.Get(1).status()));
}

}  // namespace
}  // namespace bpfmap
