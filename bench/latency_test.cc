// SPDX-License-Identifier: Apache-2.0

#include "bench/latency.h"

#include <chrono>
#include <cstdint>
#include <numeric>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace bpfmap::bench {
namespace {

TEST(LatencyTest, PercentilesAreThoseOfTheSamples) {
  std::vector<int64_t> samples(1001);
  std::iota(samples.rbegin(), samples.rend(), 0);
  const Percentiles percentiles = PercentilesOf(samples);
  EXPECT_EQ(percentiles.p50, 500);
  EXPECT_EQ(percentiles.p99, 990);
  EXPECT_EQ(percentiles.p999, 999);
}

TEST(LatencyTest, OneSampleIsEveryPercentile) {
  EXPECT_EQ(PercentilesOf({7}).p50, 7);
  EXPECT_EQ(PercentilesOf({7}).p999, 7);
}

TEST(LatencyTest, AnOperationTakesAtLeastItsTime) {
  const Percentiles percentiles = SampleLatency([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return true;
  });
  EXPECT_GE(percentiles.p50, 0.9e6);
  EXPECT_LE(percentiles.p50, percentiles.p999);
}

TEST(LatencyTest, EndsWithTheFirstThatFails) {
  int calls = 0;
  SampleLatency([&calls] { return ++calls < 3; });
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace bpfmap::bench
