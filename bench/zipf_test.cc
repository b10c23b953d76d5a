// SPDX-License-Identifier: Apache-2.0

#include "bench/zipf.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "bench/random.h"
#include "gtest/gtest.h"

namespace bpfmap::bench {
namespace {

// How often each number comes out of a million draws, most often first.
std::vector<int> CountsOfAMillion(uint32_t limit) {
  const Zipf zipf(limit);
  Random random(1, Purpose::kOrder, 0);
  std::vector<int> counts(limit);
  for (int draw = 0; draw < 1000000; ++draw) ++counts.at(zipf.Draw(random));
  std::sort(counts.begin(), counts.end(), std::greater<>());
  return counts;
}

TEST(ZipfTest, TheNthIsDrawnAsOftenAsItShould) {
  // The sum of n^-0.99 for n from 1 to 1000 is 7.729.
  const std::vector<int> counts = CountsOfAMillion(1000);
  EXPECT_NEAR(counts[0], 129400, 2000);
  EXPECT_NEAR(counts[1], 65200, 2000);
  EXPECT_NEAR(counts[9], 13240, 1500);
  EXPECT_NEAR(counts[99], 1355, 200);
}

TEST(ZipfTest, EveryNumberIsDrawn) {
  EXPECT_GT(CountsOfAMillion(768).back(), 0);
}

TEST(ZipfTest, TwoIsTheLeastLimit) {
  const std::vector<int> counts = CountsOfAMillion(2);
  EXPECT_EQ(counts[0] + counts[1], 1000000);
  EXPECT_GT(counts[1], 0);
}

}  // namespace
}  // namespace bpfmap::bench
