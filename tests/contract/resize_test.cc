// SPDX-License-Identifier: Apache-2.0

// Resize, which maps of the cloud profile have: what it keeps, what it drops,
// and what it refuses. resize_concurrency_test.cc resizes maps in use.
//
// Flag: --seed=N (printed by every run).

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/spin_lock.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/heap.h"
#include "bpfmap/profiles/profile.h"
#include "gtest/gtest.h"
#include "tests/support/eager_memory_profile.h"
#include "tests/support/map_walk.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"

namespace bpfmap {
namespace {

// Maps from uint32_t to uint64_t.
MapDef Def(MapType type, uint32_t max_entries, MapFlags map_flags = {}) {
  return {.type = type,
          .key_size = sizeof(uint32_t),
          .value_size = sizeof(uint64_t),
          .max_entries = max_entries,
          .map_flags = map_flags};
}

uint64_t* Find(LocalMap& map, uint32_t key) {
  return static_cast<uint64_t*>(map.LookupElem(&key));
}

// The key at an unaligned place.
uint32_t KeyAt(const std::byte* bytes) {
  uint32_t key;
  std::memcpy(&key, bytes, sizeof key);
  return key;
}

std::map<uint32_t, uint64_t> Contents(BpfMap& map) {
  std::map<uint32_t, uint64_t> contents;
  EXPECT_EQ(WalkByNextKey(map,
                          [&](const std::byte* key) {
                            EXPECT_EQ(map.Lookup(key, &contents[KeyAt(key)]),
                                      Errno::kOk);
                          }),
            Errno::kOk);
  return contents;
}

// Gives each key from 0 to `count` - 1 a value of its own.
void Fill(BpfMap& map, uint32_t count) {
  for (uint32_t key = 0; key < count; ++key) {
    const uint64_t value = 100 + key;
    ASSERT_EQ(map.Update(&key, &value), Errno::kOk);
  }
}

// Promises of both arrays and hash maps.
template <typename Map>
class ResizeTest : public testing::Test {
 protected:
  static constexpr MapType kType =
      std::same_as<Map, ArrayMap<Cloud>> ? MapType::kArray : MapType::kHash;
};

struct TypeNames {
  template <typename Map>
  static std::string GetName(int) {
    if (std::same_as<Map, ArrayMap<Cloud>>) return "array";
    return std::same_as<Map, HashMap<Cloud>> ? "hash" : "eager_memory_hash";
  }
};
using ResizableMaps =
    testing::Types<ArrayMap<Cloud>, HashMap<Cloud>, HashMap<EagerMemory>>;
TYPED_TEST_SUITE(ResizeTest, ResizableMaps, TypeNames);

TYPED_TEST(ResizeTest, GrowingKeepsEveryElementAndEveryPointerToOne) {
  constexpr uint32_t kCount = 100;
  TypeParam map(Def(this->kType, kCount));
  ASSERT_EQ(map.Init(), Errno::kOk);
  Fill(map, kCount);
  const auto contents = Contents(map);
  std::vector<uint64_t*> pointers;
  for (uint32_t key = 0; key < kCount; ++key) {
    pointers.push_back(Find(map, key));
  }

  ASSERT_EQ(map.Resize(50 * kCount), Errno::kOk);
  if (this->kType == MapType::kHash) {
    EXPECT_EQ(Contents(map), contents);
  }
  for (uint32_t key = 0; key < kCount; ++key) {
    EXPECT_EQ(Find(map, key), pointers[key]);
    EXPECT_EQ(*pointers[key], contents.at(key));
    // It is still the live element: a program's store reaches users.
    *pointers[key] = key;
    uint64_t value = 1;
    EXPECT_EQ(map.Lookup(&key, &value), Errno::kOk);
    EXPECT_EQ(value, key);
  }
}

TYPED_TEST(ResizeTest, GrownMapTakesAsManyElementsAsItSays) {
  TypeParam map(Def(this->kType, 3));
  ASSERT_EQ(map.Init(), Errno::kOk);
  for (uint32_t size : {3, 4, 17, 1000}) {
    ASSERT_EQ(map.Resize(size), Errno::kOk);
    Fill(map, size);
    const uint64_t value = 0;
    EXPECT_EQ(map.Update(&size, &value), Errno::k2Big);
    EXPECT_EQ(Contents(map).size(), size);
  }
}

TYPED_TEST(ResizeTest, MaxEntriesFollows) {
  TypeParam map(Def(this->kType, 10));
  ASSERT_EQ(map.Init(), Errno::kOk);
  for (uint32_t size : {10, 11, 1000, 5, 1, 64, 1000}) {
    EXPECT_EQ(map.Resize(size), Errno::kOk);
    MapDef expected = Def(this->kType, size);
    EXPECT_EQ(map.def(), expected);
  }
}

TYPED_TEST(ResizeTest, SizeZeroIsInvalid) {
  TypeParam map(Def(this->kType, 10));
  ASSERT_EQ(map.Init(), Errno::kOk);
  Fill(map, 10);
  const auto contents = Contents(map);
  EXPECT_EQ(map.Resize(0), Errno::kInval);
  EXPECT_EQ(map.def().max_entries, 10);
  EXPECT_EQ(Contents(map), contents);
}

TYPED_TEST(ResizeTest, FrozenMapKeepsItsSize) {
  TypeParam map(Def(this->kType, 10));
  ASSERT_EQ(map.Init(), Errno::kOk);
  ASSERT_EQ(map.Freeze(), Errno::kOk);
  for (uint32_t size : {0, 5, 10, 20}) {
    EXPECT_EQ(map.Resize(size), Errno::kPerm);
    EXPECT_EQ(map.def().max_entries, 10);
  }
}

TYPED_TEST(ResizeTest, MapThatUsersMayNotWriteKeepsItsSize) {
  TypeParam map(Def(this->kType, 10, kRdOnly));
  ASSERT_EQ(map.Init(), Errno::kOk);
  EXPECT_EQ(map.Resize(20), Errno::kPerm);
  EXPECT_EQ(map.def().max_entries, 10);
}

TYPED_TEST(ResizeTest, OtherRightsDoNotMatter) {
  for (const MapFlags flag : {kWrOnly, kRdOnlyProg, kWrOnlyProg}) {
    TypeParam map(Def(this->kType, 10, flag));
    ASSERT_EQ(map.Init(), Errno::kOk);
    EXPECT_EQ(map.Resize(20), Errno::kOk);
    EXPECT_EQ(map.def().max_entries, 20);
  }
}

TYPED_TEST(ResizeTest, SizeThatNoMemoryHoldsChangesNothing) {
  MapDef def = Def(this->kType, 2);
  def.value_size = 1 << 21;  // 2^48 bytes for 2^27 of them
  TypeParam map(def);
  ASSERT_EQ(map.Init(), Errno::kOk);
  const uint32_t key = 1;
  std::vector<std::byte> value(def.value_size, std::byte{7});
  ASSERT_EQ(map.Update(&key, value.data()), Errno::kOk);
  const uint64_t* const pointer = Find(map, key);

  EXPECT_EQ(map.Resize(1 << 27), Errno::kNoMem);
  EXPECT_EQ(map.def(), def);
  EXPECT_EQ(Find(map, key), pointer);
  std::vector<std::byte> found(def.value_size);
  EXPECT_EQ(map.Lookup(&key, found.data()), Errno::kOk);
  EXPECT_EQ(found, value);
  const uint32_t beyond = 2;
  EXPECT_EQ(map.Resize(3), Errno::kOk);
  EXPECT_EQ(map.Update(&beyond, value.data()), Errno::kOk);
}

TYPED_TEST(ResizeTest, GrowingByOneAgainAndAgainMovesNothing) {
  constexpr uint32_t kSize = 3000;
  TypeParam map(Def(this->kType, 1));
  ASSERT_EQ(map.Init(), Errno::kOk);
  std::vector<const uint64_t*> pointers;
  for (uint32_t key = 0; key < kSize; ++key) {
    const uint64_t value = 7 * key;
    ASSERT_EQ(map.Update(&key, &value), Errno::kOk);
    pointers.push_back(Find(map, key));
    const uint32_t next = key + 1;
    ASSERT_EQ(map.Update(&next, &value), Errno::k2Big);
    ASSERT_EQ(map.Resize(next + 1), Errno::kOk);
  }
  for (uint32_t key = 0; key < kSize; ++key) {
    EXPECT_EQ(Find(map, key), pointers[key]);
    EXPECT_EQ(*pointers[key], 7 * key);
  }
  EXPECT_EQ(map.def().max_entries, kSize + 1);
}

// Arrays.

TEST(ArrayResizeTest, NewElementsAreZero) {
  ArrayMap<Cloud> map(Def(MapType::kArray, 3));
  ASSERT_EQ(map.Init(), Errno::kOk);
  Fill(map, 3);
  ASSERT_EQ(map.Resize(6), Errno::kOk);
  const std::map<uint32_t, uint64_t> expected = {{0, 100}, {1, 101}, {2, 102},
                                                 {3, 0},   {4, 0},   {5, 0}};
  EXPECT_EQ(Contents(map), expected);
}

TEST(ArrayResizeTest, PointerShowsWhatUsersWriteLater) {
  ArrayMap<Cloud> map(Def(MapType::kArray, 3));
  ASSERT_EQ(map.Init(), Errno::kOk);
  const uint64_t* const pointer = Find(map, 1);
  for (uint32_t size : {300, 2, 3000}) {
    ASSERT_EQ(map.Resize(size), Errno::kOk);
    const uint32_t key = 1;
    const uint64_t value = size;
    ASSERT_EQ(map.Update(&key, &value), Errno::kOk);
    EXPECT_EQ(*pointer, size);
  }
}

TEST(ArrayResizeTest, ShrinkingDropsElementsPastEnd) {
  ArrayMap<Cloud> map(Def(MapType::kArray, 10));
  ASSERT_EQ(map.Init(), Errno::kOk);
  Fill(map, 10);
  ASSERT_EQ(map.Resize(4), Errno::kOk);
  const std::map<uint32_t, uint64_t> expected = {
      {0, 100}, {1, 101}, {2, 102}, {3, 103}};
  EXPECT_EQ(Contents(map), expected);
  for (uint32_t key = 4; key < 10; ++key) {
    uint64_t value = 1;
    EXPECT_EQ(Find(map, key), nullptr);
    EXPECT_EQ(map.Lookup(&key, &value), Errno::kNoEnt);
    EXPECT_EQ(map.Update(&key, &value), Errno::k2Big);
    EXPECT_EQ(map.UpdateElem(&key, &value, kAny), Errno::k2Big);
  }
}

TEST(ArrayResizeTest, PointerToDroppedElementShowsItsLastValue) {
  ArrayMap<Cloud> map(Def(MapType::kArray, 10));
  ASSERT_EQ(map.Init(), Errno::kOk);
  Fill(map, 10);
  uint64_t* const dropped = Find(map, 7);
  ASSERT_EQ(map.Resize(4), Errno::kOk);
  EXPECT_EQ(*dropped, 107);
  ASSERT_EQ(map.Resize(6), Errno::kOk);  // Not back yet.
  EXPECT_EQ(*dropped, 107);
  *dropped = 5;
  EXPECT_EQ(*dropped, 5);
}

TEST(ArrayResizeTest, ElementThatComesBackIsZeroAtItsOldAddress) {
  ArrayMap<Cloud> map(Def(MapType::kArray, 10));
  ASSERT_EQ(map.Init(), Errno::kOk);
  Fill(map, 10);
  std::vector<uint64_t*> pointers;
  for (uint32_t key = 0; key < 10; ++key) pointers.push_back(Find(map, key));
  ASSERT_EQ(map.Resize(4), Errno::kOk);
  *pointers[8] = 5;  // Lost, as nobody can look the element up.
  for (uint32_t size : {6, 12, 40}) {
    const uint32_t first = map.def().max_entries;
    ASSERT_EQ(map.Resize(size), Errno::kOk);
    for (uint32_t key = first; key < size; ++key) {
      uint64_t* const pointer = Find(map, key);
      ASSERT_NE(pointer, nullptr);
      EXPECT_EQ(*pointer, 0);
      if (key < pointers.size()) {
        EXPECT_EQ(pointer, pointers[key]);
      }
    }
  }
  EXPECT_EQ(*pointers[3], 103);
}

TEST(ArrayResizeTest, LockThatProgramHoldsOutlivesItsElement) {
  struct Locked {
    uint32_t lock;
    uint32_t number;
  };
  MapDef def = Def(MapType::kArray, 10);
  def.spin_lock_offset = offsetof(Locked, lock);
  ArrayMap<Cloud> map(def);
  ASSERT_EQ(map.Init(), Errno::kOk);
  const uint32_t key = 7;
  auto* const held = static_cast<Locked*>(map.LookupElem(&key));
  ASSERT_NE(held, nullptr);
  SpinLock(&held->lock);
  held->number = 5;
  ASSERT_EQ(map.Resize(4), Errno::kOk);
  ASSERT_EQ(map.Resize(10), Errno::kOk);
  EXPECT_EQ(held->number, 0);
  EXPECT_NE(held->lock, 0) << "the lock opened by itself";
  SpinUnlock(&held->lock);
}

TEST(ArrayResizeTest, WalkThatSpansResizeFollowsIndices) {
  ArrayMap<Cloud> map(Def(MapType::kArray, 10));
  ASSERT_EQ(map.Init(), Errno::kOk);
  uint32_t key = 7, next = 0, position = 7;
  std::array<uint32_t, 64> keys;
  std::array<uint64_t, 64> values;

  ASSERT_EQ(map.Resize(40), Errno::kOk);
  EXPECT_EQ(map.GetNextKey(&key, &next), Errno::kOk);
  EXPECT_EQ(next, 8);
  uint32_t count = 64;
  EXPECT_EQ(
      map.LookupBatch(&position, &position, keys.data(), values.data(), &count),
      Errno::kNoEnt);
  EXPECT_EQ(count, 32);
  EXPECT_EQ(keys[0], 8);
  EXPECT_EQ(keys[31], 39);

  // An index that is gone is like any that is not there: the walk starts anew.
  ASSERT_EQ(map.Resize(5), Errno::kOk);
  EXPECT_EQ(map.GetNextKey(&key, &next), Errno::kOk);
  EXPECT_EQ(next, 0);
  count = 64;
  EXPECT_EQ(
      map.LookupBatch(&position, &position, keys.data(), values.data(), &count),
      Errno::kNoEnt);
  EXPECT_EQ(count, 5);
  EXPECT_EQ(keys[0], 0);
}

// Hash maps.

template <typename Map>
class HashResizeTest : public testing::Test {};

using ResizableHashMaps = testing::Types<HashMap<Cloud>, HashMap<EagerMemory>>;
TYPED_TEST_SUITE(HashResizeTest, ResizableHashMaps, TypeNames);

TYPED_TEST(HashResizeTest, ShrinkingBelowElementsChangesNothing) {
  TypeParam map(Def(MapType::kHash, 20));
  ASSERT_EQ(map.Init(), Errno::kOk);
  Fill(map, 10);
  const auto contents = Contents(map);
  for (uint32_t size : {1, 5, 9}) {
    EXPECT_EQ(map.Resize(size), Errno::k2Big);
    EXPECT_EQ(map.def().max_entries, 20);
    EXPECT_EQ(Contents(map), contents);
  }
  Fill(map, 20);
}

TYPED_TEST(HashResizeTest, MapShrunkToItsElementsIsFull) {
  TypeParam map(Def(MapType::kHash, 20));
  ASSERT_EQ(map.Init(), Errno::kOk);
  Fill(map, 10);
  ASSERT_EQ(map.Resize(10), Errno::kOk);
  const uint32_t old_key = 4, new_key = 10;
  const uint64_t value = 5;
  EXPECT_EQ(map.Update(&new_key, &value), Errno::k2Big);
  for (int i = 0; i < 3; ++i) Fill(map, 10);
  EXPECT_EQ(map.Delete(&old_key), Errno::kOk);
  EXPECT_EQ(map.Update(&new_key, &value), Errno::kOk);
  EXPECT_EQ(map.Update(&old_key, &value), Errno::k2Big);
}

TYPED_TEST(HashResizeTest, MoreThanLinuxAllowsIsTooBig) {
  TypeParam map(Def(MapType::kHash, 20));
  ASSERT_EQ(map.Init(), Errno::kOk);
  Fill(map, 20);
  const auto contents = Contents(map);
  for (uint32_t size : {(1U << 27) + 1, 0x80000000, 0xffffffff}) {
    EXPECT_EQ(map.Resize(size), Errno::k2Big);
    EXPECT_EQ(map.def().max_entries, 20);
    EXPECT_EQ(Contents(map), contents);
  }
}

TYPED_TEST(HashResizeTest, PointerToOldElementStaysGoodMemory) {
  TypeParam map(Def(MapType::kHash, 4));
  ASSERT_EQ(map.Init(), Errno::kOk);
  Fill(map, 2);
  const uint32_t replaced_key = 0, deleted_key = 1;
  uint64_t* const replaced = Find(map, replaced_key);
  uint64_t* const deleted = Find(map, deleted_key);
  const uint64_t value = 5;
  ASSERT_EQ(map.Update(&replaced_key, &value), Errno::kOk);
  ASSERT_EQ(map.Delete(&deleted_key), Errno::kOk);
  ASSERT_EQ(map.Resize(1000), Errno::kOk);
  EXPECT_EQ(*replaced, 100);
  EXPECT_EQ(*deleted, 101);
  *replaced = *deleted = 6;
  EXPECT_EQ(*Find(map, replaced_key), value);
  EXPECT_EQ(Find(map, deleted_key), nullptr);
}

// Calls `resize` after `before` steps of a walk over `count` keys, and expects
// the walk to show them all.
template <typename Resize>
void ExpectWholeWalk(BpfMap& map, uint32_t count, uint32_t before,
                     Resize resize) {
  std::vector<int> shown(count);
  uint32_t steps = 0;
  EXPECT_EQ(WalkByNextKey(map,
                          [&](const std::byte* key) {
                            ++shown.at(KeyAt(key));
                            if (++steps == before) resize();
                          }),
            Errno::kOk);
  EXPECT_EQ(std::count(shown.begin(), shown.end(), 1), count)
      << "with a resize after " << before << " of " << count << " keys";
}

TYPED_TEST(HashResizeTest, WalkByNextKeyThatSpansGrowthShowsEachKeyOnce) {
  constexpr uint32_t kCount = 40;
  for (uint32_t before = 1; before <= kCount && !this->HasFailure(); ++before) {
    for (uint32_t size : {kCount + 1, 2 * kCount, 100 * kCount}) {
      TypeParam map(Def(MapType::kHash, kCount));
      ASSERT_EQ(map.Init(), Errno::kOk);
      Fill(map, kCount);
      ExpectWholeWalk(map, kCount, before,
                      [&] { ASSERT_EQ(map.Resize(size), Errno::kOk); });
    }
  }
}

TYPED_TEST(HashResizeTest, WalkByNextKeyThatSpansShrinkShowsEachKeyOnce) {
  constexpr uint32_t kCount = 40;
  TypeParam map(Def(MapType::kHash, 10 * kCount));
  ASSERT_EQ(map.Init(), Errno::kOk);
  Fill(map, kCount);
  uint32_t steps = 0;
  ExpectWholeWalk(map, kCount, 20,
                  [&] { ASSERT_EQ(map.Resize(kCount), Errno::kOk); });
  EXPECT_EQ(WalkByNextKey(map, [&](const std::byte*) { ++steps; }), Errno::kOk);
  EXPECT_EQ(steps, kCount);
}

TYPED_TEST(HashResizeTest, WalkByBatchThatSpansGrowthShowsEachKeyOnce) {
  constexpr uint32_t kCount = 40;
  for (uint32_t before = 1; before <= kCount && !this->HasFailure(); ++before) {
    for (uint32_t size : {kCount + 1, 2 * kCount, 100 * kCount}) {
      TypeParam map(Def(MapType::kHash, kCount));
      ASSERT_EQ(map.Init(), Errno::kOk);
      Fill(map, kCount);
      std::vector<int> shown(kCount);
      uint32_t steps = 0;
      EXPECT_EQ(WalkByBatch(map, 4,
                            [&](const std::byte* key, const std::byte*) {
                              ++shown.at(KeyAt(key));
                              if (++steps != before) return;
                              ASSERT_EQ(map.Resize(size), Errno::kOk);
                            }),
                Errno::kOk);
      EXPECT_EQ(std::count(shown.begin(), shown.end(), 1), kCount)
          << "with a resize after " << before << " keys";
    }
  }
}

// Random commands among resizes, against a std::map.
TYPED_TEST(HashResizeTest, ResizesAmongOtherCommandsLoseNothing) {
  constexpr int kSteps = 200'000;
  constexpr uint32_t kKeys = 400;
  std::mt19937_64 random(RandomSeed());
  for (int round = 0; round < 4; ++round) {
    TypeParam map(Def(MapType::kHash, 1 + random() % 20));
    ASSERT_EQ(map.Init(), Errno::kOk);
    std::map<uint32_t, uint64_t> model;
    uint32_t size = map.def().max_entries;
    for (int step = 0; step < kSteps / 4; ++step) {
      SCOPED_TRACE(step);
      const uint32_t key = random() % kKeys;
      const bool present = model.contains(key);
      const uint64_t value = random();
      if (random() % 64 == 0) {
        const uint32_t wanted = 1 + random() % kKeys;
        const bool fits = wanted >= model.size();
        ASSERT_EQ(map.Resize(wanted), fits ? Errno::kOk : Errno::k2Big);
        if (fits) size = wanted;
        ASSERT_EQ(map.def().max_entries, size);
      } else if (random() % 3 == 0) {
        ASSERT_EQ(map.Delete(&key), present ? Errno::kOk : Errno::kNoEnt);
        model.erase(key);
      } else {
        const bool fits = present || model.size() < size;
        ASSERT_EQ(map.Update(&key, &value), fits ? Errno::kOk : Errno::k2Big);
        if (fits) model[key] = value;
      }
      if (step % 1024 == 0) {
        ASSERT_EQ(Contents(map), model);
      }
    }
  }
}

// A cloud whose memory ends when a test says so.
class RationedHeap {
 public:
  void Ration(int allocations) { left_ = allocations; }
  void* Allocate(std::size_t bytes, std::size_t alignment) {
    return left_-- > 0 ? heap_.Allocate(bytes, alignment) : nullptr;
  }
  void Deallocate(void* p) { heap_.Deallocate(p); }

 private:
  Heap heap_;
  int left_ = 0;
};
template <bool kLazy>
struct Rationed {
  static constexpr const char* kName = "rationed";
  static constexpr bool kResizable = true;
  static constexpr bool kLazyMemory = kLazy;
  static constexpr uint32_t kLockStripes = 4;
  static constexpr std::size_t kCacheLineSize = 64;
  using Lock = RwLock;
  using Mutex = Cloud::Mutex;
  using BitLock = Cloud::BitLock;
  using Memory = RationedHeap;
  static uint64_t RandomSeed() { return 1; }
};
static_assert(Profile<Rationed<true>> && Profile<Rationed<false>>);

template <typename Map>
void ExpectThatAFailedResizeChangesNothing(MapType type) {
  int failures = 0;
  for (bool done = false; !done; ++failures) {
    RationedHeap memory;
    memory.Ration(100);
    Map map(Def(type, 10), &memory);
    ASSERT_EQ(map.Init(), Errno::kOk);
    Fill(map, 10);
    const auto contents = Contents(map);

    memory.Ration(failures);
    const Errno error = map.Resize(1000);
    done = error == Errno::kOk;
    if (done) break;
    EXPECT_EQ(error, Errno::kNoMem);
    EXPECT_EQ(map.def().max_entries, 10);
    EXPECT_EQ(Contents(map), contents);
    const uint32_t key = 10;
    const uint64_t value = 1;
    EXPECT_EQ(map.Update(&key, &value), Errno::k2Big);

    memory.Ration(100);
    EXPECT_EQ(map.Resize(1000), Errno::kOk);
    Fill(map, 1000);
  }
  EXPECT_GT(failures, 0);
}

TEST(ArrayResizeTest, ResizeThatFindsNoMemoryChangesNothing) {
  ExpectThatAFailedResizeChangesNothing<ArrayMap<Rationed<true>>>(
      MapType::kArray);
}

TEST(HashResizeMemoryTest, ResizeThatFindsNoMemoryChangesNothing) {
  ExpectThatAFailedResizeChangesNothing<HashMap<Rationed<true>>>(
      MapType::kHash);
  ExpectThatAFailedResizeChangesNothing<HashMap<Rationed<false>>>(
      MapType::kHash);
}

}  // namespace
}  // namespace bpfmap
