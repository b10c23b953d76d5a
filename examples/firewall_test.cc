// SPDX-License-Identifier: Apache-2.0
//
// A unit test of firewall.bpf.c: see docs/programs.md.

#include "examples/firewall.h"

#include <linux/bpf.h>

#include <cstdint>

#include "absl/time/time.h"
#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using testing::SizeIs;

namespace {

using Rule = rule;
using Event = event;
using bpfmap::Ipv4;

TEST(Firewall, DropsWhatIsBlockedUntilTheRuleEnds) {
  bpfmap::World world;
  world.clock().Set(absl::Seconds(10));
  auto object = bpfmap::Object::Open("examples/firewall.bpf.o").value();
  object.Set("burst", uint32_t{3});
  ASSERT_OK(object.Load());
  object.map<Ipv4, Rule>("rules").Set(Ipv4("10.0.0.7"),
                                      {.until_ns = 20'000'000'000});

  const auto packet =
      bpfmap::Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1").Udp(53, 1024);
  EXPECT_THAT(object.program("xdp_firewall").Run(packet),
              bpfmap::Returns(XDP_DROP));
  world.clock().Advance(absl::Seconds(11));
  EXPECT_THAT(object.program("xdp_firewall").Run(packet),
              bpfmap::Returns(XDP_PASS));
  EXPECT_THAT(object.ring<Event>("events").Take(), SizeIs(1));
}

}  // namespace
