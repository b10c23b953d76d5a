// SPDX-License-Identifier: Apache-2.0
//
// Helpers that the World answers.

#include <linux/bpf.h>
#include <linux/types.h>

#include <array>
#include <cstdint>
#include <utility>

#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using testing::ElementsAre;

constexpr int32_t kFault = -14, kNoEntry = -2, kInvalid = -22, kProtocol = -71;

class MtuWorld final : public World {
 public:
  uint32_t MtuOf(uint32_t) override { return 20; }
};

class WorldHelpersTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(object_.Load()); }

  ProgramResult Run(const char* program) {
    return object_.program(program).Run(
        Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1").Udp(53, 1024));
  }
  int32_t Stack() {
    return static_cast<int32_t>(
        object_.program("read_stack").Run(Context()).retval);
  }

  MtuWorld world_;
  Object object_ = Object::Open("programs/world_helpers_test.bpf.o").value();
};

TEST_F(WorldHelpersTest, StackIsThatOfTheWorld) {
  EXPECT_EQ(Stack(), kFault);
  world_.kernel_stack = {1, 2, 3, 4, 5, 6};
  world_.user_stack = {7};
  EXPECT_EQ(Stack(), 32);
  EXPECT_THAT((object_.Get<std::array<uint64_t, 4>>("stack")),
              ElementsAre(1, 2, 3, 4));
  object_.Set("flags", uint64_t{3});  // skips
  EXPECT_EQ(Stack(), 24);
  EXPECT_THAT((object_.Get<std::array<uint64_t, 4>>("stack")),
              ElementsAre(4, 5, 6, 0));
  object_.Set("flags", uint64_t{256});
  EXPECT_EQ(Stack(), 8);
  object_.Set("flags", uint64_t{512});
  EXPECT_EQ(Stack(), kInvalid);
}

TEST_F(WorldHelpersTest, CountersAreThoseOfTheWorld) {
  EXPECT_THAT(Run("read_counter"), Returns(kNoEntry));
  world_.perf_counters[0] = {.counter = 9, .enabled = 8, .running = 7};
  EXPECT_THAT(Run("read_counter"), Returns(9));
  object_.Set("flags", uint64_t{0xffffffff});
  EXPECT_THAT(Run("read_counter"), Returns(9));
  object_.Set("flags", uint64_t{5000});
  EXPECT_THAT(Run("read_counter"), Returns(-7));
}

TEST_F(WorldHelpersTest, TunnelIsThatOfThePacketAndIsSet) {
  EXPECT_THAT(Run("answer_tunnel"), Returns(kInvalid));
  world_.tunnel_key.is_set = true;
  world_.tunnel_key.id = 7;
  world_.tunnel_key.remote[0] = 0x0a000001;
  EXPECT_THAT(Run("answer_tunnel"), Returns(0));
  EXPECT_EQ(world_.tunnel_key_set.id, 8u);
  EXPECT_EQ(world_.tunnel_key_set.local[0], 0x0a000001u);
  world_.tunnel_key.is_ipv6 = true;
  EXPECT_THAT(Run("answer_tunnel"), Returns(kProtocol));
}

TEST_F(WorldHelpersTest, DeviceTakesNoLargerPackets) {
  EXPECT_THAT(Run("check_mtu"), Returns(BPF_MTU_CHK_RET_FRAG_NEEDED));
  EXPECT_EQ(object_.Get<uint32_t>("length"), 20u);
  EXPECT_THAT(Run("check_mtu"), Returns(BPF_MTU_CHK_RET_SUCCESS));
}

TEST_F(WorldHelpersTest, ThereAreNoSockets) {
  EXPECT_THAT(Run("find_socket"), Returns(7));
}

TEST_F(WorldHelpersTest, OptionsAndReturnValuesAreKept) {
  EXPECT_THAT(object_.program("set_option").Run(Context()), Returns(1));
  EXPECT_THAT((world_.socket_options[std::pair(1u, 36u)]),
              ElementsAre(5, 0, 0, 0));
  EXPECT_EQ(world_.hook_retval, -5);
}

}  // namespace
}  // namespace bpfmap
