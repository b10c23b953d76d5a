// SPDX-License-Identifier: Apache-2.0

// The kinds of keys in key.h: they are one key, seen in different ways.

#include "bpfmap/maps/internal/hash/key.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bpfmap/maps/internal/hash/hash_function.h"
#include "gtest/gtest.h"

namespace bpfmap::internal {
namespace {

constexpr std::array<unsigned char, 16> kBytes = {
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

// A table inserts by the one kind and walks by the other.
TEST(KeyTest, HashDoesNotDependOnTheKindOfKey) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const HashFunction hash(seed);
    const auto any_hash = [&](uint32_t size) {
      return AnyKey(kBytes.data(), size).Hash(hash);
    };
    EXPECT_EQ(WordKey<uint32_t>(kBytes.data()).Hash(hash), any_hash(4));
    EXPECT_EQ(WordKey<uint64_t>(kBytes.data()).Hash(hash), any_hash(8));
    EXPECT_EQ(TwoWordKey(kBytes.data()).Hash(hash), any_hash(16));
  }
}

TEST(KeyTest, EveryByteOfAShortKeyCounts) {
  const HashFunction hash(7);
  for (uint32_t size = 1; size <= 9; ++size) {
    for (uint32_t i = 0; i < size; ++i) {
      std::array<unsigned char, 16> other = kBytes;
      other[i] ^= 0x80;
      EXPECT_NE(hash(kBytes.data(), size), hash(other.data(), size))
          << size << ", byte " << i;
    }
  }
}

// The same for small machines, whose lookups alone know kinds of keys.
TEST(SmallHashTest, DoesNotDependOnTheKindOfKey) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const SmallHashFunction hash(seed << 20);
    EXPECT_EQ(WordKey<uint32_t>(kBytes.data()).Hash(hash),
              AnyKey(kBytes.data(), 4).Hash(hash));
  }
}

TEST(SmallHashTest, EveryByteOfAShortKeyCounts) {
  const SmallHashFunction hash(7);
  for (uint32_t size = 1; size <= 9; ++size) {
    for (uint32_t i = 0; i < size; ++i) {
      std::array<unsigned char, 16> other = kBytes;
      other[i] ^= 0x80;
      EXPECT_NE(hash(kBytes.data(), size), hash(other.data(), size))
          << size << ", byte " << i;
    }
  }
}

// How many of `count` keys, `step` apart and `words` words long, of which only
// one is not zero, lie in a chain after another one; with as many chains.
uint32_t Crowded(uint64_t seed, uint32_t count, uint32_t step, uint32_t words,
                 uint32_t word) {
  const SmallHashFunction hash(seed);
  const int shift = 32 - std::countr_zero(count);
  std::vector<bool> used(count);
  uint32_t crowded = 0;
  for (uint32_t i = 0; i < count; ++i) {
    std::array<uint32_t, 4> key = {};
    key[word] = i * step;
    const uint32_t chain = hash(key.data(), 4 * words) >> shift;
    if (used[chain]) ++crowded;
    used[chain] = true;
  }
  return crowded;
}

// By chance it is 1/e of them, 377 of 1,024. The seeds are fixed.
TEST(SmallHashTest, KeysWithAPatternSpreadAsByChance) {
  for (uint32_t words = 1; words <= 4; ++words) {
    for (uint32_t word = 0; word < words; ++word) {
      for (int bit = 0; bit <= 22; ++bit) {
        uint64_t sum = 0;
        for (uint64_t seed = 1; seed <= 64; ++seed) {
          sum +=
              Crowded(seed * 0x9e3779b97f4a7c15, 1024, 1U << bit, words, word);
        }
        EXPECT_NEAR(sum / 64.0, 377, 40)
            << words << " words, step 2^" << bit << " in word " << word;
      }
    }
  }
}

}  // namespace
}  // namespace bpfmap::internal
