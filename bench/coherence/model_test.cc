// SPDX-License-Identifier: Apache-2.0

#include "bench/coherence/model.h"

#include "gtest/gtest.h"

namespace bpfmap::bench {
namespace {

using Access = CoherenceModel::Access;

class CoherenceModelTest : public testing::Test {
 protected:
  // The cost of an access: 0 or 1 transfers, where it stays in a line.
  uint64_t Cost(int cpu, size_t at, Access access, size_t size = 8) {
    const uint64_t before = model_.transfers();
    model_.BeginOperation(cpu);
    model_.Touch(&memory_[at], size, access);
    return model_.transfers() - before;
  }
  uint64_t Load(int cpu, size_t at = 0) { return Cost(cpu, at, Access::kLoad); }
  uint64_t Store(int cpu, size_t at = 0) {
    return Cost(cpu, at, Access::kStore);
  }

  alignas(64) char memory_[256] = {};
  CoherenceModel model_;
};

TEST_F(CoherenceModelTest, LineThatIsOnlyReadNeverTravels) {
  for (int cpu = 0; cpu < 64; ++cpu) EXPECT_EQ(Load(cpu), 0u);
}

TEST_F(CoherenceModelTest, LineOfOneCpuNeverTravels) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Store(5), 0u);
    EXPECT_EQ(Load(5), 0u);
  }
}

TEST_F(CoherenceModelTest, LoadOfWhatAnotherCpuWroteTravelsOnce) {
  EXPECT_EQ(Store(0), 0u);
  EXPECT_EQ(Load(1), 1u);
  EXPECT_EQ(Load(1), 0u);
  EXPECT_EQ(Load(2), 0u);  // shared by then: memory has it too
  EXPECT_EQ(Load(0), 0u);
}

TEST_F(CoherenceModelTest, StoreTakesTheLineFromAllOthers) {
  EXPECT_EQ(Store(0), 0u);
  EXPECT_EQ(Store(1), 1u);
  EXPECT_EQ(Store(1), 0u);
  EXPECT_EQ(Load(0), 1u);
  EXPECT_EQ(Store(1), 1u);  // CPU 0 has it too
  EXPECT_EQ(Store(1), 0u);
}

TEST_F(CoherenceModelTest, BytesOfOneLineTravelTogether) {
  EXPECT_EQ(Store(0, 0), 0u);
  EXPECT_EQ(Store(1, 56), 1u);
  EXPECT_EQ(Store(0, 64), 0u);
  EXPECT_EQ(Store(1, 128), 0u);
}

TEST_F(CoherenceModelTest, AccessMayStretchOverLines) {
  EXPECT_EQ(Cost(0, 0, Access::kStore, 192), 0u);
  EXPECT_EQ(Cost(1, 32, Access::kLoad, 64), 2u);
  EXPECT_EQ(Cost(1, 128, Access::kLoad, 1), 1u);
}

TEST_F(CoherenceModelTest, LineTravelsOnceInAnOperation) {
  EXPECT_EQ(Store(0), 0u);
  model_.BeginOperation(1);
  model_.Touch(&memory_[0], 8, Access::kLoad);
  model_.Touch(&memory_[0], 8, Access::kStore);
  EXPECT_EQ(model_.transfers(), 1u);
  EXPECT_EQ(Load(0), 1u);
}

TEST_F(CoherenceModelTest, CountsStartAnewAndCachesStay) {
  EXPECT_EQ(Store(0), 0u);
  EXPECT_EQ(Store(1), 1u);
  EXPECT_EQ(Store(1, 64), 0u);
  model_.StartCounting();
  EXPECT_EQ(model_.operations(), 0u);
  EXPECT_EQ(Store(0), 1u);
  EXPECT_EQ(Store(1), 1u);
  EXPECT_EQ(Load(0, 64), 1u);
  EXPECT_EQ(model_.operations(), 3u);
  EXPECT_EQ(model_.transfers(), 3u);
  EXPECT_EQ(model_.most_transfers_of_a_line(), 2u);
}

}  // namespace
}  // namespace bpfmap::bench
