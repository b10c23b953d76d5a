// SPDX-License-Identifier: Apache-2.0

// The contract of array and hash maps, rule by rule, on every backend.
//
// A rule stands here as a sentence; every combination of flags, states and
// errors stands in golden/kernel_errno.tsv (golden_test.cc), and random ones in
// differential_test.cc.

#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/lru_rule.h"
#include "tests/support/on_cpu.h"

namespace bpfmap {
namespace {

using ::testing::Each;
using ::testing::UnorderedElementsAre;

// A map of u32 -> u64 on the backend.
class ContractTest : public BackendTest {
 protected:
  void Make(MapType type, uint32_t max_entries, MapFlags map_flags = {}) {
    ASSERT_EQ(GetParam().create({.type = type,
                                 .key_size = 4,
                                 .value_size = 8,
                                 .max_entries = max_entries,
                                 .map_flags = map_flags,
                                 .name = "contract"},
                                &map_),
              Errno::kOk);
  }

  Errno Update(uint32_t key, uint64_t value, ElemFlags flags = kAny) {
    return map_->Update(&key, &value, flags);
  }
  Errno Delete(uint32_t key) { return map_->Delete(&key); }
  Errno Lookup(uint32_t key, uint64_t* value) {
    return map_->Lookup(&key, value);
  }
  // The value of a key that must be there.
  uint64_t At(uint32_t key) {
    uint64_t value = 0;
    EXPECT_EQ(Lookup(key, &value), Errno::kOk) << "key " << key;
    return value;
  }
  bool Has(uint32_t key) {
    uint64_t value;
    return Lookup(key, &value) == Errno::kOk;
  }
  std::set<uint32_t> Keys() {
    std::set<uint32_t> keys;
    uint32_t key;
    Errno error = map_->GetNextKey(nullptr, &key);
    for (; error == Errno::kOk; error = map_->GetNextKey(&key, &key)) {
      EXPECT_TRUE(keys.insert(key).second) << "key " << key << " twice";
    }
    EXPECT_EQ(error, Errno::kNoEnt);
    return keys;
  }

  TestMap map_;
};

class ArrayContractTest : public ContractTest {};
class HashContractTest : public ContractTest {};
class LruContractTest : public ContractTest {
 protected:
  void SetUp() override {
    if (!GetParam().has(MapType::kLruHash)) {
      GTEST_SKIP() << GetParam().name << " has no LRU maps";
    }
    ContractTest::SetUp();
  }

 private:
  const OnCpu on_cpu_;
};
// For Linux's order alone.
class LinuxLruContractTest : public LruContractTest {
 protected:
  void SetUp() override {
    if (!GetParam().has(MapType::kLruPerCpuHash)) {
      GTEST_SKIP() << GetParam().name << " has the strict order";
    }
    LruContractTest::SetUp();
  }
};

// Arrays.

TEST_P(ArrayContractTest, EveryIndexIsThereAndZeroAtFirst) {
  Make(MapType::kArray, 5);
  for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(At(i), 0u);
  EXPECT_THAT(Keys(), UnorderedElementsAre(0, 1, 2, 3, 4));
}

TEST_P(ArrayContractTest, IndexPastEndIsNoEntToReadAnd2BigToWrite) {
  Make(MapType::kArray, 5);
  for (const uint32_t index : {5U, 6U, 0x7fffffffU, 0xffffffffU}) {
    uint64_t value = 17;
    EXPECT_EQ(Lookup(index, &value), Errno::kNoEnt);
    EXPECT_EQ(value, 17u);
    EXPECT_EQ(Update(index, 1), Errno::k2Big);
  }
}

TEST_P(ArrayContractTest, NoExistIsAlwaysRefusedAndExistNever) {
  Make(MapType::kArray, 2);
  EXPECT_EQ(Update(0, 1, kNoExist), Errno::kExist);
  EXPECT_EQ(At(0), 0u);
  EXPECT_EQ(Update(0, 2, kExist), Errno::kOk);
  EXPECT_EQ(At(0), 2u);
}

TEST_P(ArrayContractTest, IndexIsCheckedBeforeNoExist) {
  Make(MapType::kArray, 2);
  EXPECT_EQ(Update(2, 1, kNoExist), Errno::k2Big);
}

TEST_P(ArrayContractTest, NothingCanBeDeleted) {
  Make(MapType::kArray, 2);
  EXPECT_EQ(Update(0, 7), Errno::kOk);
  EXPECT_EQ(Delete(0), Errno::kInval);
  EXPECT_EQ(Delete(9), Errno::kInval);
  uint32_t key = 0;
  uint64_t value = 17;
  EXPECT_EQ(map_->LookupAndDelete(&key, &value), Errno::kNotSupp);
  EXPECT_EQ(value, 17u);
  uint32_t count = 1;
  EXPECT_EQ(map_->DeleteBatch(&key, &count), Errno::kNotSupp);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(At(0), 7u);
}

TEST_P(ArrayContractTest, WalkFromPastEndStartsAgain) {
  Make(MapType::kArray, 3);
  uint32_t next = 99;
  for (const uint32_t key : {3U, 0xffffffffU}) {
    EXPECT_EQ(map_->GetNextKey(&key, &next), Errno::kOk);
    EXPECT_EQ(next, 0u);
  }
  const uint32_t last = 2;
  EXPECT_EQ(map_->GetNextKey(&last, &next), Errno::kNoEnt);
}

TEST_P(ArrayContractTest, BatchThatEndsExactlyIsOkAndNextOneNoEnt) {
  Make(MapType::kArray, 3);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(Update(i, 10 + i), Errno::kOk);
  std::array<uint32_t, 4> keys{};
  std::array<uint64_t, 4> values{};
  uint32_t position;
  uint32_t count = 3;
  EXPECT_EQ(
      map_->LookupBatch(nullptr, &position, keys.data(), values.data(), &count),
      Errno::kOk);
  EXPECT_EQ(count, 3u);
  EXPECT_THAT(keys, ::testing::ElementsAre(0, 1, 2, 0));
  EXPECT_THAT(values, ::testing::ElementsAre(10, 11, 12, 0));
  EXPECT_EQ(map_->LookupBatch(&position, &position, keys.data(), values.data(),
                              &count),
            Errno::kNoEnt);
  EXPECT_EQ(count, 0u);
}

TEST_P(ArrayContractTest, ValueOfOddSizeComesBackWhole) {
  for (const uint32_t size : {1U, 3U, 5U, 7U, 9U, 12U, 17U, 255U}) {
    ASSERT_EQ(GetParam().create({.type = MapType::kArray,
                                 .key_size = 4,
                                 .value_size = size,
                                 .max_entries = 3},
                                &map_),
              Errno::kOk);
    for (uint32_t i = 0; i < 3; ++i) {
      const std::vector<uint8_t> value(size, static_cast<uint8_t>(i + 1));
      EXPECT_EQ(map_->Update(&i, value.data()), Errno::kOk);
    }
    for (uint32_t i = 0; i < 3; ++i) {
      std::vector<uint8_t> value(size + 1, 0xee);
      EXPECT_EQ(map_->Lookup(&i, value.data()), Errno::kOk);
      EXPECT_EQ(value.back(), 0xee) << "written past the value";
      value.pop_back();
      EXPECT_THAT(value, Each(i + 1));
    }
  }
}

// Hash maps.

TEST_P(HashContractTest, KeyIsThereFromItsUpdateToItsDelete) {
  Make(MapType::kHash, 4);
  EXPECT_FALSE(Has(1));
  EXPECT_EQ(Update(1, 10), Errno::kOk);
  EXPECT_EQ(At(1), 10u);
  EXPECT_EQ(Update(1, 11), Errno::kOk);
  EXPECT_EQ(At(1), 11u);
  EXPECT_EQ(Delete(1), Errno::kOk);
  EXPECT_FALSE(Has(1));
}

TEST_P(HashContractTest, DeleteOfMissingKeyIsNoEnt) {
  Make(MapType::kHash, 4);
  EXPECT_EQ(Delete(1), Errno::kNoEnt);
}

TEST_P(HashContractTest, NoExistInsertsOnlyAndExistReplacesOnly) {
  Make(MapType::kHash, 4);
  EXPECT_EQ(Update(1, 10, kExist), Errno::kNoEnt);
  EXPECT_FALSE(Has(1));
  EXPECT_EQ(Update(1, 10, kNoExist), Errno::kOk);
  EXPECT_EQ(Update(1, 11, kNoExist), Errno::kExist);
  EXPECT_EQ(At(1), 10u);
  EXPECT_EQ(Update(1, 11, kExist), Errno::kOk);
  EXPECT_EQ(At(1), 11u);
}

TEST_P(HashContractTest, FullMapStillReplaces) {
  Make(MapType::kHash, 2);
  ASSERT_EQ(Update(1, 10), Errno::kOk);
  ASSERT_EQ(Update(2, 20), Errno::kOk);  // max_entries == 2
  EXPECT_EQ(Update(3, 30), Errno::k2Big);
  EXPECT_EQ(Update(2, 21), Errno::kOk);
  EXPECT_EQ(At(2), 21u);
  EXPECT_THAT(Keys(), UnorderedElementsAre(1, 2));
}

TEST_P(HashContractTest, MissingBeatsFull) {
  Make(MapType::kHash, 1);
  ASSERT_EQ(Update(1, 10), Errno::kOk);
  EXPECT_EQ(Update(2, 20, kExist), Errno::kNoEnt);
}

TEST_P(HashContractTest, DeleteGivesItsPlaceBackAtOnce) {
  for (const MapFlags map_flags : {MapFlags{}, kNoPrealloc}) {
    Make(MapType::kHash, 3, map_flags);
    for (uint32_t key = 0; key < 3; ++key)
      EXPECT_EQ(Update(key, 1), Errno::kOk);
    for (uint32_t key = 0; key < 1000; ++key) {
      EXPECT_EQ(Update(key + 3, 1), Errno::k2Big);
      EXPECT_EQ(Delete(key), Errno::kOk);
      EXPECT_EQ(Update(key + 3, 1), Errno::kOk);
    }
    EXPECT_THAT(Keys(), UnorderedElementsAre(1000, 1001, 1002));
  }
}

TEST_P(HashContractTest, FailedUpdateLeavesValue) {
  Make(MapType::kHash, 1);
  ASSERT_EQ(Update(1, 10), Errno::kOk);
  EXPECT_EQ(Update(1, 11, kNoExist), Errno::kExist);
  EXPECT_EQ(Update(1, 11, ElemFlags{3}), Errno::kInval);
  EXPECT_EQ(Update(1, 11, kLock), Errno::kInval);
  EXPECT_EQ(At(1), 10u);
}

TEST_P(HashContractTest, FailedLookupLeavesBuffer) {
  Make(MapType::kHash, 1);
  uint64_t value = 17;
  EXPECT_EQ(Lookup(1, &value), Errno::kNoEnt);
  EXPECT_EQ(value, 17u);
}

TEST_P(HashContractTest, LookupAndDeleteTakesKeyEvenWithoutBuffer) {
  Make(MapType::kHash, 2);
  ASSERT_EQ(Update(1, 10), Errno::kOk);
  ASSERT_EQ(Update(2, 20), Errno::kOk);
  uint32_t key = 1;
  uint64_t value = 0;
  EXPECT_EQ(map_->LookupAndDelete(&key, &value), Errno::kOk);
  EXPECT_EQ(value, 10u);
  EXPECT_EQ(map_->LookupAndDelete(&key, &value), Errno::kNoEnt);
  key = 2;
  EXPECT_EQ(map_->LookupAndDelete(&key, nullptr), Errno::kFault);
  EXPECT_FALSE(Has(2));
}

TEST_P(HashContractTest, KeysThatDifferInTheirLastByteAreTwoKeys) {
  for (const uint32_t size : {1U, 2U, 3U, 4U, 7U, 8U, 9U, 16U, 17U, 512U}) {
    ASSERT_EQ(GetParam().create({.type = MapType::kHash,
                                 .key_size = size,
                                 .value_size = 1,
                                 .max_entries = 16},
                                &map_),
              Errno::kOk);
    std::vector<uint8_t> key(size, 0xff);
    for (uint8_t last = 0; last < 16; ++last) {
      key.back() = last;
      EXPECT_EQ(map_->Update(key.data(), &last), Errno::kOk);
    }
    for (uint8_t last = 0; last < 16; ++last) {
      key.back() = last;
      uint8_t value = 0xee;
      EXPECT_EQ(map_->Lookup(key.data(), &value), Errno::kOk);
      EXPECT_EQ(value, last);
    }
  }
}

TEST_P(HashContractTest, WalkShowsEveryKeyOnce) {
  Make(MapType::kHash, 100);
  std::set<uint32_t> keys;
  for (uint32_t i = 0; i < 100; ++i) {
    ASSERT_EQ(Update(i * 7919, i), Errno::kOk);
    keys.insert(i * 7919);
  }
  EXPECT_EQ(Keys(), keys);
}

TEST_P(HashContractTest, WalkFromMissingKeyStartsAgain) {
  Make(MapType::kHash, 4);
  uint32_t first = 0;
  EXPECT_EQ(map_->GetNextKey(nullptr, &first), Errno::kNoEnt);
  for (uint32_t key = 0; key < 4; ++key) ASSERT_EQ(Update(key, 1), Errno::kOk);
  ASSERT_EQ(map_->GetNextKey(nullptr, &first), Errno::kOk);
  const uint32_t missing = 77;
  uint32_t next = 99;
  EXPECT_EQ(map_->GetNextKey(&missing, &next), Errno::kOk);
  EXPECT_EQ(next, first);
}

TEST_P(HashContractTest, BatchThatShowsLastBucketIsNoEntWithItsCount) {
  Make(MapType::kHash, 8);
  for (uint32_t key = 0; key < 5; ++key)
    ASSERT_EQ(Update(key, key), Errno::kOk);
  std::array<uint32_t, 8> keys;
  std::array<uint64_t, 8> values;
  uint32_t position;
  uint32_t count = 5;
  EXPECT_EQ(
      map_->LookupBatch(nullptr, &position, keys.data(), values.data(), &count),
      Errno::kNoEnt);
  EXPECT_EQ(count, 5u);
  for (uint32_t i = 0; i < count; ++i) EXPECT_EQ(values[i], keys[i]);
}

TEST_P(HashContractTest, BucketThatDoesNotFitIsNoSpcAndNothingIsLost) {
  Make(MapType::kHash, 512);
  for (uint32_t key = 0; key < 512; ++key) {
    ASSERT_EQ(Update(key, key), Errno::kOk);
  }
  // 512 keys over 512 buckets: some bucket has more than one.
  std::set<uint32_t> seen;
  std::array<uint32_t, 64> keys;
  std::array<uint64_t, 64> values;
  uint32_t position, room = 1, too_small = 0;
  const void* in = nullptr;
  Errno error = Errno::kOk;
  while (error != Errno::kNoEnt) {
    uint32_t count = room;
    error = map_->LookupAndDeleteBatch(in, &position, keys.data(),
                                       values.data(), &count);
    in = &position;
    if (error == Errno::kNoSpc) {
      EXPECT_EQ(count, 0u);
      ++too_small;
      ++room;
      continue;
    }
    ASSERT_TRUE(error == Errno::kOk || error == Errno::kNoEnt);
    for (uint32_t i = 0; i < count; ++i) {
      EXPECT_TRUE(seen.insert(keys[i]).second) << keys[i];
      EXPECT_EQ(values[i], keys[i]);
    }
    room = 1;
  }
  EXPECT_EQ(seen.size(), 512u);
  EXPECT_GT(too_small, 0u);
  EXPECT_TRUE(Keys().empty());
}

TEST_P(HashContractTest, UpdateBatchStopsAtFirstErrorAndSaysWhere) {
  Make(MapType::kHash, 3);
  const std::array<uint32_t, 5> keys = {1, 2, 1, 3, 4};
  const std::array<uint64_t, 5> values = {10, 20, 11, 30, 40};
  uint32_t count = 5;
  EXPECT_EQ(map_->UpdateBatch(keys.data(), values.data(), &count),
            Errno::k2Big);
  EXPECT_EQ(count, 4u);
  EXPECT_EQ(At(1), 11u);
  EXPECT_THAT(Keys(), UnorderedElementsAre(1, 2, 3));
}

TEST_P(HashContractTest, DeleteBatchStopsAtFirstMissingKey) {
  Make(MapType::kHash, 3);
  for (uint32_t key = 1; key <= 3; ++key) ASSERT_EQ(Update(key, 1), Errno::kOk);
  const std::array<uint32_t, 3> keys = {1, 9, 2};
  uint32_t count = 3;
  EXPECT_EQ(map_->DeleteBatch(keys.data(), &count), Errno::kNoEnt);
  EXPECT_EQ(count, 1u);
  EXPECT_THAT(Keys(), UnorderedElementsAre(2, 3));
}

// Rights, for both types.

TEST_P(ContractTest, FrozenMapIsReadOnlyForGood) {
  for (const MapType type : {MapType::kArray, MapType::kHash}) {
    Make(type, 4);
    ASSERT_EQ(Update(1, 10), Errno::kOk);
    EXPECT_EQ(map_->Freeze(), Errno::kOk);
    EXPECT_EQ(map_->Freeze(), Errno::kPerm);
    EXPECT_EQ(Update(1, 11), Errno::kPerm);
    EXPECT_EQ(Delete(1), Errno::kPerm);
    EXPECT_EQ(At(1), 10u);
  }
}

TEST_P(ContractTest, RightIsCheckedBeforeFlagsOfUpdate) {
  Make(MapType::kHash, 4, kRdOnly);
  EXPECT_EQ(Update(1, 10, ElemFlags{99}), Errno::kPerm);
}

TEST_P(ContractTest, FlagsOfLookupAreCheckedBeforeRight) {
  Make(MapType::kHash, 4, kWrOnly);
  const uint32_t key = 1;
  uint64_t value;
  EXPECT_EQ(map_->Lookup(&key, &value, kNoExist), Errno::kInval);
  EXPECT_EQ(map_->Lookup(&key, &value, kAny), Errno::kPerm);
}

TEST_P(ContractTest, BatchWithoutCountIsFault) {
  for (const MapType type : {MapType::kArray, MapType::kHash}) {
    Make(type, 4);
    uint32_t key = 0, position = 0;
    uint64_t value = 0;
    EXPECT_EQ(map_->LookupBatch(nullptr, &position, &key, &value, nullptr),
              Errno::kFault);
    EXPECT_EQ(
        map_->LookupAndDeleteBatch(nullptr, &position, &key, &value, nullptr),
        Errno::kFault);
    EXPECT_EQ(map_->UpdateBatch(&key, &value, nullptr), Errno::kFault);
    EXPECT_EQ(map_->DeleteBatch(&key, nullptr), Errno::kFault);
  }
}

TEST_P(ContractTest, LockInValueIsNeitherCopiedInNorOut) {
  struct Value {
    uint32_t before, lock, after;
  };
  for (const MapType type : {MapType::kArray, MapType::kHash}) {
    ASSERT_EQ(GetParam().create({.type = type,
                                 .key_size = 4,
                                 .value_size = sizeof(Value),
                                 .max_entries = 2,
                                 .spin_lock_offset = offsetof(Value, lock)},
                                &map_),
              Errno::kOk);
    const uint32_t key = 1;
    for (const ElemFlags flags : {kAny, kLock}) {
      const Value in = {1, 0xffffffff, 3};
      ASSERT_EQ(map_->Update(&key, &in, flags), Errno::kOk);
      Value out = {9, 9, 9};
      EXPECT_EQ(map_->Lookup(&key, &out, flags), Errno::kOk);
      EXPECT_EQ(out.before, 1u);
      EXPECT_EQ(out.lock, 0u);
      EXPECT_EQ(out.after, 3u);
    }
    EXPECT_EQ(map_->Freeze(), Errno::kNotSupp);
  }
}

// Pointers of the program view: local backends. (What the kernel's programs
// see is asked in program_view_kernel_test.cc.)

class PointerTest : public ContractTest {
 protected:
  uint64_t* Pointer(uint32_t key) {
    return static_cast<uint64_t*>(map_.local()->LookupElem(&key));
  }
};

TEST_P(PointerTest, MissingKeyHasNone) {
  Make(MapType::kHash, 2);
  EXPECT_EQ(Pointer(1), nullptr);
  Make(MapType::kArray, 2);
  EXPECT_EQ(Pointer(2), nullptr);
  EXPECT_EQ(map_.local()->LookupElem(nullptr), nullptr);
}

TEST_P(PointerTest, StoreThroughPointerIsInMap) {
  for (const MapType type : {MapType::kArray, MapType::kHash}) {
    Make(type, 2);
    ASSERT_EQ(Update(1, 10), Errno::kOk);
    *Pointer(1) += 5;
    EXPECT_EQ(At(1), 15u);
  }
}

TEST_P(PointerTest, ArrayPointerSurvivesUpdate) {
  Make(MapType::kArray, 2);
  uint64_t* const pointer = Pointer(1);
  ASSERT_EQ(Update(1, 2), Errno::kOk);
  EXPECT_EQ(*pointer, 2u);
  EXPECT_EQ(Pointer(1), pointer);
}

TEST_P(PointerTest, HashPointerKeepsOldValueAfterUpdate) {
  Make(MapType::kHash, 2);
  ASSERT_EQ(Update(1, 1), Errno::kOk);
  uint64_t* const old = Pointer(1);
  ASSERT_EQ(Update(1, 2), Errno::kOk);
  EXPECT_EQ(*old, 1u);
  EXPECT_NE(Pointer(1), old);
  *old = 50;  // lost, and harmless
  EXPECT_EQ(At(1), 2u);
}

TEST_P(PointerTest, PointerToDeletedKeyStaysReadable) {
  Make(MapType::kHash, 2);
  ASSERT_EQ(Update(1, 9), Errno::kOk);
  uint64_t* const pointer = Pointer(1);
  ASSERT_EQ(Delete(1), Errno::kOk);
  EXPECT_EQ(*pointer, 9u);
  *pointer = 77;
  EXPECT_FALSE(Has(1));
  ASSERT_EQ(Update(1, 4), Errno::kOk);  // takes the same memory, as in Linux
  EXPECT_EQ(*pointer, 4u);
}

TEST_P(PointerTest, UpdateUnderLockWritesInPlace) {
  struct Value {
    uint32_t lock, count;
  };
  ASSERT_EQ(GetParam().create({.type = MapType::kHash,
                               .key_size = 4,
                               .value_size = sizeof(Value),
                               .max_entries = 2,
                               .spin_lock_offset = offsetof(Value, lock)},
                              &map_),
            Errno::kOk);
  const uint32_t key = 1;
  Value value = {0, 13};
  ASSERT_EQ(map_->Update(&key, &value), Errno::kOk);
  auto* const pointer = static_cast<Value*>(map_.local()->LookupElem(&key));
  value.count = 14;
  ASSERT_EQ(map_->Update(&key, &value, kLock), Errno::kOk);
  EXPECT_EQ(pointer->count, 14u);
  value.count = 15;
  ASSERT_EQ(map_->Update(&key, &value), Errno::kOk);
  EXPECT_EQ(pointer->count, 14u);
}

TEST_P(PointerTest, IsAlignedTo8) {
  for (const uint32_t key_size : {1U, 3U, 8U, 13U}) {
    ASSERT_EQ(GetParam().create({.type = MapType::kHash,
                                 .key_size = key_size,
                                 .value_size = 3,
                                 .max_entries = 8},
                                &map_),
              Errno::kOk);
    std::vector<uint8_t> key(key_size);
    for (key[0] = 0; key[0] < 8; ++key[0]) {
      ASSERT_EQ(map_.local()->UpdateElem(key.data(), "abc", kAny), Errno::kOk);
      const auto address =
          reinterpret_cast<uintptr_t>(map_.local()->LookupElem(key.data()));
      EXPECT_EQ(address % 8, 0u);
    }
  }
}

TEST_P(PointerTest, ProgramsWriteToFrozenMapButNotToOneThatIsReadOnlyForThem) {
  for (const MapType type : {MapType::kArray, MapType::kHash}) {
    const uint32_t key = 1;
    const uint64_t value = 10;
    Make(type, 2);
    ASSERT_EQ(map_->Freeze(), Errno::kOk);
    EXPECT_EQ(map_.local()->UpdateElem(&key, &value, kAny), Errno::kOk);
    Make(type, 2, kRdOnlyProg);
    EXPECT_EQ(map_.local()->UpdateElem(&key, &value, kAny), Errno::kAcces);
    EXPECT_EQ(map_.local()->DeleteElem(&key), Errno::kAcces);
    EXPECT_EQ(Update(1, 10), Errno::kOk);
    EXPECT_EQ(*Pointer(1), 10u);
  }
}

// LRU hash maps.

TEST_P(LruContractTest, NewestKeysStay) {
  Make(MapType::kLruHash, 4);
  for (uint32_t key = 0; key < 100; ++key) {
    EXPECT_EQ(Update(key, key), Errno::kOk);
  }
  EXPECT_THAT(Keys(), UnorderedElementsAre(96, 97, 98, 99));
}

TEST_P(LinuxLruContractTest, UpdateOfPresentKeyInFullMapEvictsToo) {
  Make(MapType::kLruHash, 4);
  for (uint32_t key = 0; key < 4; ++key) EXPECT_EQ(Update(key, 1), Errno::kOk);
  EXPECT_EQ(Update(3, 2), Errno::kOk);
  EXPECT_EQ(Keys(), LruRule(4).StayAfterOneMore());
  EXPECT_EQ(At(3), 2u);
}

TEST_P(LinuxLruContractTest, FailedUpdateOfFullMapEvictsToo) {
  Make(MapType::kLruHash, 4);
  for (uint32_t key = 0; key < 4; ++key) EXPECT_EQ(Update(key, 1), Errno::kOk);
  EXPECT_EQ(Update(9, 2, kExist), Errno::kNoEnt);
  EXPECT_EQ(Keys(), LruRule(4).StayAfterOneMore());
  // The slot that the first one freed serves the next.
  EXPECT_EQ(Update(3, 2, kNoExist), Errno::kExist);
  EXPECT_EQ(Keys(), LruRule(4).StayAfterOneMore());
}

TEST_P(LruContractTest, FlagsAreCheckedBeforeAnythingIsEvicted) {
  Make(MapType::kLruHash, 4);
  for (uint32_t key = 0; key < 4; ++key) EXPECT_EQ(Update(key, 1), Errno::kOk);
  EXPECT_EQ(Update(9, 2, ElemFlags{3}), Errno::kInval);
  EXPECT_EQ(Update(9, 2, kLock), Errno::kInval);
  EXPECT_THAT(Keys(), UnorderedElementsAre(0, 1, 2, 3));
}

TEST_P(LruContractTest, LookupOfUserKeepsNothing) {
  Make(MapType::kLruHash, 4);
  for (uint32_t key = 0; key < 20; ++key) {
    EXPECT_EQ(Update(key, key), Errno::kOk);
    if (key < 4) {
      EXPECT_EQ(At(0), 0u);
    }
  }
  EXPECT_THAT(Keys(), UnorderedElementsAre(16, 17, 18, 19));
}

TEST_P(LruContractTest, BatchOfMoreKeysThanFitIsOk) {
  Make(MapType::kLruHash, 4);
  const std::array<uint32_t, 6> keys = {0, 1, 2, 3, 4, 5};
  const std::array<uint64_t, 6> values = {};
  uint32_t count = 6;
  EXPECT_EQ(map_->UpdateBatch(keys.data(), values.data(), &count), Errno::kOk);
  EXPECT_EQ(count, 6u);
  EXPECT_THAT(Keys(), UnorderedElementsAre(2, 3, 4, 5));
}

TEST_P(LruContractTest, BatchTakesAllKeys) {
  Make(MapType::kLruHash, 100);
  const uint32_t room = LruRule(100).room();
  for (uint32_t key = 0; key < room; ++key) {
    ASSERT_EQ(Update(key, key), Errno::kOk);
  }
  std::array<uint32_t, 100> keys;
  std::array<uint64_t, 100> values;
  uint32_t position;
  uint32_t count = 100;
  EXPECT_EQ(map_->LookupAndDeleteBatch(nullptr, &position, keys.data(),
                                       values.data(), &count),
            Errno::kNoEnt);
  EXPECT_EQ(count, room);
  EXPECT_EQ(Keys().size(), 0u);
  // Their places are free again, and nobody has to leave.
  for (uint32_t key = 0; key < room; ++key) {
    ASSERT_EQ(Update(1000 + key, key), Errno::kOk);
  }
  EXPECT_EQ(Keys().size(), room);
}

INSTANTIATE_TEST_SUITE_P(Backends, ArrayContractTest,
                         ::testing::ValuesIn(Backends()), BackendName);
INSTANTIATE_TEST_SUITE_P(Backends, LruContractTest,
                         ::testing::ValuesIn(Backends()), BackendName);
INSTANTIATE_TEST_SUITE_P(Backends, LinuxLruContractTest,
                         ::testing::ValuesIn(Backends()), BackendName);
INSTANTIATE_TEST_SUITE_P(Backends, HashContractTest,
                         ::testing::ValuesIn(Backends()), BackendName);
INSTANTIATE_TEST_SUITE_P(Backends, ContractTest,
                         ::testing::ValuesIn(Backends()), BackendName);
INSTANTIATE_TEST_SUITE_P(Backends, PointerTest,
                         ::testing::ValuesIn(LocalBackends()), BackendName);

}  // namespace
}  // namespace bpfmap
