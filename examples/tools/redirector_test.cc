// SPDX-License-Identifier: Apache-2.0

#include "examples/tools/redirector.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "bpfmap/maps/lpm_key.h"
#include "bpfmap/maps/per_cpu.h"
#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/judged_test.h"

namespace bpfmap {
namespace {

using testing::SizeIs;

constexpr uint32_t kDevice = 1;  // the kernel's own loopback device
const Mac kHost("02:00:00:00:00:10"), kNext("02:00:00:00:00:11");

hop Hop(hop_kind kind) {
  hop result = {
      .kind = kind, .device = kDevice, .source = {}, .destination = {}};
  std::copy_n(kHost.bytes.begin(), 6, result.source);
  std::copy_n(kNext.bytes.begin(), 6, result.destination);
  return result;
}

Packet To(const char* address) {
  return Packet::Ethernet().Ipv4("10.0.0.7", address).Udp(4000, 53);
}

class RedirectorTest : public JudgedTest {
 protected:
  void SetUp() override {
    JudgedTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    object_.emplace(Open("examples/tools/redirector.bpf.o"));
    object_->Set("gateway", Ipv4("10.0.0.1"));
  }

  void Load() {
    ASSERT_OK(object_->Load());
    auto routes = object_->map<LpmKey<4>, hop>("routes4");
    routes.Set(LpmKey<4>::Parse("10.1.0.0/16").value(), Hop(HOP_DEVICE));
    routes.Set(LpmKey<4>::Parse("10.1.2.0/24").value(), Hop(HOP_NOWHERE));
    routes.Set(LpmKey<4>::Parse("10.2.0.0/16").value(), Hop(HOP_NEIGHBOR));
    routes.Set(LpmKey<4>::Parse("10.3.0.0/16").value(), Hop(HOP_PEER));
    auto routes6 = object_->map<LpmKey<16>, hop>("routes6");
    routes6.Set(LpmKey<16>::Parse("fd00:1::/32").value(), Hop(HOP_DEVICE));
    routes6.Set(LpmKey<16>::Parse("fd00:2::/32").value(), Hop(HOP_NOWHERE));
  }
  ProgramResult Run(const Packet& packet) {
    return object_->program("from_container").Run(packet);
  }
  uint64_t Drops(drop_reason reason) {
    return object_->map<uint32_t, PerCpu<uint64_t>>("drops").Get(reason).Sum();
  }
  // A question for the address.
  Packet Arp(const Ipv4& asked) {
    std::vector<uint8_t> arp = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1,
                                10, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    std::copy_n(asked.bytes.begin(), 4, arp.end() - 4);
    const uint8_t type[] = {8, 6};
    return Packet::Ethernet().Payload(arp).Patch(12, type);
  }

  World world_;
  std::optional<Object> object_;
};

TEST_P(RedirectorTest, RouteGivesDeviceAndAddressesAndTakesAHop) {
  Load();
  const ProgramResult result = Run(To("10.1.0.9").Ttl(64));
  EXPECT_THAT(result, Returns(TC_ACT_REDIRECT));
  const Packet sent = Packet::Ethernet(kHost, kNext)
                          .Ipv4("10.0.0.7", "10.1.0.9")
                          .Ttl(63)
                          .Udp(4000, 53);
  EXPECT_THAT(result.data, IsPacket(sent));
  const auto traffic =
      object_->map<uint32_t, PerCpu<struct traffic>>("sent").Get(kDevice);
  EXPECT_EQ(traffic[world_.cpu].packets, 1u);
  EXPECT_EQ(traffic[world_.cpu].bytes, sent.size());
}

TEST_P(RedirectorTest, EachPacketOfADeviceIsCounted) {
  Load();
  for (int i = 0; i < 3; ++i) Run(To("10.1.0.9"));
  EXPECT_EQ((object_->map<uint32_t, PerCpu<traffic>>("sent")
                 .Get(kDevice)[world_.cpu]
                 .packets),
            3u);
}

TEST_P(RedirectorTest, OthersThanRoutesGoToTheStack) {
  Load();
  const Packet elsewhere = To("192.168.0.1");
  const ProgramResult result = Run(elsewhere);
  EXPECT_THAT(result, Returns(TC_ACT_OK));
  EXPECT_THAT(result.data, IsPacket(elsewhere));
  EXPECT_THAT(Run(Packet::Ethernet().Ipv6("fd00::7", "fd00:9::1").Udp(1, 2)),
              Returns(TC_ACT_OK));
}

TEST_P(RedirectorTest, AddressesAreLeftToLinuxForNeighborsAndPeers) {
  Load();
  for (const char* address : {"10.2.0.1", "10.3.0.1"}) {
    const ProgramResult result = Run(To(address).Ttl(9));
    EXPECT_THAT(result, Returns(TC_ACT_REDIRECT));
    EXPECT_THAT(result.data, IsPacket(To(address).Ttl(8)));
  }
}

TEST_P(RedirectorTest, LongerPrefixWins) {
  Load();
  EXPECT_THAT(Run(To("10.1.2.9")), Returns(TC_ACT_SHOT));
  EXPECT_EQ(Drops(DROP_NOWHERE), 1u);
}

TEST_P(RedirectorTest, LastHopIsDropped) {
  Load();
  EXPECT_THAT(Run(To("10.1.0.9").Ttl(1)), Returns(TC_ACT_SHOT));
  EXPECT_THAT(
      Run(Packet::Ethernet().Ipv6("fd00::7", "fd00:1::1").Ttl(1).Udp(1, 2)),
      Returns(TC_ACT_SHOT));
  EXPECT_EQ(Drops(DROP_HOPS), 2u);
}

TEST_P(RedirectorTest, Ipv6IsForwarded) {
  Load();
  const auto packet = [](const Packet& ethernet, uint8_t hops) {
    return ethernet.Ipv6("fd00::7", "fd00:1::1").Ttl(hops).Tcp(1, 2);
  };
  const ProgramResult result = Run(packet(Packet::Ethernet(), 64));
  EXPECT_THAT(result, Returns(TC_ACT_REDIRECT));
  EXPECT_THAT(result.data,
              IsPacket(packet(Packet::Ethernet(kHost, kNext), 63)));
  EXPECT_THAT(Run(Packet::Ethernet().Ipv6("fd00::7", "fd00:2::1").Udp(1, 2)),
              Returns(TC_ACT_SHOT));
}

TEST_P(RedirectorTest, GatewayAnswersArp) {
  Load();
  const ProgramResult result = Run(Arp("10.0.0.1"));
  EXPECT_THAT(result, Returns(TC_ACT_REDIRECT));
  const std::vector<uint8_t> answer = {
      2, 0, 0, 0, 0, 1,    2,  0, 0, 0, 0, 0xfe, 8, 6,  // Ethernet
      0, 1, 8, 0, 6, 4,    0,  2,                       // a reply
      2, 0, 0, 0, 0, 0xfe, 10, 0, 0, 1,                 // of the gateway
      2, 0, 0, 0, 0, 1,    10, 0, 0, 7};                // to the container
  EXPECT_EQ(result.data, answer);
}

TEST_P(RedirectorTest, TagsOfVlansStay) {
  Load();
  const auto packet = [](const Packet& ethernet, uint8_t hops) {
    return ethernet.Vlan(7).Ipv4("10.0.0.7", "10.1.0.9").Ttl(hops).Udp(1, 2);
  };
  const ProgramResult result = Run(packet(Packet::Ethernet(), 64));
  EXPECT_THAT(result, Returns(TC_ACT_REDIRECT));
  EXPECT_THAT(result.data,
              IsPacket(packet(Packet::Ethernet(kHost, kNext), 63)));
}

TEST_P(RedirectorTest, OtherArpIsLeftAlone) {
  Load();
  EXPECT_THAT(Run(Arp("10.0.0.2")), Returns(TC_ACT_OK));
}

TEST_P(RedirectorTest, PacketsThatEndEarlyAreDropped) {
  Load();
  EXPECT_THAT(Run(Arp("10.0.0.1").Cut(30)), Returns(TC_ACT_SHOT));
  const uint8_t no_version[] = {0x05};
  EXPECT_THAT(Run(To("10.1.0.9").Patch(14, no_version)), Returns(TC_ACT_SHOT));
  EXPECT_THAT(Run(Packet::Ethernet()
                      .Ipv6("::1", "::2")
                      .Udp(1, 2)
                      .Patch(14, no_version)),
              Returns(TC_ACT_SHOT));
  EXPECT_EQ(Drops(DROP_MALFORMED), 3u);
}

TEST_P(RedirectorTest, OtherProtocolsGoToTheStack) {
  Load();
  const uint8_t type[] = {0x88, 0xcc};
  EXPECT_THAT(
      Run(Packet::Ethernet().Payload("lldp of a switch").Patch(12, type)),
      Returns(TC_ACT_OK));
}

INSTANTIATE_TEST_SUITE_P(, RedirectorTest, kJudges, NameOfJudge);

// Only a World shows the packets that are sent elsewhere.
TEST(Redirector, MirrorGetsAllAsTheyCame) {
  World world;
  world.OnHelper(BPF_FUNC_clone_redirect, [&](HelperCall& call) {
    EXPECT_EQ(call.word(2), 5u);
    return world.cloned.emplace_back().index;
  });
  Object object = Object::Open("examples/tools/redirector.bpf.o").value();
  object.Set("mirror", uint32_t{5});
  ASSERT_OK(object.Load());
  EXPECT_THAT(object.program("from_container").Run(To("10.1.0.9")),
              Returns(TC_ACT_OK));
  EXPECT_THAT(world.cloned, SizeIs(1));
}

TEST(Redirector, RedirectedPacketIsSeenByTheWorld) {
  World world;
  Object object = Object::Open("examples/tools/redirector.bpf.o").value();
  ASSERT_OK(object.Load());
  object.map<LpmKey<4>, hop>("routes4").Set(
      LpmKey<4>::Parse("0.0.0.0/0").value(), Hop(HOP_DEVICE));
  object.program("from_container").Run(To("10.1.0.9"));
  ASSERT_THAT(world.redirected, SizeIs(1));
  EXPECT_EQ(world.redirected[0].index, kDevice);
}

}  // namespace
}  // namespace bpfmap
