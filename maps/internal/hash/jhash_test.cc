// SPDX-License-Identifier: Apache-2.0

// Jhash on machines of either byte order.

#include "bpfmap/maps/internal/hash/jhash.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace bpfmap::internal {
namespace {

struct Row {
  uint32_t count;  // of bytes or words, and the seed
  uint32_t hash;
};

TEST(JhashTest, ShortOddSizesHashAlikeInBothByteOrders) {
  constexpr unsigned char kBytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  constexpr Row kRows[] = {{1, 0xaf758ef3}, {2, 0x16de462a},  {3, 0x0a60a192},
                           {5, 0xe1e40934}, {6, 0x72a6a83b},  {7, 0x50afb07d},
                           {9, 0x6ebe1c56}, {10, 0x2e2eb23d}, {11, 0xd2bf4f97}};
  for (const Row& row : kRows) {
    EXPECT_EQ(Jhash(kBytes, row.count, row.count), row.hash) << row.count;
  }
}

TEST(JhashTest, WordsHashAsNumbersOfTheMachine) {
  constexpr uint32_t kWords[] = {1, 2, 3, 4, 5, 6, 7};
  constexpr Row kRows[] = {{1, 0x76efdf8d}, {2, 0xd9ea6df8}, {3, 0xdc9de280},
                           {4, 0x425a7fb8}, {5, 0x6ac9bf8c}, {6, 0x6dd411b7},
                           {7, 0xded71445}};
  for (const Row& row : kRows) {
    EXPECT_EQ(Jhash(kWords, 4 * row.count, row.count), row.hash) << row.count;
  }
}

}  // namespace
}  // namespace bpfmap::internal
