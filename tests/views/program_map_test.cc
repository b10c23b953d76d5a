// SPDX-License-Identifier: Apache-2.0

// ProgramMap: types, sizes, and that each method is the helper of that name.

#include "bpfmap/maps/program_map.h"

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_fd_table.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/profiles/cpu.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

struct Value {
  uint64_t count;
  uint32_t flags;
};
using Counts = ProgramMap<uint32_t, Value>;

std::shared_ptr<LocalMap> Make(MapType type, uint32_t max_entries,
                               uint32_t value_size = sizeof(Value)) {
  return *CreateMap({.type = type,
                     .key_size = sizeof(uint32_t),
                     .value_size = value_size,
                     .max_entries = max_entries,
                     .name = "counts"});
}

TEST(ProgramMapTest, LookupGivesPointerOfMap) {
  const auto map = Make(MapType::kHash, 4);
  const Counts counts = *Counts::Create(map.get());
  EXPECT_EQ(counts.Lookup(7), nullptr);
  ASSERT_EQ(counts.Update(7, {.count = 70, .flags = 1}), Errno::kOk);
  const uint32_t key = 7;
  EXPECT_EQ(counts.Lookup(7), map->LookupElem(&key));
  EXPECT_EQ(counts.Lookup(7)->count, 70u);
  EXPECT_EQ(counts.Lookup(7)->flags, 1u);
  EXPECT_EQ(counts.map(), map.get());
}

TEST(ProgramMapTest, ErrorsAreThoseOfHelpers) {
  const auto map = Make(MapType::kHash, 1);
  const Counts counts = *Counts::Create(map.get());
  EXPECT_EQ(counts.Delete(1), Errno::kNoEnt);
  EXPECT_EQ(counts.Update(1, {}, kExist), Errno::kNoEnt);
  ASSERT_EQ(counts.Update(1, {}), Errno::kOk);
  EXPECT_EQ(counts.Update(1, {}, kNoExist), Errno::kExist);
  EXPECT_EQ(counts.Update(2, {}), Errno::k2Big);
  EXPECT_EQ(counts.Delete(1), Errno::kOk);
  EXPECT_EQ(counts.Lookup(1), nullptr);
}

TEST(ProgramMapTest, WrongSizesAreNamed) {
  const auto map = Make(MapType::kHash, 4);
  const auto counts = ProgramMap<uint64_t, uint16_t>::Create(map.get());
  ASSERT_EQ(StatusToErrno(counts.status()), Errno::kInval);
  EXPECT_EQ(counts.status().message(),
            "HASH map \"counts\": key_size is 4 and value_size 16, but the "
            "types given have 8 and 2 bytes: EINVAL");
}

// An array of maps, with a map at index 1.
class ProgramMapOfMapsTest : public ::testing::Test {
 protected:
  ProgramMapOfMapsTest() {
    MapFdTable& fd_table = MapFdTable::Global();
    const uint32_t fd = fd_table.Open(inner_);
    outer_ = *CreateMap({.type = MapType::kArrayOfMaps,
                         .key_size = 4,
                         .value_size = 4,
                         .max_entries = 2,
                         .inner_map_fd = fd});
    const uint32_t one = 1;
    EXPECT_EQ(outer_->Update(&one, &fd), Errno::kOk);
    EXPECT_EQ(fd_table.Close(fd), Errno::kOk);
  }

  const std::shared_ptr<LocalMap> inner_ = Make(MapType::kHash, 4);
  std::shared_ptr<LocalMap> outer_;
};

TEST_F(ProgramMapOfMapsTest, LookupFindsInnerMap) {
  const auto outer = *ProgramMap<uint32_t, LocalMap>::Create(outer_.get());
  EXPECT_EQ(outer.Lookup(1), inner_.get());
  EXPECT_EQ(outer.Lookup(0), nullptr);
  EXPECT_EQ(outer.Lookup(2), nullptr);
  EXPECT_EQ(outer.map(), outer_.get());
}

TEST_F(ProgramMapOfMapsTest, ValuesAreNoNumbers) {
  const auto view = ProgramMap<uint32_t, uint32_t>::Create(outer_.get());
  ASSERT_FALSE(view.ok());
  EXPECT_THAT(std::string(view.status().message()),
              HasSubstr("the type given must be LocalMap"));
}

TEST_F(ProgramMapOfMapsTest, OtherMapsAreRefused) {
  const auto no_map_of_maps =
      ProgramMap<uint32_t, LocalMap>::Create(inner_.get());
  EXPECT_EQ(no_map_of_maps.status().message(),
            "HASH map \"counts\": is no map of maps: EINVAL");
  const auto other_key = ProgramMap<uint64_t, LocalMap>::Create(outer_.get());
  EXPECT_EQ(other_key.status().message(),
            "ARRAY_OF_MAPS map: key_size is 4, but the type given has 8 "
            "bytes: EINVAL");
}

TEST(ProgramMapTest, GetOrInsertInsertsOnce) {
  const auto map = Make(MapType::kHash, 1);
  const Counts counts = *Counts::Create(map.get());
  Value* const inserted = counts.GetOrInsert(1, {.count = 5, .flags = 0});
  ASSERT_NE(inserted, nullptr);
  EXPECT_EQ(inserted->count, 5u);
  EXPECT_EQ(counts.GetOrInsert(1, {.count = 6, .flags = 0}), inserted);
  EXPECT_EQ(inserted->count, 5u);
}

TEST(ProgramMapTest, GetOrInsertOfFullMapIsNull) {
  const auto map = Make(MapType::kHash, 1);
  const Counts counts = *Counts::Create(map.get());
  ASSERT_NE(counts.GetOrInsert(1, {}), nullptr);
  EXPECT_EQ(counts.GetOrInsert(2, {}), nullptr);
}

TEST(ProgramMapTest, GetOrInsertPastEndOfArrayIsNull) {
  const auto map = Make(MapType::kArray, 2);
  const Counts counts = *Counts::Create(map.get());
  EXPECT_NE(counts.GetOrInsert(1, {}), nullptr);
  EXPECT_EQ(counts.GetOrInsert(2, {}), nullptr);
}

TEST(ProgramMapTest, GetOrInsertLosesNoCount) {
  constexpr int kThreads = 4;
  constexpr uint32_t kKeys = 64;
  const auto map = Make(MapType::kHash, kKeys, sizeof(uint64_t));
  const auto counts = *ProgramMap<uint32_t, uint64_t>::Create(map.get());
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([counts] {
      for (uint32_t key = 0; key < kKeys; ++key) {
        uint64_t* const count = counts.GetOrInsert(key, 0);
        ASSERT_NE(count, nullptr);
        __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (uint32_t key = 0; key < kKeys; ++key) {
    EXPECT_EQ(*counts.Lookup(key), uint64_t{kThreads});
  }
}

TEST(ProgramMapTest, ForEachShowsEachElementInPlace) {
  const auto map = Make(MapType::kHash, 4);
  const Counts counts = *Counts::Create(map.get());
  for (const uint32_t key : {1, 2, 3}) {
    ASSERT_EQ(counts.Update(key, {.count = key, .flags = 0}), Errno::kOk);
  }
  std::vector<uint32_t> keys;
  EXPECT_EQ(counts.ForEach([&](const uint32_t& key, Value& value) {
    keys.push_back(key);
    value.count *= 10;
  }),
            3);
  EXPECT_THAT(keys, UnorderedElementsAre(1, 2, 3));
  EXPECT_EQ(counts.Lookup(2)->count, 20u);
}

TEST(ProgramMapTest, ForEachEndsWhereItsFunctionSaysSo) {
  const auto map = Make(MapType::kArray, 4);
  const Counts counts = *Counts::Create(map.get());
  EXPECT_EQ(
      counts.ForEach([](const uint32_t& key, Value&) { return key == 1; }), 2);
}

TEST(ProgramMapTest, ForEachOfTypeWithoutWalkIsNotSupp) {
  const auto map = *CreateMap({.type = MapType::kLpmTrie,
                               .key_size = 8,
                               .value_size = 4,
                               .max_entries = 4,
                               .map_flags = kNoPrealloc});
  const auto view = *ProgramMap<uint64_t, uint32_t>::Create(map.get());
  EXPECT_EQ(view.ForEach([](const uint64_t&, uint32_t&) {}),
            -static_cast<int64_t>(Errno::kNotSupp));
}

TEST(ProgramMapTest, PerCpuValueIsPartOfOneCpu) {
  const ScopedPossibleCpus cpus(3);
  for (const MapType type :
       {MapType::kPerCpuHash, MapType::kPerCpuArray, MapType::kLruPerCpuHash}) {
    SCOPED_TRACE(MapTypeName(type));
    const auto map = Make(type, 2);
    const Counts counts = *Counts::Create(map.get());
    const ScopedCpu cpu(1);
    ASSERT_EQ(counts.Update(0, {.count = 9, .flags = 0}), Errno::kOk);
    EXPECT_EQ(counts.Lookup(0), counts.LookupPerCpu(0, 1));
    EXPECT_EQ(counts.LookupPerCpu(0, 1)->count, 9u);
    EXPECT_EQ(counts.LookupPerCpu(0, 2)->count, 0u);
    EXPECT_EQ(counts.LookupPerCpu(0, 3), nullptr);
    EXPECT_EQ(counts.LookupPerCpu(5, 0), nullptr);
  }
}

TEST(ProgramMapTest, LookupPerCpuOfAnotherTypeIsNull) {
  for (const MapType type :
       {MapType::kHash, MapType::kArray, MapType::kLruHash}) {
    const auto map = Make(type, 2);
    const Counts counts = *Counts::Create(map.get());
    ASSERT_EQ(counts.Update(0, {}), Errno::kOk);
    EXPECT_EQ(counts.LookupPerCpu(0, 0), nullptr) << MapTypeName(type);
  }
}

}  // namespace
}  // namespace bpfmap
