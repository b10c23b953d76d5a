// SPDX-License-Identifier: Apache-2.0

// The contract of per-CPU maps, rule by rule, on every backend; and what a map
// here promises of its memory. Every combination of flags, states and errors
// stands in golden/kernel_errno.tsv, what programs see in
// per_cpu_program_view_kernel_test.cc.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/lru_per_cpu_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/per_cpu_array_map.h"
#include "bpfmap/maps/per_cpu_hash_map.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/profiles/embedded.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/map_walk.h"
#include "tests/support/user_value_size.h"

namespace bpfmap {
namespace {

using Bytes = std::vector<uint8_t>;
constexpr MapType kAllTypes[] = {MapType::kPerCpuArray, MapType::kPerCpuHash,
                                 MapType::kLruPerCpuHash};

MapDef Def(MapType type, uint32_t value_size, uint32_t max_entries) {
  return {.type = type,
          .key_size = 4,
          .value_size = value_size,
          .max_entries = max_entries,
          .name = "per_cpu"};
}

// A value in the user view in which every byte differs from its neighbours.
Bytes Value(const MapDef& def, uint8_t first) {
  Bytes value(UserValueSize(def));
  for (std::size_t i = 0; i < value.size(); ++i) {
    value[i] = static_cast<uint8_t>(first + 7 * i);
  }
  return value;
}

class PerCpuContractTest : public BackendTest {
 protected:
  // Those that the backend has.
  static std::vector<MapType> Types() {
    std::vector<MapType> types;
    for (const MapType type : kAllTypes) {
      if (GetParam().has(type)) types.push_back(type);
    }
    return types;
  }
  void Make(const MapDef& def) {
    ASSERT_EQ(GetParam().create(def, &map_), Errno::kOk);
    def_ = def;
  }
  Errno Update(uint32_t key, const Bytes& value, ElemFlags flags = kAny) {
    return map_->Update(&key, value.data(), flags);
  }
  // The value of a key, if it is there; nothing after it is written.
  std::optional<Bytes> Lookup(uint32_t key) {
    Bytes value(UserValueSize(def_) + 64, 0xee);
    const Bytes untouched = value;
    const Errno error = map_->Lookup(&key, value.data());
    if (error != Errno::kOk) {
      EXPECT_EQ(error, Errno::kNoEnt);
      EXPECT_EQ(value, untouched);
      return std::nullopt;
    }
    for (int i = 0; i < 64; ++i) {
      EXPECT_EQ(value.back(), 0xee);
      value.pop_back();
    }
    return value;
  }

  MapDef def_;
  TestMap map_;
};

INSTANTIATE_TEST_SUITE_P(Backends, PerCpuContractTest,
                         ::testing::ValuesIn(Backends()), BackendName);

TEST_P(PerCpuContractTest, ValueIsRoundedPartForEachCpuAndPaddingIsKept) {
  for (const MapType type : Types()) {
    for (const uint32_t size : {1U, 3U, 4U, 8U, 9U, 17U, 255U, 256U, 1000U}) {
      const MapDef def = Def(type, size, 4);
      if (GetParam().is_too_large(def)) continue;
      Make(def);
      for (uint32_t key = 0; key < 4; ++key) {
        ASSERT_EQ(Update(key, Value(def_, key)), Errno::kOk);
      }
      for (uint32_t key = 0; key < 4; ++key) {
        EXPECT_EQ(Lookup(key), Value(def_, key)) << "value_size " << size;
      }
    }
  }
}

TEST_P(PerCpuContractTest, ArrayIsZeroAtFirst) {
  Make(Def(MapType::kPerCpuArray, 12, 3));
  for (uint32_t key = 0; key < 3; ++key) {
    EXPECT_EQ(Lookup(key), Bytes(UserValueSize(def_)));
  }
  EXPECT_EQ(Lookup(3), std::nullopt);
}

TEST_P(PerCpuContractTest, FullHashMapStillReplacesAndDeleteMakesRoom) {
  Make(Def(MapType::kPerCpuHash, 8, 3));
  for (uint32_t key = 0; key < 3; ++key) {
    ASSERT_EQ(Update(key, Value(def_, 1)), Errno::kOk);
  }
  for (uint32_t key = 0; key < 1000; ++key) {
    EXPECT_EQ(Update(key + 3, Value(def_, 3)), Errno::k2Big);
    EXPECT_EQ(Update(key + 2, Value(def_, 2)), Errno::kOk);
    EXPECT_EQ(map_->Delete(&key), Errno::kOk);
    EXPECT_EQ(Lookup(key), std::nullopt);
    EXPECT_EQ(Update(key + 3, Value(def_, key)), Errno::kOk);
    EXPECT_EQ(Lookup(key + 3), Value(def_, key));
  }
}

TEST_P(PerCpuContractTest, LookupAndDeleteGivesAllParts) {
  for (const MapType type : Types()) {
    if (type == MapType::kPerCpuArray) continue;
    Make(Def(type, 5, 3));
    const uint32_t key = 7;
    ASSERT_EQ(Update(key, Value(def_, 1)), Errno::kOk);
    Bytes value(UserValueSize(def_));
    EXPECT_EQ(map_->LookupAndDelete(&key, value.data()), Errno::kOk);
    EXPECT_EQ(value, Value(def_, 1));
    EXPECT_EQ(Lookup(key), std::nullopt);
  }
}

TEST_P(PerCpuContractTest, BatchesCarryAllParts) {
  for (const MapType type : Types()) {
    Make(Def(type, 5, 8));
    const std::size_t size = UserValueSize(def_);
    Bytes values;
    std::vector<uint32_t> keys;
    for (uint32_t key = 0; key < 8; ++key) {
      keys.push_back(key);
      const Bytes value = Value(def_, 10 * key);
      values.insert(values.end(), value.begin(), value.end());
    }
    uint32_t count = 8;
    ASSERT_EQ(map_->UpdateBatch(keys.data(), values.data(), &count),
              Errno::kOk);
    std::set<uint32_t> shown;
    EXPECT_EQ(WalkByBatch(
                  *map_, 3,
                  [&](const std::byte* key_bytes, const std::byte* value) {
                    uint32_t key;
                    std::memcpy(&key, key_bytes, sizeof key);
                    EXPECT_TRUE(shown.insert(key).second);
                    EXPECT_EQ(std::memcmp(value, &values[key * size], size), 0);
                  }),
              Errno::kOk);
    EXPECT_EQ(shown.size(), 8u);
    if (type == MapType::kPerCpuArray) continue;
    uint32_t position;
    count = 8;
    EXPECT_EQ(map_->LookupAndDeleteBatch(nullptr, &position, keys.data(),
                                         values.data(), &count),
              Errno::kNoEnt);
    EXPECT_EQ(count, 8u);
    for (uint32_t i = 0; i < count; ++i) {
      EXPECT_EQ(std::memcmp(&values[i * size], Value(def_, 10 * keys[i]).data(),
                            size),
                0);
    }
    // All of them made room.
    for (uint32_t key = 100; key < 108; ++key) {
      EXPECT_EQ(Update(key, Value(def_, 1)), Errno::kOk);
    }
    EXPECT_EQ(Update(108, Value(def_, 1)),
              type == MapType::kPerCpuHash ? Errno::k2Big : Errno::kOk);
  }
}

// BPF_F_CPU (8, with a CPU in the high half) and BPF_F_ALL_CPUS (16) are newer.
TEST_P(PerCpuContractTest, FlagsThatNameCpusAreInval) {
  for (const MapType type : Types()) {
    Make(Def(type, 8, 4));
    ASSERT_EQ(Update(1, Value(def_, 1)), Errno::kOk);
    for (const ElemFlags flags :
         {ElemFlags{8}, ElemFlags{16},
          ElemFlags{8} | ElemFlags{uint64_t{1} << 32}}) {
      uint32_t key = 1, position, count = 1;
      Bytes value = Value(def_, 2);
      EXPECT_EQ(map_->Update(&key, value.data(), flags), Errno::kInval);
      EXPECT_EQ(map_->Lookup(&key, value.data(), flags), Errno::kInval);
      EXPECT_EQ(map_->UpdateBatch(&key, value.data(), &count, {flags}),
                Errno::kInval);
      EXPECT_EQ(map_->LookupBatch(nullptr, &position, &key, value.data(),
                                  &count, {flags}),
                Errno::kInval);
      EXPECT_EQ(Lookup(1), Value(def_, 1));
    }
  }
}

TEST_P(PerCpuContractTest, FrozenMapIsReadOnlyForGood) {
  for (const MapType type : Types()) {
    Make(Def(type, 8, 4));
    ASSERT_EQ(Update(1, Value(def_, 1)), Errno::kOk);
    EXPECT_EQ(map_->Freeze(), Errno::kOk);
    EXPECT_EQ(map_->Freeze(), Errno::kPerm);
    EXPECT_EQ(Update(1, Value(def_, 2)), Errno::kPerm);
    EXPECT_EQ(Lookup(1), Value(def_, 1));
  }
}

TEST_P(PerCpuContractTest, ValuesAreOfLimitedSizeAndHoldNoLock) {
  for (const MapType type : Types()) {
    TestMap map;
    EXPECT_EQ(GetParam().create(Def(type, 32769, 1), &map), Errno::k2Big);
    MapDef def = Def(type, 8, 1);
    def.spin_lock_offset = 0;
    EXPECT_EQ(GetParam().create(def, &map), Errno::kOpNotSupp);
    def.map_flags = kRdOnlyProg;
    EXPECT_EQ(GetParam().create(def, &map), Errno::kAcces);
    def = Def(type, 8, 1);
    def.map_flags = kNumaNode;
    EXPECT_EQ(GetParam().create(def, &map), Errno::kInval);
    def.numa_node = 0xffffffff;
    EXPECT_EQ(GetParam().create(def, &map), Errno::kOk);
  }
}

// Local maps, as the classes that they are.

template <typename Map>
class PerCpuMapTest : public testing::Test {
 protected:
  static constexpr int kCpus = 5;
  static constexpr MapType kType =
      std::is_same_v<Map, PerCpuHashMap<Cloud>>    ? MapType::kPerCpuHash
      : std::is_same_v<Map, PerCpuArrayMap<Cloud>> ? MapType::kPerCpuArray
                                                   : MapType::kLruPerCpuHash;

  const ScopedPossibleCpus cpus_{kCpus};

  static uint64_t* Pointer(Map& map, uint32_t key) {
    return static_cast<uint64_t*>(map.LookupElem(&key));
  }
};

struct TypeNames {
  template <typename Map>
  static std::string GetName(int) {
    if (std::is_same_v<Map, PerCpuArrayMap<Cloud>>) return "array";
    return std::is_same_v<Map, PerCpuHashMap<Cloud>> ? "hash" : "lru_hash";
  }
};
using Maps = testing::Types<PerCpuArrayMap<Cloud>, PerCpuHashMap<Cloud>,
                            LruPerCpuHashMap<Cloud>>;
TYPED_TEST_SUITE(PerCpuMapTest, Maps, TypeNames);

TYPED_TEST(PerCpuMapTest, NoTwoCpusShareCacheLine) {
  for (const uint32_t value_size : {1U, 8U, 24U, 100U}) {
    TypeParam map(Def(this->kType, value_size, 50));
    ASSERT_EQ(map.Init(), Errno::kOk);
    std::array<std::set<uintptr_t>, PerCpuMapTest<TypeParam>::kCpus> lines;
    for (uint32_t key = 0; key < 50; ++key) {
      const Bytes value(value_size);
      ASSERT_EQ(map.UpdateElem(&key, value.data(), kAny), Errno::kOk);
      for (uint32_t cpu = 0; cpu < lines.size(); ++cpu) {
        const auto slice =
            reinterpret_cast<uintptr_t>(map.LookupPerCpuElem(&key, cpu));
        EXPECT_EQ(slice % 8, 0u);
        lines[cpu].insert(slice / 64);
        lines[cpu].insert((slice + value_size - 1) / 64);
      }
    }
    std::set<uintptr_t> all;
    std::size_t sum = 0;
    for (const auto& own : lines) {
      all.insert(own.begin(), own.end());
      sum += own.size();
    }
    EXPECT_EQ(all.size(), sum) << "value_size " << value_size;
  }
}

TYPED_TEST(PerCpuMapTest, PointerStaysOnLiveSlice) {
  TypeParam map(Def(this->kType, 8, 4));
  ASSERT_EQ(map.Init(), Errno::kOk);
  ScopedCpu cpu(3);
  const uint32_t key = 1;
  for (const uint64_t value : {1, 2, 3}) {
    uint64_t* const before = this->Pointer(map, key);
    ASSERT_EQ(map.UpdateElem(&key, &value, kAny), Errno::kOk);
    uint64_t* const after = this->Pointer(map, key);
    if (before != nullptr) {
      EXPECT_EQ(before, after);
    }
    EXPECT_EQ(*after, value);
  }
  *this->Pointer(map, key) = 50;
  std::vector<uint64_t> user(this->kCpus);
  EXPECT_EQ(map.Lookup(&key, user.data()), Errno::kOk);
  EXPECT_EQ(user, (std::vector<uint64_t>{0, 0, 0, 50, 0}));
  user = {1, 2, 3, 4, 5};
  uint64_t* const pointer = this->Pointer(map, key);
  EXPECT_EQ(map.Update(&key, user.data()), Errno::kOk);
  EXPECT_EQ(*pointer, 4u);
  EXPECT_EQ(this->Pointer(map, key), pointer);
}

TYPED_TEST(PerCpuMapTest, ProgramWritesNoPaddingOfPresentKey) {
  const MapDef def = Def(this->kType, 3, 4);
  TypeParam map(def);
  ASSERT_EQ(map.Init(), Errno::kOk);
  const uint32_t key = 1;
  Bytes expected = Value(def, 9);
  ASSERT_EQ(map.Update(&key, expected.data()), Errno::kOk);
  ScopedCpu cpu(1);
  ASSERT_EQ(map.UpdateElem(&key, "abc", kAny), Errno::kOk);
  std::memcpy(&expected[8], "abc", 3);
  Bytes user(expected.size());
  EXPECT_EQ(map.Lookup(&key, user.data()), Errno::kOk);
  EXPECT_EQ(user, expected);
}

template <typename Map>
class PerCpuHashMapTest : public PerCpuMapTest<Map> {};
using HashMaps = testing::Types<PerCpuHashMap<Cloud>, LruPerCpuHashMap<Cloud>>;
TYPED_TEST_SUITE(PerCpuHashMapTest, HashMaps, TypeNames);

TYPED_TEST(PerCpuHashMapTest, PointerToDeletedKeyStaysReadable) {
  TypeParam map(Def(this->kType, 8, 4));
  ASSERT_EQ(map.Init(), Errno::kOk);
  const uint32_t key = 1;
  uint64_t value = 9;
  ASSERT_EQ(map.UpdateElem(&key, &value, kAny), Errno::kOk);
  auto* const pointer = static_cast<uint64_t*>(map.LookupElem(&key));
  ASSERT_EQ(map.DeleteElem(&key), Errno::kOk);
  EXPECT_EQ(*pointer, 9u);
  *pointer = 77;
  EXPECT_EQ(map.LookupElem(&key), nullptr);
  value = 4;  // takes the same memory, as in Linux
  ASSERT_EQ(map.UpdateElem(&key, &value, kAny), Errno::kOk);
  EXPECT_EQ(*pointer, 4u);
}

TEST(PerCpuEmbeddedTest, ThereIsOneCpu) {
  static constinit Embedded::Memory pool;
  PerCpuArrayMap<Embedded> array(Def(MapType::kPerCpuArray, 8, 4), &pool);
  PerCpuHashMap<Embedded> hash(Def(MapType::kPerCpuHash, 8, 4), &pool);
  ASSERT_EQ(array.Init(), Errno::kOk);
  ASSERT_EQ(hash.Init(), Errno::kOk);
  const auto check = [](auto& map) {
    const uint32_t key = 1;
    const uint64_t value = 5;
    ASSERT_EQ(map.UpdateElem(&key, &value, kAny), Errno::kOk);
    uint64_t user[2] = {7, 7};
    EXPECT_EQ(map.Lookup(&key, user), Errno::kOk);
    EXPECT_EQ(user[0], 5u);
    EXPECT_EQ(user[1], 7u);
    EXPECT_EQ(map.LookupPerCpuElem(&key, 0), map.LookupElem(&key));
    EXPECT_EQ(map.LookupPerCpuElem(&key, 1), nullptr);
  };
  check(array);
  check(hash);
}

}  // namespace
}  // namespace bpfmap
