// SPDX-License-Identifier: Apache-2.0
//
// A map of a struct of functions: it is registered once, and taken back once.

#include "bpfmap/maps/struct_ops_map.h"

#include <cstdint>
#include <cstring>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

struct Value {
  StructOpsHeader header;
  uint64_t function;
};

class StructOpsMapTest : public ::testing::Test {
 protected:
  StructOpsMapTest() { EXPECT_EQ(map_.Init(), Errno::kOk); }

  Value Read() {
    Value value;
    EXPECT_EQ(map_.Lookup(&zero_, &value), Errno::kOk);
    return value;
  }

  const uint32_t zero_ = 0;
  const uint32_t one_ = 1;
  StructOpsMap<Cloud> map_{{.type = MapType::kStructOps,
                            .key_size = 4,
                            .value_size = sizeof(Value),
                            .max_entries = 1}};
};

TEST_F(StructOpsMapTest, StateGoesFromInitToInUseToFreed) {
  const Value value{{}, 42};
  EXPECT_EQ(Read().header.state, 0U);
  EXPECT_EQ(map_.Delete(&zero_), Errno::kNoEnt);
  ASSERT_EQ(map_.Update(&zero_, &value), Errno::kOk);
  EXPECT_EQ(Read().header.users, 1U);
  EXPECT_EQ(Read().header.state, 1U);
  EXPECT_EQ(Read().function, 42U);
  EXPECT_EQ(map_.Update(&zero_, &value), Errno::kBusy);
  ASSERT_EQ(map_.Delete(&zero_), Errno::kOk);
  EXPECT_EQ(Read().header.users, 0U);
  EXPECT_EQ(Read().header.state, 2U);
  EXPECT_EQ(map_.Delete(&zero_), Errno::kInProgress);
  EXPECT_EQ(map_.Update(&zero_, &value), Errno::kBusy);
}

TEST_F(StructOpsMapTest, HeaderIsTheMaps) {
  const Value has_users{{1, 0}, 0};
  const Value has_state{{0, 1}, 0};
  EXPECT_EQ(map_.Update(&zero_, &has_users), Errno::kInval);
  EXPECT_EQ(map_.Update(&zero_, &has_state), Errno::kInval);
}

TEST_F(StructOpsMapTest, OnlyElementHasKeyZero) {
  const Value value{};
  Value out;
  uint32_t next = 7;
  EXPECT_EQ(map_.Lookup(&one_, &out), Errno::kNoEnt);
  EXPECT_EQ(map_.Update(&one_, &value), Errno::k2Big);
  EXPECT_EQ(map_.Update(&zero_, &value, kNoExist), Errno::kInval);
  EXPECT_EQ(map_.Delete(&one_), Errno::kNoEnt);
  EXPECT_EQ(map_.GetNextKey(nullptr, &next), Errno::kOk);
  EXPECT_EQ(next, 0U);
  EXPECT_EQ(map_.GetNextKey(&zero_, &next), Errno::kNoEnt);
  EXPECT_EQ(map_.GetNextKey(&one_, &next), Errno::kOk);
}

TEST_F(StructOpsMapTest, RestIsNotSupported) {
  Value out;
  EXPECT_EQ(map_.LookupAndDelete(&zero_, &out), Errno::kNotSupp);
  EXPECT_EQ(map_.Freeze(), Errno::kNotSupp);
  EXPECT_FALSE(map_.frozen());
}

}  // namespace
}  // namespace bpfmap
