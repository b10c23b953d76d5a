// SPDX-License-Identifier: Apache-2.0

// Programs' view of maps of devices and of CPUs. Every flag and error of the
// user view stands in golden/kernel_errno.tsv, and
// tests/objects/redirect_maps.cc asks the kernel what bpf_redirect_map()
// answers.

#include <cstdint>
#include <memory>

#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/cpu_map.h"
#include "bpfmap/maps/dev_map.h"
#include "bpfmap/maps/dev_map_hash.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/redirect_target.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

template <typename Map>
struct TypeOf;
template <typename P>
struct TypeOf<DevMap<P>> {
  static constexpr MapType kType = MapType::kDevMap;
};
template <typename P>
struct TypeOf<DevMapHash<P>> {
  static constexpr MapType kType = MapType::kDevMapHash;
};
template <typename P>
struct TypeOf<CpuMap<P>> {
  static constexpr MapType kType = MapType::kCpuMap;
};

template <typename Map>
class RedirectMapTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(map_.Init(), Errno::kOk); }

  const RedirectTarget* Target(uint32_t key) {
    return static_cast<const RedirectTarget*>(map_.LookupElem(&key));
  }

  const std::unique_ptr<typename Map::Memory> memory_ =
      std::make_unique<typename Map::Memory>();
  Map map_{{.type = TypeOf<Map>::kType,
            .key_size = 4,
            .value_size = 8,
            .max_entries = 4},
           memory_.get()};
};
using Maps =
    ::testing::Types<DevMap<Cloud>, DevMap<Embedded>, DevMapHash<Cloud>,
                     DevMapHash<Embedded>, CpuMap<Cloud>, CpuMap<Embedded>>;
TYPED_TEST_SUITE(RedirectMapTest, Maps);

TYPED_TEST(RedirectMapTest, TargetIsThereFromUpdateToDelete) {
  const uint32_t key = 0;
  const RedirectTarget put = {5, 77};
  EXPECT_EQ(this->Target(key), nullptr);
  ASSERT_EQ(this->map_.Update(&key, &put), Errno::kOk);
  ASSERT_NE(this->Target(key), nullptr);
  EXPECT_EQ(this->Target(key)->number, 5u);
  EXPECT_EQ(this->Target(key)->program, 77u);
  ASSERT_EQ(this->map_.Delete(&key), Errno::kOk);
  EXPECT_EQ(this->Target(key), nullptr);
}

TYPED_TEST(RedirectMapTest, RefusedUpdateKeepsTarget) {
  const uint32_t key = 0;
  const RedirectTarget put = {5, 77}, refused = {6, kNoSuchProgram};
  ASSERT_EQ(this->map_.Update(&key, &put), Errno::kOk);
  EXPECT_NE(this->map_.Update(&key, &refused), Errno::kOk);
  EXPECT_EQ(this->Target(key)->number, 5u);
  EXPECT_EQ(this->Target(key)->program, 77u);
}

TYPED_TEST(RedirectMapTest, KeyPastTheEndHasNoTarget) {
  EXPECT_EQ(this->Target(4), nullptr);
  EXPECT_EQ(this->Target(0xffffffff), nullptr);
  EXPECT_EQ(this->map_.LookupElem(nullptr), nullptr);
}

TYPED_TEST(RedirectMapTest, ProgramMayNeitherUpdateNorDelete) {
  const uint32_t key = 0;
  const RedirectTarget put = {5, 0};
  EXPECT_EQ(this->map_.UpdateElem(&key, &put, kAny), Errno::kInval);
  EXPECT_EQ(this->map_.DeleteElem(&key), Errno::kInval);
}

TYPED_TEST(RedirectMapTest, FrozenMapKeepsItsTargets) {
  const uint32_t key = 0;
  const RedirectTarget put = {5, 0};
  ASSERT_EQ(this->map_.Update(&key, &put), Errno::kOk);
  ASSERT_EQ(this->map_.Freeze(), Errno::kOk);
  EXPECT_EQ(this->map_.Update(&key, &put), Errno::kPerm);
  EXPECT_EQ(this->map_.Delete(&key), Errno::kPerm);
  EXPECT_NE(this->Target(key), nullptr);
}

}  // namespace
}  // namespace bpfmap
