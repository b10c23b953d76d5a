// SPDX-License-Identifier: Apache-2.0

// The kinds of keys in key.h: they are one key, seen in different ways.

#include "bpfmap/maps/internal/hash/key.h"

#include <array>
#include <cstddef>
#include <cstdint>

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

}  // namespace
}  // namespace bpfmap::internal
