// SPDX-License-Identifier: Apache-2.0
//
// The objects of the examples in a unit test, without libbpf: they load, their
// arrays of programs and maps of maps are filled, and their programs run.

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "bpfmap/programs/testing.h"
#include "examples/call_latency.h"
#include "examples/frame.h"
#include "examples/mesh_redirect.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using examples::Describe;
using examples::Echo;
using examples::EthernetFrame;
using examples::Frame;
using examples::WithChecksums;
using testing::SizeIs;

Object Open(const std::string& name) {
  return Object::Open("examples/" + name + ".bpf.o").value();
}

Frame Ping() {
  return WithChecksums(EthernetFrame(
      0x0800, examples::Ipv4("10.0.0.7", "10.0.0.1", 1, Echo(8, 1, Frame(9)))));
}

TEST(ObjectTest, TailCallGoesToProgramThatTheObjectPutsThere) {
  World world;
  Object object = Open("xdp_edge");
  ASSERT_OK(object.Load());
  const auto answer = object.program("edge").Run(Ping());
  EXPECT_THAT(answer, Returns(XDP_TX));
  EXPECT_EQ(Describe({answer.data.begin(), answer.data.end()}),
            "10.0.0.1 > 10.0.0.7 icmp 0/0, 51 bytes");
  EXPECT_EQ(object.Get<uint64_t>("echoes"), 1u);
}

TEST(ObjectTest, MapOfMapsHasTheMapsThatTheObjectPutsThere) {
  World world;
  Object object = Open("mesh_redirect");
  ASSERT_OK(object.Load());
  const Frame packet = WithChecksums(EthernetFrame(
      0x0800,
      examples::Ipv4("10.0.0.7", "10.0.0.1", 6, examples::Tcp(1, 80, 2, {}))));
  __sk_buff context = {};
  context.mark = ZONE_OUTSIDE;
  EXPECT_THAT(object.program("mesh_in").Run(packet, context),
              Returns(TC_ACT_SHOT));
  EXPECT_THAT(object.ring<denial>("denials").Take(), SizeIs(1));
  object.map<prefix, uint32_t>("policy_outside").Set({0, 0}, VERDICT_DIRECT);
  EXPECT_THAT(object.program("mesh_in").Run(packet, context),
              Returns(TC_ACT_OK));
}

TEST(ObjectTest, EventSaysHowLongCallTook) {
  World world;
  Object object = Open("call_latency");
  ASSERT_OK(object.Load());
  struct {
    uint64_t registers, number;
  } arguments = {0, 7};
  EXPECT_THAT(object.program("enter").RunOn(arguments), Returns(0));
  world.clock().Advance(absl::Milliseconds(3));
  arguments.number = 0;  // the result
  EXPECT_THAT(object.program("leave").RunOn(arguments), Returns(0));
  const auto events = object.ring<event>("events").Take();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].call, 7u);
  EXPECT_EQ(events[0].duration_ns, 3'000'000u);
}

struct Later {
  uint64_t done;
  uint64_t work[2];
};

TEST(ObjectTest, WorkIsDoneAfterTheRunThatStartsIt) {
  World world;
  Object object = Object::Open("tests/objects/later.bpf.o").value();
  ASSERT_OK(object.Load());
  object.Set("key", 3);
  const auto packet = Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1");
  for (const int step : {0, 1, 2, 2}) {
    object.Set("step", step);
    EXPECT_THAT(object.program("do_array").Run(packet), Returns(0));
    EXPECT_EQ(object.Get<int>("result"), 0) << "step " << step;
  }
  EXPECT_EQ((object.map<int, Later>("array").Get(3).done), 2u);
  EXPECT_EQ(object.Get<uint64_t>("seen_key"), 3u);
  // It has no flags.
  object.Set("flags", 1U);
  EXPECT_THAT(object.program("do_array").Run(packet), Returns(0));
  EXPECT_EQ(object.Get<int>("result"), -22);
}

}  // namespace
}  // namespace bpfmap
