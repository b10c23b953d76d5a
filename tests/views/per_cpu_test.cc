// SPDX-License-Identifier: Apache-2.0

// PerCpu: values of per-CPU maps, in TypedMap and in ProgramMap.

#include "bpfmap/maps/per_cpu.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/program_map.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/maps/typed_map.h"
#include "bpfmap/profiles/cpu.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

struct Stats {
  uint64_t packets;
  uint32_t drops;
  friend bool operator==(const Stats&, const Stats&) = default;
};

class PerCpuTest : public ::testing::TestWithParam<MapType> {
 protected:
  template <typename V>
  void Make(MapType type) {
    map_ = *CreateMap({.type = type,
                       .key_size = sizeof(uint32_t),
                       .value_size = sizeof(V),
                       .max_entries = 8,
                       .name = "stats"});
  }

  const ScopedPossibleCpus cpus_{3};
  std::shared_ptr<LocalMap> map_;
};

INSTANTIATE_TEST_SUITE_P(Types, PerCpuTest,
                         ::testing::Values(MapType::kPerCpuArray,
                                           MapType::kPerCpuHash,
                                           MapType::kLruPerCpuHash),
                         [](const auto& info) {
                           return std::string(MapTypeName(info.param));
                         });

TEST_P(PerCpuTest, UserSpaceSeesWhatEachCpuCounted) {
  Make<Stats>(GetParam());
  const auto program = *ProgramMap<uint32_t, Stats>::Create(map_.get());
  for (const int cpu : {0, 1, 2}) {
    const ScopedCpu on(cpu);
    Stats* const stats = program.GetOrInsert(7, {});
    ASSERT_NE(stats, nullptr);
    stats->packets = uint64_t{10} * (cpu + 1);
    stats->drops = cpu;
  }
  const auto user = *TypedMap<uint32_t, PerCpu<Stats>>::Create(map_.get());
  const auto all = user.Get(7);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 3);
  EXPECT_EQ((*all)[2].packets, 30u);
  EXPECT_EQ(all->Sum(&Stats::packets), 60u);
  EXPECT_EQ(all->Sum(&Stats::drops), 3u);
  EXPECT_EQ(program.LookupAllCpus(7), *all);
}

TEST_P(PerCpuTest, WhatIsSetIsGot) {
  Make<uint32_t>(GetParam());
  auto user = *TypedMap<uint32_t, PerCpu<uint32_t>>::Create(map_.get());
  PerCpu<uint32_t> value;
  for (int cpu = 0; cpu < value.size(); ++cpu) value[cpu] = cpu + 5;
  ASSERT_TRUE(user.Set(1, value).ok());
  EXPECT_THAT(*user.Get(1), ElementsAre(5, 6, 7));
  const auto program = *ProgramMap<uint32_t, uint32_t>::Create(map_.get());
  EXPECT_EQ(*program.LookupPerCpu(1, 2), 7u);
}

TEST_P(PerCpuTest, ValueOfAnotherNumberOfCpusIsRefused) {
  Make<uint32_t>(GetParam());
  auto user = *TypedMap<uint32_t, PerCpu<uint32_t>>::Create(map_.get());
  const PerCpu<uint32_t> two(2);
  EXPECT_EQ(StatusToErrno(user.Set(1, two)), Errno::kInval);
  EXPECT_EQ(StatusToErrno(user.SetBatch({1}, {two})), Errno::kInval);
}

TEST_P(PerCpuTest, EntriesAndBatchesHaveAllParts) {
  Make<uint64_t>(GetParam());
  auto user = *TypedMap<uint32_t, PerCpu<uint64_t>>::Create(map_.get());
  const std::vector<uint32_t> keys = {1, 2, 3};
  std::vector<PerCpu<uint64_t>> values(3);
  for (uint32_t i = 0; i < 3; ++i) {
    for (int cpu = 0; cpu < 3; ++cpu) values[i][cpu] = 10 * keys[i] + cpu;
  }
  ASSERT_TRUE(user.SetBatch(keys, values).ok());
  std::vector<uint64_t> sums;
  auto entries = user.Entries();
  for (const auto& [key, value] : entries) {
    if (key < 1 || key > 3) continue;  // the other indices of an array
    EXPECT_EQ(value, values[key - 1]);
    sums.push_back(value.Sum());
  }
  EXPECT_TRUE(entries.status().ok()) << entries.status();
  EXPECT_THAT(sums, UnorderedElementsAre(33, 63, 93));
}

TEST_P(PerCpuTest, AbsentKeyHasNoPartsInProgram) {
  Make<uint64_t>(GetParam());
  const auto program = *ProgramMap<uint32_t, uint64_t>::Create(map_.get());
  EXPECT_EQ(program.LookupAllCpus(100).size(), 0);
}

TEST_P(PerCpuTest, TypeWithoutPartsIsRefused) {
  Make<uint64_t>(GetParam());
  const auto user = TypedMap<uint32_t, uint64_t>::Create(map_.get());
  ASSERT_FALSE(user.ok());
  EXPECT_THAT(std::string(user.status().message()),
              HasSubstr("the type given must be a PerCpu"));
}

TEST_F(PerCpuTest, MapWithoutPartsIsRefused) {
  Make<uint64_t>(MapType::kHash);
  const auto user = TypedMap<uint32_t, PerCpu<uint64_t>>::Create(map_.get());
  ASSERT_FALSE(user.ok());
  EXPECT_THAT(std::string(user.status().message()),
              HasSubstr("the type given may not be a PerCpu"));
  const auto program = *ProgramMap<uint32_t, uint64_t>::Create(map_.get());
  ASSERT_EQ(program.Update(1, 1), Errno::kOk);
  EXPECT_EQ(program.LookupAllCpus(1).size(), 0);
}

TEST_F(PerCpuTest, SizeIsThatOfOnePart) {
  Make<uint64_t>(MapType::kPerCpuArray);
  const auto user = TypedMap<uint32_t, PerCpu<uint32_t>>::Create(map_.get());
  ASSERT_FALSE(user.ok());
  EXPECT_THAT(std::string(user.status().message()),
              HasSubstr("value_size 8, but the types given have 4 and 4"));
}

TEST_F(PerCpuTest, IsAValue) {
  PerCpu<uint8_t> value = PerCpu<uint8_t>::Filled(100);
  EXPECT_THAT(value, ElementsAre(100, 100, 100));
  EXPECT_EQ(value.size_bytes(), 24u);
  EXPECT_EQ(value.Sum(), uint8_t{44});  // as a uint8_t adds
  EXPECT_EQ(value.Reduce(uint64_t{0}, std::plus<>()), 300u);
  const PerCpu<uint8_t> copy = value;
  EXPECT_EQ(copy, value);
  value[1] = 7;
  EXPECT_NE(copy, value);
  EXPECT_EQ(value.Reduce(uint8_t{255},
                         [](uint8_t a, uint8_t b) { return a < b ? a : b; }),
            7);
  EXPECT_NE(copy, PerCpu<uint8_t>(2));
}

}  // namespace
}  // namespace bpfmap
