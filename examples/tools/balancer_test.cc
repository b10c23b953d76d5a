// SPDX-License-Identifier: Apache-2.0

#include "examples/tools/balancer.h"

#include <arpa/inet.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "bpfmap/maps/per_cpu.h"
#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/judged_test.h"

namespace bpfmap {
namespace {

using testing::SizeIs;

constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17;
constexpr std::size_t kEthernet = 14, kIp = 20;
constexpr uint16_t kFirstPort = 10000, kFlows = 300;
constexpr uint32_t kWeb = 0, kDns = 1, kNoBackends = 2;

const Ipv4 kService("192.0.2.80"), kClient("10.0.0.7"), kOwn("192.0.2.1");
const Mac kRouter("02:00:00:00:00:20");

uint32_t Number(const Ipv4& address) {
  uint32_t number;
  std::memcpy(&number, address.bytes.data(), sizeof number);
  return number;
}

service_key Key(uint16_t port, uint8_t protocol) {
  return {.address = Number(kService),
          .port = htons(port),
          .protocol = protocol,
          .unused = 0};
}

Packet Web(uint16_t port, std::string_view flags = "A") {
  return Packet::Ethernet().Ipv4(kClient, kService).Tcp(port, 80, flags);
}

// The table of Maglev: each backend in turn takes the next free place of an
// order of its own.
std::vector<uint32_t> Maglev(const std::vector<uint32_t>& backends) {
  std::vector<uint32_t> ring(RING_SIZE, 0);
  std::map<uint32_t, uint32_t> next;
  for (uint32_t filled = 0; filled < RING_SIZE;) {
    for (const uint32_t backend : backends) {
      const uint32_t offset = backend * 2654435761U % RING_SIZE;
      const uint32_t skip = backend * 40503U % (RING_SIZE - 1) + 1;
      uint32_t place;
      do {
        place = (offset + next[backend]++ * skip) % RING_SIZE;
      } while (ring[place] != 0);
      ring[place] = backend;
      if (++filled == RING_SIZE) break;
    }
  }
  return ring;
}

class BalancerTest : public JudgedTest {
 protected:
  void SetUp() override {
    JudgedTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    object_.emplace(Open("examples/tools/balancer.bpf.o"));
    object_->Set("own_address", kOwn);
    ASSERT_OK(object_->Load());
    auto services = object_->map<service_key, service_info>("services");
    services.Set(Key(80, kTcp), {.id = kWeb, .by_source = 0});
    services.Set(Key(53, kUdp), {.id = kDns, .by_source = 1});
    services.Set(Key(443, kTcp), {.id = kNoBackends, .by_source = 0});
    services.Set(Key(0, kIcmp), {.id = kWeb, .by_source = 0});
    for (uint8_t i = 1; i <= 4; ++i) {
      backend value = {.address = Number(Address(i)), .mac = {}, .unused = {}};
      std::copy_n(kRouter.bytes.begin(), 6, value.mac);
      object_->map<uint32_t, backend>("backends").Set(i, value);
    }
    FillRing(kWeb, {1, 2, 3, 4});
    FillRing(kDns, {1, 2, 3, 4});
  }

  static Ipv4 Address(uint8_t backend) {
    Ipv4 address("10.9.0.0");
    address.bytes[3] = backend;
    return address;
  }
  void FillRing(uint32_t service, const std::vector<uint32_t>& backends) {
    auto rings = object_->map<uint32_t, uint32_t>("rings");
    const std::vector<uint32_t> ring = Maglev(backends);
    for (uint32_t i = 0; i < RING_SIZE; ++i) {
      rings.Set(service * RING_SIZE + i, ring[i]);
    }
  }
  ProgramResult Run(const Packet& packet) {
    return object_->program("balancer").Run(packet);
  }
  // To which backend it went.
  int BackendOf(const Packet& packet) {
    const ProgramResult result = Run(packet);
    EXPECT_THAT(result, Returns(XDP_TX));
    return result.data.size() < kEthernet + kIp ? -1
                                                : result.data[kEthernet + 19];
  }
  std::map<uint16_t, int> BackendsOfFlows(std::string_view flags) {
    std::map<uint16_t, int> backends;
    for (uint16_t port = kFirstPort; port < kFirstPort + kFlows; ++port) {
      backends[port] = BackendOf(Web(port, flags));
    }
    return backends;
  }
  service_count Count(uint32_t service) {
    return object_->map<uint32_t, PerCpu<service_count>>("counts").Get(
        service)[world_.cpu];
  }

  World world_;
  std::optional<Object> object_;
};

TEST_P(BalancerTest, PacketGoesToBackendWithinAnother) {
  object_->KeepPaths(false);
  const ProgramResult result = Run(Web(4000, "S").Payload("hello"));
  EXPECT_THAT(result, Returns(XDP_TX));
  ASSERT_GT(result.data.size(), kEthernet + kIp);
  const uint8_t chosen = result.data[kEthernet + 19];
  EXPECT_THAT(result.data,
              IsPacket(Packet::Ethernet("02:00:00:00:00:02", kRouter)
                           .Ipv4(kOwn, Address(chosen))
                           .Ipv4(kClient, kService)
                           .Tcp(4000, 80, "S")
                           .Payload("hello")));
}

TEST_P(BalancerTest, FlowsSpreadOverBackends) {
  object_->KeepPaths(false);
  std::map<int, int> flows;
  for (const auto& [port, backend] : BackendsOfFlows("S")) ++flows[backend];
  EXPECT_THAT(flows, SizeIs(4));
  for (const auto& [backend, count] : flows) {
    EXPECT_GT(count, kFlows / 8) << "backend " << backend;
  }
}

TEST_P(BalancerTest, FlowsKeepTheirBackendWhenOneComes) {
  object_->KeepPaths(false);
  FillRing(kWeb, {1, 2, 3});
  const auto before = BackendsOfFlows("S");
  FillRing(kWeb, {1, 2, 3, 4});
  EXPECT_EQ(BackendsOfFlows("A"), before);
  EXPECT_EQ(Count(kWeb).remembered, kFlows);
}

TEST_P(BalancerTest, FewNewFlowsMoveWhenOneGoes) {
  object_->KeepPaths(false);
  const auto before = BackendsOfFlows("S");
  FillRing(kWeb, {1, 2, 4});
  int moved = 0;
  for (const auto& [port, backend] : BackendsOfFlows("S")) {
    EXPECT_NE(backend, 3);
    moved += before.at(port) != 3 && before.at(port) != backend;
  }
  EXPECT_LT(moved, kFlows / 4);
}

TEST_P(BalancerTest, ClientKeepsItsBackendByItsAddress) {
  object_->KeepPaths(false);
  std::set<int> backends;
  for (uint16_t port = 1; port <= 20; ++port) {
    backends.insert(
        BackendOf(Packet::Ethernet().Ipv4(kClient, kService).Udp(port, 53)));
  }
  EXPECT_THAT(backends, SizeIs(1));
}

TEST_P(BalancerTest, PacketsAreCounted) {
  Run(Web(1));
  Run(Web(1));
  EXPECT_EQ(Count(kWeb).packets, 2u);
  EXPECT_EQ(Count(kWeb).bytes, 2 * Web(1).size());
  EXPECT_EQ(Count(kWeb).remembered, 1u);
  EXPECT_EQ(Count(kWeb).dropped, 0u);
}

TEST_P(BalancerTest, WhatCannotBeSentIsDropped) {
  EXPECT_THAT(Run(Packet::Ethernet().Ipv4(kClient, kService).Tcp(1, 443)),
              Returns(XDP_DROP));
  EXPECT_EQ(Count(kNoBackends).dropped, 1u);
  const std::vector<uint8_t> large(1460);
  EXPECT_THAT(Run(Web(1).Payload(large)), Returns(XDP_DROP));
  EXPECT_EQ(Count(kWeb).dropped, 1u);
  for (const Packet& packet :
       {Web(1).Cut(45), Web(1).Cut(30),
        Packet::Ethernet().Ipv4(kClient, kService).Udp(1, 53).Cut(37)}) {
    EXPECT_THAT(Run(packet), Returns(XDP_DROP));
  }
}

TEST_P(BalancerTest, OthersPass) {
  const uint8_t more[] = {0x20, 0}, gre[] = {47};
  for (const Packet& packet :
       {Packet::Ethernet().Ipv4(kClient, kService).Tcp(1, 81),
        Packet::Ethernet().Ipv4(kClient, kOwn).Icmp(8),
        Packet::Ethernet().Ipv4(kClient, kService).Icmp(3),
        Packet::Ethernet().Ipv6("::1", "::2").Tcp(1, 80),
        Web(1).Patch(kEthernet + 6, more), Web(1).Patch(kEthernet + 9, gre)}) {
    const ProgramResult result = Run(packet);
    EXPECT_THAT(result, Returns(XDP_PASS));
    EXPECT_THAT(result.data, IsPacket(packet));
  }
}

TEST_P(BalancerTest, PingOfServiceIsAnswered) {
  const ProgramResult result = Run(
      Packet::Ethernet().Ipv4(kClient, kService).Ttl(9).Icmp(8).Payload("abc"));
  EXPECT_THAT(result, Returns(XDP_TX));
  EXPECT_THAT(result.data, IsPacket(Packet::Ethernet("02:00:00:00:00:02",
                                                     "02:00:00:00:00:01")
                                        .Ipv4(kService, kClient)
                                        .Ttl(9)
                                        .Icmp(0)
                                        .Payload("abc")));
}

INSTANTIATE_TEST_SUITE_P(, BalancerTest, kJudges, NameOfJudge);

}  // namespace
}  // namespace bpfmap
