// SPDX-License-Identifier: Apache-2.0

// The contract of LPM tries, rule by rule, on every backend; what pointers of
// the program view show; and random commands against a std::map.
//
// Every combination of flags, states and errors stands in
// golden/kernel_errno.tsv, and random ones against the kernel in
// lpm_trie_differential_test.cc and lpm_trie_program_test.cc.
//
// Flag: --seed=N (printed by every run).

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/prefix_key.h"
#include "tests/support/random_seed.h"

namespace bpfmap {
namespace {

using ::testing::ElementsAre;

class LpmTrieContractTest : public BackendTest {
 protected:
  void Make(uint32_t max_entries, uint32_t key_size = sizeof(PrefixKey)) {
    ASSERT_EQ(GetParam().create({.type = MapType::kLpmTrie,
                                 .key_size = key_size,
                                 .value_size = 8,
                                 .max_entries = max_entries,
                                 .map_flags = kNoPrealloc,
                                 .name = "contract"},
                                &map_),
              Errno::kOk);
  }

  Errno Update(const PrefixKey& key, uint64_t value, ElemFlags flags = kAny) {
    return map_->Update(&key, &value, flags);
  }
  Errno Delete(const PrefixKey& key) { return map_->Delete(&key); }
  // The value of the longest match, or -1 if there is none.
  int64_t Find(const PrefixKey& key) {
    int64_t value = -1;
    const Errno error = map_->Lookup(&key, &value);
    EXPECT_EQ(error, value == -1 ? Errno::kNoEnt : Errno::kOk);
    return value;
  }
  std::vector<PrefixKey> Keys() {
    std::vector<PrefixKey> keys;
    PrefixKey key;
    Errno error = map_->GetNextKey(nullptr, &key);
    for (; error == Errno::kOk; error = map_->GetNextKey(&key, &key)) {
      keys.push_back(key);
    }
    EXPECT_EQ(error, Errno::kNoEnt);
    return keys;
  }

  TestMap map_;
};

TEST_P(LpmTrieContractTest, LongestPrefixOfKeyIsFound) {
  Make(4);
  ASSERT_EQ(Update(Ip(0x0a000000, 8), 8), Errno::kOk);
  ASSERT_EQ(Update(Ip(0x0a010000, 16), 16), Errno::kOk);
  ASSERT_EQ(Update(Ip(0x0a010203, 32), 32), Errno::kOk);
  EXPECT_EQ(Find(Ip(0x0a010203, 32)), 32);
  EXPECT_EQ(Find(Ip(0x0a010204, 32)), 16);
  EXPECT_EQ(Find(Ip(0x0a020304, 32)), 8);
  EXPECT_EQ(Find(Ip(0x0b000000, 32)), -1);
}

TEST_P(LpmTrieContractTest, PrefixThatIsLongerThanKeyIsNot) {
  Make(4);
  ASSERT_EQ(Update(Ip(0x0a000000, 8), 8), Errno::kOk);
  ASSERT_EQ(Update(Ip(0x0a010000, 16), 16), Errno::kOk);
  EXPECT_EQ(Find(Ip(0x0a010000, 16)), 16);
  EXPECT_EQ(Find(Ip(0x0a010000, 15)), 8);
  EXPECT_EQ(Find(Ip(0x0a010000, 8)), 8);
  EXPECT_EQ(Find(Ip(0x0a010000, 7)), -1);
}

TEST_P(LpmTrieContractTest, PrefixOfNoBitsMatchesEveryKey) {
  Make(4);
  ASSERT_EQ(Update(Ip(0xffffffff, 0), 7), Errno::kOk);
  for (const uint32_t length : {0, 1, 31, 32}) {
    EXPECT_EQ(Find(Ip(0x12345678, length)), 7);
  }
  EXPECT_EQ(Find(Ip(0, 33)), -1);
}

TEST_P(LpmTrieContractTest, PrefixLongerThanDataIsNotFoundAndNotTaken) {
  Make(4);
  for (const uint32_t length : {33U, 64U, 0x80000000U, 0xffffffffU}) {
    EXPECT_EQ(Find(Ip(0, length)), -1);
    EXPECT_EQ(Update(Ip(0, length), 1), Errno::kInval);
    EXPECT_EQ(Update(Ip(0, length), 1, kExist), Errno::kInval);
    EXPECT_EQ(Delete(Ip(0, length)), Errno::kInval);
  }
}

TEST_P(LpmTrieContractTest, HostBitsCountForNothingAndAreThoseOfLastUpdate) {
  Make(4);
  ASSERT_EQ(Update(Ip(0x0a010203, 16), 1), Errno::kOk);
  EXPECT_EQ(Update(Ip(0x0a01ffff, 16), 2, kNoExist), Errno::kExist);
  EXPECT_THAT(Keys(), ElementsAre(Ip(0x0a010203, 16)));
  EXPECT_EQ(Update(Ip(0x0a01ffff, 16), 2, kExist), Errno::kOk);
  EXPECT_THAT(Keys(), ElementsAre(Ip(0x0a01ffff, 16)));
  EXPECT_EQ(Find(Ip(0x0a010000, 16)), 2);
  EXPECT_EQ(Delete(Ip(0x0a010000, 16)), Errno::kOk);
  EXPECT_THAT(Keys(), ElementsAre());
}

TEST_P(LpmTrieContractTest, DeleteMeansExactPrefix) {
  Make(4);
  ASSERT_EQ(Update(Ip(0x0a000000, 8), 8), Errno::kOk);
  ASSERT_EQ(Update(Ip(0x0a010000, 16), 16), Errno::kOk);
  EXPECT_EQ(Delete(Ip(0x0a010000, 15)), Errno::kNoEnt);
  EXPECT_EQ(Delete(Ip(0x0a010000, 17)), Errno::kNoEnt);
  EXPECT_EQ(Delete(Ip(0x0a010000, 16)), Errno::kOk);
  EXPECT_EQ(Delete(Ip(0x0a010000, 16)), Errno::kNoEnt);
  EXPECT_EQ(Find(Ip(0x0a010000, 32)), 8);
}

TEST_P(LpmTrieContractTest, ForkIsNoPrefix) {
  Make(3);
  ASSERT_EQ(Update(Ip(0x0a000000, 16), 1), Errno::kOk);
  ASSERT_EQ(Update(Ip(0x0a010000, 16), 2), Errno::kOk);  // fork at 10.0.0.0/15
  const PrefixKey fork = Ip(0x0a000000, 15);
  EXPECT_EQ(Find(fork), -1);
  EXPECT_EQ(Delete(fork), Errno::kNoEnt);
  EXPECT_EQ(Update(fork, 3, kExist), Errno::kNoEnt);
  EXPECT_THAT(Keys(), ElementsAre(Ip(0x0a000000, 16), Ip(0x0a010000, 16)));
  EXPECT_EQ(Update(fork, 3, kNoExist), Errno::kOk);
  EXPECT_EQ(Find(fork), 3);
  EXPECT_EQ(Delete(fork), Errno::kOk);
  EXPECT_EQ(Find(fork), -1);
  EXPECT_EQ(Find(Ip(0x0a010203, 32)), 2);
}

TEST_P(LpmTrieContractTest, FullTrieIsNoSpcAndStillReplaces) {
  Make(2);
  ASSERT_EQ(Update(Ip(0x0a000000, 24), 1), Errno::kOk);
  ASSERT_EQ(Update(Ip(0xc0000000, 24), 2), Errno::kOk);
  EXPECT_EQ(Update(Ip(0xd0000000, 24), 3), Errno::kNoSpc);
  EXPECT_EQ(Update(Ip(0, 0), 3, kNoExist), Errno::kNoSpc);  // the fork
  EXPECT_EQ(Update(Ip(0xd0000000, 24), 3, kExist), Errno::kNoEnt);
  for (uint64_t value = 10; value < 20; ++value) {
    EXPECT_EQ(Update(Ip(0xc0000000, 24), value), Errno::kOk);
  }
  EXPECT_EQ(Find(Ip(0xc0000000, 32)), 19);
}

TEST_P(LpmTrieContractTest, DeleteGivesItsPlaceBackAtOnce) {
  for (const uint32_t max_entries : {1U, 2U, 3U, 5U}) {
    Make(max_entries);
    const auto key = [](uint32_t i) { return Ip(i * 0x9e3779b9, 8 + i % 25); };
    for (uint32_t i = 0; i < max_entries; ++i) {
      ASSERT_EQ(Update(key(i), i), Errno::kOk);
    }
    for (uint32_t i = 0; i < 1000; ++i) {
      EXPECT_EQ(Update(key(i + max_entries), 1), Errno::kNoSpc);
      EXPECT_EQ(Delete(key(i)), Errno::kOk);
      EXPECT_EQ(Update(key(i + max_entries), 1), Errno::kOk);
    }
    EXPECT_EQ(Keys().size(), max_entries);
  }
}

TEST_P(LpmTrieContractTest, WalkShowsLongerPrefixesFirstAndZeroBeforeOne) {
  Make(8);
  for (const PrefixKey& key :
       {Ip(0, 0), Ip(0x80000000, 1), Ip(0xc0000000, 2), Ip(0x80000000, 32),
        Ip(0x40000000, 2), Ip(0x00000000, 32)}) {
    ASSERT_EQ(Update(key, 1), Errno::kOk);
  }
  EXPECT_THAT(Keys(),
              ElementsAre(Ip(0, 32), Ip(0x40000000, 2), Ip(0x80000000, 32),
                          Ip(0xc0000000, 2), Ip(0x80000000, 1), Ip(0, 0)));
}

TEST_P(LpmTrieContractTest, WalkFromPrefixThatIsNotThereStartsAgain) {
  Make(8);
  PrefixKey next;
  EXPECT_EQ(map_->GetNextKey(nullptr, &next), Errno::kNoEnt);
  ASSERT_EQ(Update(Ip(0x0a000000, 16), 1), Errno::kOk);
  ASSERT_EQ(Update(Ip(0x0a010000, 16), 2), Errno::kOk);
  for (const PrefixKey& missing :
       {Ip(0x0a000000, 15), Ip(0x0a010000, 17), Ip(0x0a010000, 33),
        Ip(0xff000000, 8), Ip(0, 0)}) {
    next = {};
    EXPECT_EQ(map_->GetNextKey(&missing, &next), Errno::kOk);
    EXPECT_EQ(next, Ip(0x0a000000, 16));
  }
  const PrefixKey last = Ip(0x0a01ffff, 16);  // with other host bits
  EXPECT_EQ(map_->GetNextKey(&last, &next), Errno::kNoEnt);
}

TEST_P(LpmTrieContractTest, BatchThatEndsExactlyIsOkAndNextOneNoEnt) {
  Make(3);
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_EQ(Update(Ip(i << 24, 8), i), Errno::kOk);
  }
  std::array<PrefixKey, 4> keys{};
  std::array<uint64_t, 4> values{};
  PrefixKey position;
  uint32_t count = 3;
  EXPECT_EQ(
      map_->LookupBatch(nullptr, &position, keys.data(), values.data(), &count),
      Errno::kOk);
  EXPECT_EQ(count, 3u);
  EXPECT_EQ(position, Ip(2 << 24, 8));
  EXPECT_THAT(values, ElementsAre(0, 1, 2, 0));
  EXPECT_EQ(map_->LookupBatch(&position, &position, keys.data(), values.data(),
                              &count),
            Errno::kNoEnt);
  EXPECT_EQ(count, 0u);
}

// Every bit of keys of many sizes, those around the words of an implementation
// among them.
TEST_P(LpmTrieContractTest, PrefixesMayEndAtAnyBit) {
  for (const uint32_t data_size : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 256}) {
    const uint32_t key_size = 4 + data_size;
    const uint32_t bits = 8 * data_size;
    const uint32_t step = bits > 200 ? 31 : 1;
    Make(bits / step + 1, key_size);
    for (uint32_t length = 0; length <= bits; length += step) {
      const uint64_t value = length;
      ASSERT_EQ(map_->Update(ZeroPrefix(key_size, length).data(), &value),
                Errno::kOk);
    }
    for (uint32_t bit = 0; bit < bits; bit += step) {
      std::vector<uint8_t> key = ZeroPrefix(key_size, bits);
      FlipBit(&key, bit);
      uint64_t value = ~uint64_t{0};
      EXPECT_EQ(map_->Lookup(key.data(), &value), Errno::kOk);
      EXPECT_EQ(value, bit / step * step) << "of " << bits << " bits";
    }
  }
}

TEST_P(LpmTrieContractTest, MostEntriesThatThereCanBeNeedNoMemoryAtFirst) {
  const MapDef def = {.type = MapType::kLpmTrie,
                      .key_size = sizeof(PrefixKey),
                      .value_size = 8,
                      .max_entries = 0xffffffff,
                      .map_flags = kNoPrealloc};
  if (GetParam().is_too_large(def)) return;  // it takes all at first
  ASSERT_EQ(GetParam().create(def, &map_), Errno::kOk);
  ASSERT_EQ(Update(Ip(0x0a000000, 8), 8), Errno::kOk);
  EXPECT_EQ(Find(Ip(0x0a010203, 32)), 8);
}

INSTANTIATE_TEST_SUITE_P(Backends, LpmTrieContractTest,
                         ::testing::ValuesIn(Backends()), BackendName);

// Pointers of the program view.

class LpmTriePointerTest : public LpmTrieContractTest {
 protected:
  uint64_t* Pointer(const PrefixKey& key) {
    return static_cast<uint64_t*>(map_.local()->LookupElem(&key));
  }
};

TEST_P(LpmTriePointerTest, ThereIsNoneWhereNothingMatches) {
  Make(2);
  ASSERT_EQ(Update(Ip(0x0a000000, 8), 8), Errno::kOk);
  EXPECT_EQ(Pointer(Ip(0x0b000000, 8)), nullptr);
  EXPECT_EQ(Pointer(Ip(0x0a000000, 33)), nullptr);
  EXPECT_EQ(map_.local()->LookupElem(nullptr), nullptr);
}

TEST_P(LpmTriePointerTest, StoreThroughPointerIsInMap) {
  Make(2);
  ASSERT_EQ(Update(Ip(0x0a000000, 8), 10), Errno::kOk);
  *Pointer(Ip(0x0a010203, 32)) += 5;
  EXPECT_EQ(Find(Ip(0x0a000000, 8)), 15);
}

TEST_P(LpmTriePointerTest, KeepsOldValueWhenItIsReplaced) {
  Make(1);
  const PrefixKey key = Ip(0x0a000000, 8);
  ASSERT_EQ(Update(key, 1), Errno::kOk);
  uint64_t* const old = Pointer(key);
  ASSERT_EQ(Update(key, 2), Errno::kOk);
  EXPECT_EQ(*old, 1u);
  *old = 50;  // lost, and harmless
  EXPECT_EQ(Find(key), 2);
}

TEST_P(LpmTriePointerTest, PointerToDeletedPrefixStaysReadable) {
  Make(3);
  const PrefixKey fork = Ip(0, 0);
  ASSERT_EQ(Update(fork, 9), Errno::kOk);
  ASSERT_EQ(Update(Ip(0, 1), 1), Errno::kOk);
  ASSERT_EQ(Update(Ip(0x80000000, 1), 2), Errno::kOk);
  uint64_t* const pointer = Pointer(fork);
  ASSERT_EQ(Delete(fork), Errno::kOk);  // which stays as a fork
  EXPECT_EQ(*pointer, 9u);
  *pointer = 77;
  EXPECT_EQ(Find(fork), -1);
}

TEST_P(LpmTriePointerTest, StaysWhenOtherPrefixesComeAndGoAround) {
  Make(80);
  ASSERT_EQ(Update(Ip(0x0a010000, 16), 5), Errno::kOk);
  uint64_t* const pointer = Pointer(Ip(0x0a010000, 16));
  for (uint32_t length = 1; length <= 32; ++length) {
    if (length == 16) continue;
    // Two that part in their last bit.
    for (const uint32_t last : {0U, 1U << (32 - length)}) {
      ASSERT_EQ(Update(Ip(0x0a010000 ^ last, length), 1), Errno::kOk);
    }
  }
  EXPECT_EQ(Pointer(Ip(0x0a010000, 16)), pointer);
  EXPECT_EQ(*pointer, 5u);
}

TEST_P(LpmTriePointerTest, IsAlignedTo8) {
  for (const uint32_t key_size : {5U, 7U, 12U, 13U}) {
    ASSERT_EQ(GetParam().create({.type = MapType::kLpmTrie,
                                 .key_size = key_size,
                                 .value_size = 3,
                                 .max_entries = 8,
                                 .map_flags = kNoPrealloc},
                                &map_),
              Errno::kOk);
    for (uint32_t length = 0; length < 8; ++length) {
      const std::vector<uint8_t> key = ZeroPrefix(key_size, length);
      ASSERT_EQ(map_.local()->UpdateElem(key.data(), "abc", kAny), Errno::kOk);
      const auto address =
          reinterpret_cast<uintptr_t>(map_.local()->LookupElem(key.data()));
      EXPECT_EQ(address % 8, 0u);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, LpmTriePointerTest,
                         ::testing::ValuesIn(LocalBackends()), BackendName);

// A model: bits of a prefix as a string of '0' and '1'.

struct ChildrenFirst {
  bool operator()(const std::string& a, const std::string& b) const {
    const auto [at_a, at_b] =
        std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (at_a == a.end() || at_b == b.end()) return a.size() > b.size();
    return *at_a < *at_b;
  }
};
using Model = std::map<std::string, uint64_t, ChildrenFirst>;

std::string BitsOf(const PrefixKey& key) {
  std::string bits;
  for (uint32_t i = 0; i < key.length; ++i) {
    bits += (key.address[i / 8] >> (7 - i % 8) & 1) != 0 ? '1' : '0';
  }
  return bits;
}

using LpmTrieModelTest = LpmTrieContractTest;

TEST_P(LpmTrieModelTest, RandomCommandsMatchModel) {
  std::mt19937_64 random(RandomSeed());
  for (const uint32_t max_entries : {1, 7, 60, 300}) {
    Make(max_entries);
    Model model;
    for (int step = 0; step < 20000; ++step) {
      // Few addresses, so that prefixes overlap.
      const uint32_t address =
          static_cast<uint32_t>(random() % 4 << 30 | random() % 4 << 16);
      const PrefixKey key =
          Ip(address ^ (random() % 2 ? 0 : 1U << random() % 32), random() % 33);
      const std::string bits = BitsOf(key);
      const bool present = model.count(bits) != 0;
      switch (random() % 3) {
        case 0: {
          const uint64_t value = random() >> 1;
          const bool fits = present || model.size() < max_entries;
          ASSERT_EQ(Update(key, value), fits ? Errno::kOk : Errno::kNoSpc);
          if (fits) model[bits] = value;
          break;
        }
        case 1:
          ASSERT_EQ(Delete(key), present ? Errno::kOk : Errno::kNoEnt);
          model.erase(bits);
          break;
        case 2: {
          int64_t expected = -1;
          for (std::size_t length = 0; length <= bits.size(); ++length) {
            const auto match = model.find(bits.substr(0, length));
            if (match != model.end()) expected = match->second;
          }
          ASSERT_EQ(Find(key), expected);
        }
      }
      if (step % 500 != 0) continue;
      std::vector<std::string> walked, expected;
      for (const PrefixKey& shown : Keys()) walked.push_back(BitsOf(shown));
      for (const auto& [prefix, value] : model) expected.push_back(prefix);
      ASSERT_EQ(walked, expected);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, LpmTrieModelTest,
                         ::testing::ValuesIn(LocalBackends()), BackendName);

}  // namespace
}  // namespace bpfmap
