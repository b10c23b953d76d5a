// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/saved_map.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

std::shared_ptr<LocalMap> Create(MapType type, uint32_t key_size) {
  absl::StatusOr<std::shared_ptr<LocalMap>> map = CreateMap(
      {.type = type, .key_size = key_size, .value_size = 8, .max_entries = 4});
  EXPECT_TRUE(map.ok()) << map.status();
  return *map;
}

class KeyedTest : public testing::TestWithParam<MapType> {
 protected:
  void Set(uint32_t key, uint64_t number) {
    const std::vector<uint64_t> value(static_cast<std::size_t>(PossibleCpus()),
                                      number);
    EXPECT_EQ(map_->Update(&key, value.data()), Errno::kOk);
  }
  // 0: there is none.
  uint64_t Get(uint32_t key) {
    std::vector<uint64_t> value(static_cast<std::size_t>(PossibleCpus()));
    if (map_->Lookup(&key, value.data()) != Errno::kOk) return 0;
    return IsPerCpu(GetParam()) ? value.back() : value.front();
  }

  const std::shared_ptr<LocalMap> map_ = Create(GetParam(), 4);
};

TEST_P(KeyedTest, ChangesAreUndone) {
  Set(1, 10);
  Set(2, 20);
  SavedMap saved(map_.get());
  Set(1, 11);
  Set(3, 30);
  EXPECT_TRUE(saved.Restore());
  EXPECT_EQ(Get(1), 10U);
  EXPECT_EQ(Get(2), 20U);
  EXPECT_EQ(Get(3), 0U);
}

TEST_P(KeyedTest, WhatIsGoneComesBack) {
  Set(1, 10);
  SavedMap saved(map_.get());
  const uint32_t one = 1;
  if (map_->Delete(&one) != Errno::kOk) Set(1, 0);  // an array
  EXPECT_TRUE(saved.Restore());
  EXPECT_EQ(Get(1), 10U);
}

INSTANTIATE_TEST_SUITE_P(
    Types, KeyedTest,
    testing::Values(MapType::kHash, MapType::kArray, MapType::kPerCpuHash,
                    MapType::kPerCpuArray, MapType::kLruHash),
    [](const auto& info) { return MapTypeName(info.param); });

class ListTest : public testing::TestWithParam<MapType> {};

TEST_P(ListTest, OrderComesBack) {
  const auto map = Create(GetParam(), 0);
  for (const uint64_t value : {1, 2, 3}) {
    ASSERT_EQ(map->Update(nullptr, &value), Errno::kOk);
  }
  SavedMap saved(map.get());
  uint64_t value = 0;
  ASSERT_EQ(map->LookupAndDelete(nullptr, &value), Errno::kOk);
  EXPECT_TRUE(saved.Restore());
  const bool is_stack = GetParam() == MapType::kStack;
  for (const uint64_t expected : {is_stack ? 3 : 1, 2, is_stack ? 1 : 3}) {
    ASSERT_EQ(map->LookupAndDelete(nullptr, &value), Errno::kOk);
    EXPECT_EQ(value, expected);
  }
  EXPECT_EQ(map->LookupAndDelete(nullptr, &value), Errno::kNoEnt);
}

INSTANTIATE_TEST_SUITE_P(Types, ListTest,
                         testing::Values(MapType::kQueue, MapType::kStack),
                         [](const auto& info) {
                           return MapTypeName(info.param);
                         });

TEST(SavedMapTest, FrozenMapCannotBeRestored) {
  const auto map = Create(MapType::kArray, 4);
  SavedMap saved(map.get());
  const uint32_t zero = 0;
  const uint64_t one = 1;
  ASSERT_EQ(map->Update(&zero, &one), Errno::kOk);
  ASSERT_EQ(map->Freeze(), Errno::kOk);
  EXPECT_FALSE(saved.Restore());
}

}  // namespace
}  // namespace bpfmap
