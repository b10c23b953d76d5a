// SPDX-License-Identifier: Apache-2.0
//
// The same tests of the examples' objects in this process and in the running
// kernel.

#include <linux/bpf.h>

#include <cstdint>
#include <optional>
#include <string>

#include "bpfmap/maps/per_cpu.h"
#include "bpfmap/programs/testing.h"
#include "examples/firewall.h"
#include "examples/packet_counter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/judged_test.h"

namespace bpfmap {
namespace {

using testing::IsEmpty, testing::SizeIs;

class JudgesTest : public JudgedTest {
 protected:
  World world_;
  const Packet packet_ =
      Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1").Udp(53, 1024);
};

TEST_P(JudgesTest, FirewallDropsWhatIsBlocked) {
  Object object = Open("examples/firewall.bpf.o");
  ASSERT_OK(object.Load());
  auto rules = object.map<Ipv4, rule>("rules");
  rules.Set("10.0.0.7", {.until_ns = UINT64_MAX});
  rules.Set("10.0.0.8", {.until_ns = 0});

  const ProgramResult result = object.program("xdp_firewall").Run(packet_);
  EXPECT_THAT(result, Returns(XDP_DROP));
  EXPECT_THAT(result.data, IsPacket(packet_));
  const auto other =
      Packet::Ethernet().Ipv4("10.0.0.8", "10.0.0.1").Udp(53, 1024);
  EXPECT_THAT(object.program("xdp_firewall").Run(other), Returns(XDP_PASS));

  auto verdicts = object.map<uint32_t, PerCpu<uint64_t>>("verdicts");
  EXPECT_EQ(verdicts.Get(XDP_DROP)[0], 1u);
  EXPECT_EQ(verdicts.Get(XDP_PASS)[0], 1u);
  const auto events = object.ring<event>("events").Take();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].bytes, packet_.size());
  EXPECT_EQ(events[0].reason, static_cast<uint32_t>(REASON_BLOCKED));
  EXPECT_THAT(object.ring<event>("events").Take(), IsEmpty());
}

TEST_P(JudgesTest, FullRingLosesEventsAndCountsThem) {
  Object object = Open("examples/firewall.bpf.o");
  ASSERT_OK(object.Load());
  object.map<Ipv4, rule>("rules").Set("10.0.0.7", {.until_ns = UINT64_MAX});
  for (int i = 0; i < 200; ++i) {
    EXPECT_THAT(object.program("xdp_firewall").Run(packet_), Returns(XDP_DROP));
  }
  EXPECT_EQ(object.Get<uint64_t>("lost_events"), 30u);
  EXPECT_THAT(object.ring<event>("events").Take(), SizeIs(170));
}

TEST_P(JudgesTest, CounterJumpsToRules) {
  Object object = Open("examples/packet_counter.bpf.o");
  object.Set("blocked_port", uint16_t{53});
  ASSERT_OK(object.Load());
  const Packet packet = Packet::Ethernet()
                            .Ipv4("10.0.0.7", "10.0.0.1")
                            .Udp(4000, 53)
                            .Payload("a name");
  ObjectProgram counter = object.program("packet_counter");
  EXPECT_THAT(counter.Run(packet), Returns(XDP_PASS));
  object.SetElement("stages", STAGE_RULES, "packet_rules");
  EXPECT_THAT(counter.Run(packet), Returns(XDP_DROP));
  object.Set("smallest_payload", uint32_t{7});
  EXPECT_THAT(counter.Run(packet), Returns(XDP_PASS));
  EXPECT_EQ(object.Get<uint64_t>("packets"), 3u);
  const service dns = {.port = 53, .protocol = 17, .unused = 0};
  EXPECT_EQ((object.map<service, traffic>("services").Get(dns).packets), 3u);
}

TEST_P(JudgesTest, PacketWithoutHeaderIsRefused) {
  Object object = Open("examples/firewall.bpf.o");
  ASSERT_OK(object.Load());
  EXPECT_EQ(object.program("xdp_firewall").Run(Packet()).error, Errno::kInval);
}

class JudgesProgramsTest : public JudgesTest {
 protected:
  void SetUp() override {
    JudgesTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    object_.emplace(Open("tests/kernel/object_judges.bpf.o"));
    object_->Set("limit", uint32_t{5});
    ASSERT_OK(object_->Load());
  }

  ProgramResult Run(const char* program, uint32_t mark = 0) {
    return object_->program(program).Run(packet_, Context().Set("mark", mark));
  }

  std::optional<Object> object_;
};

TEST_P(JudgesProgramsTest, CallbackEndsLoop) {
  EXPECT_THAT(Run("loop", 4), Returns(2 * (0 + 1 + 2 + 3)));
  EXPECT_THAT(Run("loop", 100), Returns(2 * (0 + 1 + 2 + 3 + 4 + 5)));
  EXPECT_EQ(object_->Get<uint32_t>("calls"), 2u);
}

TEST_P(JudgesProgramsTest, LockedCountersAreWalked) {
  for (uint32_t key : {1, 2, 3, 4, 2}) {
    EXPECT_THAT(Run("hit", key), Returns(0));
  }
  EXPECT_THAT(Run("hit", 5), Returns(-1));
  EXPECT_THAT(Run("walk"), Returns(1 + 4 + 3 + 4));
}

TEST_P(JudgesProgramsTest, InnerMapIsRead) {
  EXPECT_THAT(Run("read_inner", 1), Returns(-1));
  object_->SetElement("outer", 1, "first");
  object_->map<uint32_t, uint32_t>("first").Set(0, 77);
  EXPECT_THAT(Run("read_inner", 1), Returns(77));
}

TEST_P(JudgesProgramsTest, PacketIsChangedAndItsChecksumStaysRight) {
  const ProgramResult result = Run("hop");
  EXPECT_THAT(result, Returns(0));
  EXPECT_THAT(result.data, IsPacket(packet_.Ttl(63)));
}

TEST_P(JudgesProgramsTest, PacketIsCut) {
  const ProgramResult result = object_->program("cut").Run(packet_);
  EXPECT_THAT(result, Returns(XDP_TX));
  EXPECT_THAT(result.data, IsPacket(packet_.Cut(packet_.size() - 4)));
}

INSTANTIATE_TEST_SUITE_P(, JudgesTest, kJudges, NameOfJudge);
INSTANTIATE_TEST_SUITE_P(, JudgesProgramsTest, kJudges, NameOfJudge);

}  // namespace
}  // namespace bpfmap
