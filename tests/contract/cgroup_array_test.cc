// SPDX-License-Identifier: Apache-2.0

// Arrays of cgroups, as programs see them. Every flag and error of the user
// view stands in golden/kernel_errno.tsv, and tests/objects/cgroups.cc asks the
// kernel what its helpers answer.

#include "bpfmap/maps/cgroup_array.h"

#include <cstdint>
#include <memory>

#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

constexpr MapDef kDef = {.type = MapType::kCgroupArray,
                         .key_size = 4,
                         .value_size = 4,
                         .max_entries = 4};

template <typename P>
class CgroupArrayTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(map_.Init(), Errno::kOk); }

  const std::unique_ptr<typename P::Memory> memory_ =
      std::make_unique<typename P::Memory>();
  CgroupArray<P> map_{kDef, memory_.get()};
};
using Profiles = ::testing::Types<Cloud, Embedded>;
TYPED_TEST_SUITE(CgroupArrayTest, Profiles);

TYPED_TEST(CgroupArrayTest, SlotIsEmptyUntilCgroupIsPutIn) {
  const uint32_t index = 1, put = 0x8000'0001;
  uint32_t cgroup = 0;
  EXPECT_EQ(this->map_.LookupCgroup(index, &cgroup), Errno::kAgain);
  ASSERT_EQ(this->map_.Update(&index, &put), Errno::kOk);
  EXPECT_EQ(this->map_.LookupCgroup(index, &cgroup), Errno::kOk);
  EXPECT_EQ(cgroup, put);
  ASSERT_EQ(this->map_.Delete(&index), Errno::kOk);
  EXPECT_EQ(this->map_.LookupCgroup(index, &cgroup), Errno::kAgain);
}

TYPED_TEST(CgroupArrayTest, IndexPastTheEndIsTooBig) {
  uint32_t cgroup = 0;
  EXPECT_EQ(this->map_.LookupCgroup(3, &cgroup), Errno::kAgain);
  EXPECT_EQ(this->map_.LookupCgroup(4, &cgroup), Errno::k2Big);
  EXPECT_EQ(this->map_.LookupCgroup(0xffffffff, &cgroup), Errno::k2Big);
}

TYPED_TEST(CgroupArrayTest, ProgramMayNeitherLookUpUpdateNorDelete) {
  const uint32_t index = 0, value = 1;
  ASSERT_EQ(this->map_.Update(&index, &value), Errno::kOk);
  EXPECT_EQ(this->map_.LookupElem(&index), nullptr);
  EXPECT_EQ(this->map_.UpdateElem(&index, &value, kAny), Errno::kInval);
  EXPECT_EQ(this->map_.DeleteElem(&index), Errno::kInval);
}

}  // namespace
}  // namespace bpfmap
