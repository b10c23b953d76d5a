// SPDX-License-Identifier: Apache-2.0

// Local storage, as programs see it. tests/objects/local_storage.cc asks the
// kernel what bpf(2) and its helpers answer.

#include "bpfmap/maps/local_storage.h"

#include <cstdint>

#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

constexpr MapDef kDef = {.type = MapType::kTaskStorage,
                         .key_size = 4,
                         .value_size = 8,
                         .map_flags = kNoPrealloc};

class LocalStorageTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(map_.Init(), Errno::kOk); }

  uint64_t* Get(uint64_t object, bool creates) {
    return static_cast<uint64_t*>(map_.Get(object, nullptr, creates));
  }

  TaskStorage<Cloud> map_{kDef};
};

TEST_F(LocalStorageTest, DefinitionIsCheckedAsInLinux) {
  const auto check = [](auto change) {
    MapDef def = kDef;
    change(&def);
    return TaskStorage<Cloud>::Check(def).error;
  };
  EXPECT_EQ(check([](MapDef*) {}), Errno::kOk);
  EXPECT_EQ(check([](MapDef* def) { def->map_flags |= kClone; }), Errno::kOk);
  EXPECT_EQ(check([](MapDef* def) { def->map_flags = {}; }), Errno::kInval);
  EXPECT_EQ(check([](MapDef* def) { def->map_flags |= kRdOnly; }),
            Errno::kInval);
  EXPECT_EQ(check([](MapDef* def) { def->max_entries = 1; }), Errno::kInval);
  EXPECT_EQ(check([](MapDef* def) { def->key_size = 8; }), Errno::kInval);
  EXPECT_EQ(check([](MapDef* def) { def->value_size = 0; }), Errno::kInval);
  EXPECT_EQ(check([](MapDef* def) { def->value_size = 65407; }), Errno::kOk);
  EXPECT_EQ(check([](MapDef* def) { def->value_size = 65408; }), Errno::k2Big);
}

TEST_F(LocalStorageTest, ValueIsThereOnceItWasAskedFor) {
  EXPECT_EQ(Get(7, false), nullptr);
  uint64_t* const value = Get(7, true);
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(*value, 0u);
  *value = 5;
  EXPECT_EQ(Get(7, false), value);
  EXPECT_EQ(Get(7, true), value);
  EXPECT_EQ(*value, 5u);
  EXPECT_EQ(map_.Drop(7), Errno::kOk);
  EXPECT_EQ(map_.Drop(7), Errno::kNoEnt);
  EXPECT_EQ(Get(7, false), nullptr);
}

TEST_F(LocalStorageTest, InitialValueIsForNewValuesOnly) {
  const uint64_t first = 3, second = 4;
  EXPECT_EQ(*static_cast<uint64_t*>(map_.Get(7, &first, true)), 3u);
  EXPECT_EQ(*static_cast<uint64_t*>(map_.Get(7, &second, true)), 3u);
}

TEST_F(LocalStorageTest, BothViewsSeeOneValue) {
  const uint32_t key = 9;
  const uint64_t put = 11;
  uint64_t got = 0;
  ASSERT_EQ(map_.Update(&key, &put), Errno::kOk);
  ASSERT_NE(Get(9, false), nullptr);
  *Get(9, false) += 1;
  EXPECT_EQ(map_.Lookup(&key, &got), Errno::kOk);
  EXPECT_EQ(got, 12u);
}

TEST_F(LocalStorageTest, ObjectZeroIsNone) {
  const uint32_t key = 0;
  uint64_t value = 0;
  EXPECT_EQ(map_.Update(&key, &value), Errno::kBadF);
  EXPECT_EQ(map_.Lookup(&key, &value), Errno::kBadF);
  EXPECT_EQ(map_.Delete(&key), Errno::kBadF);
}

TEST_F(LocalStorageTest, GrowsAndKeepsItsPointers) {
  constexpr uint64_t kObjects = 10'000;
  uint64_t* const first = Get(1, true);
  for (uint64_t object = 1; object <= kObjects; ++object) {
    ASSERT_NE(Get(object, true), nullptr);
    *Get(object, false) = object;
  }
  EXPECT_EQ(Get(1, false), first);
  for (uint64_t object = 1; object <= kObjects; ++object) {
    ASSERT_NE(Get(object, false), nullptr) << object;
    ASSERT_EQ(*Get(object, false), object);
  }
}

TEST_F(LocalStorageTest, ThreadsThatAskAtOnceGetOneValue) {
  constexpr uint64_t kObjects = 1'000;
  ThreadTeam team;
  for (int i = 0; i < 4; ++i) {
    team.AddWorker([&] {
      for (uint64_t object = 1; object <= kObjects; ++object) {
        uint64_t* const value = Get(object, true);
        if (value == nullptr) return testing::AssertionFailure() << object;
        __atomic_fetch_add(value, 1, __ATOMIC_RELAXED);
      }
      return testing::AssertionSuccess();
    });
  }
  team.Run();
  for (uint64_t object = 1; object <= kObjects; ++object) {
    ASSERT_EQ(*Get(object, false), 4u);
  }
}

TEST_F(LocalStorageTest, ProgramMayNotUseKeys) {
  const uint32_t key = 7;
  const uint64_t value = 1;
  EXPECT_EQ(map_.LookupElem(&key), nullptr);
  EXPECT_EQ(map_.UpdateElem(&key, &value, kAny), Errno::kInval);
  EXPECT_EQ(map_.DeleteElem(&key), Errno::kInval);
}

}  // namespace
}  // namespace bpfmap
