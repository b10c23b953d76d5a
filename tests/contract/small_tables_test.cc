// SPDX-License-Identifier: Apache-2.0

// Small hash maps, in which keys crowd: many of them, each with a hash function
// of its own, compared with a std::map step by step. Full
// groups, their chains, and slots that are taken again are frequent here.
//
// Flags: --seed=N (printed by every run).

#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <string>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/random_seed.h"

namespace bpfmap {
namespace {

constexpr uint32_t kValueSize = 12;

class SmallTablesTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    random_.seed(RandomSeed());
    SeedLocalMaps(RandomSeed());
  }

  // Creates a map of up to 40 keys and gives it `steps` random commands.
  void RunMap(int steps) {
    constexpr uint32_t kKeySizes[] = {4, 6, 8, 16, 20};
    key_size_ = kKeySizes[random_() % std::size(kKeySizes)];
    max_entries_ = 1 + random_() % 40;
    TestMap map;
    ASSERT_EQ(GetParam().create({.type = MapType::kHash,
                                 .key_size = key_size_,
                                 .value_size = kValueSize,
                                 .max_entries = max_entries_},
                                &map),
              Errno::kOk);
    expected_.clear();
    for (int i = 0; i < steps && !HasFailure(); ++i) {
      SCOPED_TRACE(i);
      Step(*map.local());
    }
  }

 private:
  void Step(LocalMap& map) {
    std::string key(key_size_, '\0');
    const uint32_t number = random_() % (max_entries_ + max_entries_ / 2 + 2);
    std::memcpy(key.data(), &number, sizeof number);
    const auto found = expected_.find(key);
    const uint32_t choice = random_() % 10;
    if (choice < 6) {
      const ElemFlags flags{random_() % 3};
      const std::string value(kValueSize, static_cast<char>(random_()));
      Errno expected = Errno::kOk;
      if (found != expected_.end() && flags == kNoExist) {
        expected = Errno::kExist;
      } else if (found == expected_.end() && flags == kExist) {
        expected = Errno::kNoEnt;
      } else if (found == expected_.end() && expected_.size() == max_entries_) {
        expected = Errno::k2Big;
      } else {
        expected_[key] = value;
      }
      EXPECT_EQ(map.UpdateElem(key.data(), value.data(), flags), expected);
    } else if (choice < 9) {
      EXPECT_EQ(map.DeleteElem(key.data()),
                found == expected_.end() ? Errno::kNoEnt : Errno::kOk);
      if (found != expected_.end()) expected_.erase(found);
    } else {
      const void* const value = map.LookupElem(key.data());
      ASSERT_EQ(value != nullptr, found != expected_.end());
      if (value == nullptr) return;
      EXPECT_EQ(std::memcmp(value, found->second.data(), kValueSize), 0);
    }
  }

  std::mt19937_64 random_;
  uint32_t key_size_ = 0;
  uint32_t max_entries_ = 0;
  std::map<std::string, std::string> expected_;
};

TEST_P(SmallTablesTest, AgreeWithMap) {
  constexpr int kMaps = 4000;
  for (int i = 0; i < kMaps && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    RunMap(/*steps=*/400);
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, SmallTablesTest,
                         ::testing::ValuesIn(LocalBackends()), BackendName);

}  // namespace
}  // namespace bpfmap
