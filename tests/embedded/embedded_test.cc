// SPDX-License-Identifier: Apache-2.0

// The embedded profile's promises about memory: a size that is known to the
// byte in advance, ENOMEM when it is spent, and no Resize().
// embedded_no_heap_test.cc and embedded_symbols_test.sh show that there is no
// heap.

#include "bpfmap/profiles/embedded.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/internal/rules/map_types.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/maps/queue_stack_map.h"
#include "bpfmap/profiles/cloud.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

template <typename Map>
concept HasResize = requires(Map& map, uint32_t max_entries) {
  map.Resize(max_entries);
};
static_assert(HasResize<ArrayMap<Cloud>>);
static_assert(HasResize<HashMap<Cloud>>);
static_assert(!HasResize<ArrayMap<Embedded>>);
static_assert(!HasResize<HashMap<Embedded>>);
static_assert(!HasResize<LocalMap>);
static_assert(!HasResize<QueueMap<Embedded>>);
static_assert(!HasResize<StackMap<Embedded>>);

using Pool = Embedded::Memory;
static_assert(Pool::kTotalSize == 64 * 1024);

constexpr MapDef ArrayDef(uint32_t value_size, uint32_t max_entries) {
  return {.type = MapType::kArray,
          .key_size = sizeof(uint32_t),
          .value_size = value_size,
          .max_entries = max_entries};
}

constexpr MapDef HashDef(uint32_t key_size, uint32_t value_size,
                         uint32_t max_entries) {
  return {.type = MapType::kHash,
          .key_size = key_size,
          .value_size = value_size,
          .max_entries = max_entries};
}

constexpr MapDef KeylessDef(MapType type, uint32_t value_size,
                            uint32_t max_entries) {
  return {.type = type, .value_size = value_size, .max_entries = max_entries};
}

std::string Describe(const MapDef& def) {
  return std::string(MapTypeName(def.type)) + ", key_size " +
         std::to_string(def.key_size) + ", value_size " +
         std::to_string(def.value_size) + ", max_entries " +
         std::to_string(def.max_entries);
}

// Definitions with sizes around every rounding, small and large.
std::vector<MapDef> AllDefs() {
  std::vector<MapDef> defs;
  for (const uint32_t value_size :
       {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 63, 64, 100, 255, 256, 999, 1000}) {
    for (const uint32_t max_entries :
         {1, 2, 3, 4, 5, 7, 8, 9, 31, 63, 64, 65, 100, 128, 255, 500}) {
      defs.push_back(ArrayDef(value_size, max_entries));
      defs.push_back(defs.back());
      defs.back().type = MapType::kPerCpuArray;
      defs.push_back(KeylessDef(MapType::kQueue, value_size, max_entries));
      defs.push_back(KeylessDef(MapType::kStack, value_size, max_entries));
      defs.push_back(
          KeylessDef(MapType::kBloomFilter, value_size, max_entries));
      defs.back().map_extra = value_size % 16;
      for (const uint32_t key_size :
           {1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 100, 511, 512}) {
        defs.push_back(HashDef(key_size, value_size, max_entries));
        if (key_size % 4 != 0) continue;
        defs.push_back(defs.back());
        defs.back().type = MapType::kPerCpuHash;
      }
    }
  }
  // Flags and the like, which take no memory.
  defs.push_back(HashDef(4, 16, 20));
  defs.back().map_flags = kNoPrealloc | kZeroSeed;
  defs.push_back(HashDef(4, 16, 20));
  defs.back().spin_lock_offset = 8;
  defs.push_back(ArrayDef(16, 20));
  defs.back().spin_lock_offset = 0;
  return defs;
}

class EmbeddedTest : public testing::Test {
 protected:
  EmbeddedTest() { pool_.Reset(); }

  // Calls test(type_identity of def's map class).
  template <typename Test>
  static void WithMapType(const MapDef& def, Test test) {
    ASSERT_TRUE(VisitMapType<Embedded>(def.type, test));
  }

  // Takes so much that `bytes` are left. Returns false if fewer are.
  bool Leave(std::size_t bytes) {
    return bytes <= pool_.remaining() &&
           pool_.Allocate(pool_.remaining() - bytes, 8) != nullptr &&
           pool_.remaining() == bytes;
  }

  // Creates a map from `def`, stores an element, and finds it.
  void ExpectMapWorks(const MapDef& def) {
    WithMapType(def, [&]<typename Map>(std::type_identity<Map>) {
      Map map(def, &pool_);
      ASSERT_EQ(map.Init(), Errno::kOk);
      std::vector<std::byte> key(def.key_size);
      std::vector<std::byte> value(def.value_size, std::byte{0x5a});
      ASSERT_EQ(map.Update(key.data(), value.data()), Errno::kOk);
      std::vector<std::byte> found(def.value_size);
      ASSERT_EQ(map.Lookup(key.data(), found.data()), Errno::kOk);
      EXPECT_EQ(found, value);
    });
  }

  static constinit Pool pool_;
};
constinit Pool EmbeddedTest::pool_;

TEST_F(EmbeddedTest, MapTakesWhatWasSaidToByte) {
  int fit = 0;
  for (const MapDef& def : AllDefs()) {
    SCOPED_TRACE(Describe(def));
    const uint64_t needed = MemoryNeeded<Embedded>(def);
    if (needed > Pool::kTotalSize) continue;
    ++fit;
    WithMapType(def, [&]<typename Map>(std::type_identity<Map>) {
      EXPECT_EQ(Map::MemoryNeeded(def), needed);
      pool_.Reset();
      Map map(def, &pool_);
      EXPECT_EQ(pool_.remaining(), Pool::kTotalSize);
      ASSERT_EQ(map.Init(), Errno::kOk);
      EXPECT_EQ(Pool::kTotalSize - pool_.remaining(), needed);
    });
  }
  EXPECT_GE(fit, 1000);
}

TEST_F(EmbeddedTest, MapFitsIfAndOnlyIfThatMuchIsLeft) {
  int fit = 0;
  for (const MapDef& def : AllDefs()) {
    SCOPED_TRACE(Describe(def));
    const uint64_t needed = MemoryNeeded<Embedded>(def);
    WithMapType(def, [&]<typename Map>(std::type_identity<Map>) {
      pool_.Reset();
      if (Leave(needed)) {
        ++fit;
        Map map(def, &pool_);
        EXPECT_EQ(map.Init(), Errno::kOk);
        EXPECT_EQ(pool_.remaining(), 0u);
        pool_.Reset();
        ASSERT_TRUE(Leave(needed - 8));
      }
      Map map(def, &pool_);
      EXPECT_EQ(map.Init(), Errno::kNoMem);
    });
  }
  EXPECT_GE(fit, 1000);
}

TEST_F(EmbeddedTest, MapsFollowEachOtherWithoutGap) {
  const MapDef first = HashDef(5, 3, 7);
  const MapDef second = ArrayDef(3, 5);
  HashMap<Embedded> hash(first, &pool_);
  ArrayMap<Embedded> array(second, &pool_);
  ASSERT_EQ(hash.Init(), Errno::kOk);
  ASSERT_EQ(array.Init(), Errno::kOk);
  EXPECT_EQ(Pool::kTotalSize - pool_.remaining(),
            MemoryNeeded<Embedded>(first) + MemoryNeeded<Embedded>(second));
}

TEST_F(EmbeddedTest, LargestArrayTakesWholePool) {
  const uint64_t lock_size = MemoryNeeded<Embedded>(ArrayDef(8, 1)) - 8;
  const MapDef largest = ArrayDef(Pool::kTotalSize - lock_size, 1);
  ASSERT_EQ(MemoryNeeded<Embedded>(largest), Pool::kTotalSize);
  ExpectMapWorks(largest);
  EXPECT_EQ(pool_.remaining(), 0u);
}

TEST_F(EmbeddedTest, BadDefinitionNeedsNothingAndTakesNothing) {
  for (const MapDef& def :
       {ArrayDef(0, 1), ArrayDef(8, 0), HashDef(0, 8, 1), HashDef(4, 8, 0),
        HashDef(4, 8, 0xffffffff), KeylessDef(MapType::kQueue, 0, 1),
        KeylessDef(MapType::kStack, 0x400001, 1), MapDef{}}) {
    SCOPED_TRACE(Describe(def));
    EXPECT_EQ(MemoryNeeded<Embedded>(def), 0u);
    if (def.type == MapType{}) continue;  // no class for it
    WithMapType(def, [&]<typename Map>(std::type_identity<Map>) {
      Map map(def, &pool_);
      const Errno error = map.Init();
      EXPECT_TRUE(error == Errno::kInval || error == Errno::k2Big);
    });
    EXPECT_EQ(pool_.remaining(), Pool::kTotalSize);
  }
}

TEST_F(EmbeddedTest, SizeBeyondAnyMemoryIsNoMem) {
  for (const MapDef& def :
       {ArrayDef(0x7fffffff, 0xffffffff), ArrayDef(8, 0xffffffff),
        HashDef(4, 8, 1U << 27), HashDef(512, 4193743, 1U << 27),
        HashDef(4, 8, 1U << 13),
        KeylessDef(MapType::kQueue, 0x400000, 0xffffffff),
        KeylessDef(MapType::kStack, 8, 1U << 13),
        KeylessDef(MapType::kBloomFilter, 8, 0xffffffff)}) {
    SCOPED_TRACE(Describe(def));
    EXPECT_GT(MemoryNeeded<Embedded>(def), Pool::kTotalSize);
    pool_.Reset();
    WithMapType(def, [&]<typename Map>(std::type_identity<Map>) {
      Map map(def, &pool_);
      EXPECT_EQ(map.Init(), Errno::kNoMem);
    });
  }
}

// Wherever in Init() memory ran out.
TEST_F(EmbeddedTest, MapWithoutMemoryCanBeDestroyed) {
  MapDef per_cpu_array = ArrayDef(8, 10), per_cpu_hash = HashDef(4, 8, 10);
  per_cpu_array.type = MapType::kPerCpuArray;
  per_cpu_hash.type = MapType::kPerCpuHash;
  for (const MapDef& def : {ArrayDef(8, 10), HashDef(4, 8, 10), per_cpu_array,
                            per_cpu_hash, KeylessDef(MapType::kQueue, 8, 10)}) {
    const uint64_t needed = MemoryNeeded<Embedded>(def);
    for (uint64_t left = 0; left < needed; left += 8) {
      SCOPED_TRACE(Describe(def) + ", " + std::to_string(left) + " bytes left");
      pool_.Reset();
      ASSERT_TRUE(Leave(left));
      WithMapType(def, [&]<typename Map>(std::type_identity<Map>) {
        Map map(def, &pool_);
        EXPECT_EQ(map.Init(), Errno::kNoMem);
      });
    }
  }
}

TEST_F(EmbeddedTest, BehindMapWithoutMemoryThereIsRoomForSmallerOne) {
  for (const MapDef& large : {ArrayDef(1000, 500), HashDef(4, 1000, 500)}) {
    SCOPED_TRACE(Describe(large));
    pool_.Reset();
    WithMapType(large, [&]<typename Map>(std::type_identity<Map>) {
      Map map(large, &pool_);
      ASSERT_EQ(map.Init(), Errno::kNoMem);
    });
    ExpectMapWorks(ArrayDef(1000, 20));
    ExpectMapWorks(HashDef(4, 1000, 20));
  }
}

TEST_F(EmbeddedTest, MapWithoutMemoryLeavesOthersAlone) {
  HashMap<Embedded> map(HashDef(4, 4, 100), &pool_);
  ASSERT_EQ(map.Init(), Errno::kOk);
  for (uint32_t key = 0; key < 100; ++key) {
    ASSERT_EQ(map.Update(&key, &key), Errno::kOk);
  }
  {
    ArrayMap<Embedded> large(ArrayDef(1000, 500), &pool_);
    ASSERT_EQ(large.Init(), Errno::kNoMem);
  }
  for (uint32_t key = 0; key < 100; ++key) {
    uint32_t value = 0;
    ASSERT_EQ(map.Lookup(&key, &value), Errno::kOk);
    EXPECT_EQ(value, key);
  }
}

TEST_F(EmbeddedTest, DestroyedMapGivesNothingBack) {
  const MapDef def = HashDef(4, 8, 10);
  for (int maps = 1; maps <= 3; ++maps) {
    ExpectMapWorks(def);
    EXPECT_EQ(Pool::kTotalSize - pool_.remaining(),
              maps * MemoryNeeded<Embedded>(def));
  }
}

TEST_F(EmbeddedTest, MapsAreSeededDifferently) {
  const uint64_t one = Embedded::RandomSeed();
  EXPECT_NE(one, Embedded::RandomSeed());
}

}  // namespace
}  // namespace bpfmap
