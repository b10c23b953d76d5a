// SPDX-License-Identifier: Apache-2.0

#include "examples/tools/conntrack.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/judged_test.h"

namespace bpfmap {
namespace {

using std::chrono::seconds;
using testing::ElementsAre, testing::IsEmpty;

constexpr uint8_t kTcp = 6, kUdp = 17;
constexpr uint8_t kUnreachable = 3, kEcho = 8;

__be32 Number(const Ipv4& address) {
  __be32 number;
  std::memcpy(&number, address.bytes.data(), sizeof number);
  return number;
}

const Ipv4 kInside("10.0.0.7"), kOutside("192.0.2.1");

flow Flow(uint8_t protocol) {
  return {.source = Number(kInside),
          .destination = Number(kOutside),
          .source_port = htons(4000),
          .destination_port = htons(443),
          .protocol = protocol,
          .unused = {}};
}

// Between port 4000 inside and port 443 outside.
Packet Out(std::string_view flags) {
  return Packet::Ethernet().Ipv4(kInside, kOutside).Tcp(4000, 443, flags);
}
Packet In(std::string_view flags) {
  return Packet::Ethernet().Ipv4(kOutside, kInside).Tcp(443, 4000, flags);
}
Packet UdpOut() {
  return Packet::Ethernet().Ipv4(kInside, kOutside).Udp(4000, 443);
}
Packet UdpIn() {
  return Packet::Ethernet().Ipv4(kOutside, kInside).Udp(443, 4000);
}
// An ICMP message from a router, about `about`, of which 28 bytes are there.
Packet Error(const Packet& about, uint8_t type = kUnreachable) {
  return Packet::Ethernet()
      .Ipv4("192.0.2.254", kInside)
      .Icmp(type)
      .Payload(std::span(about.bytes()).subspan(14, 28));
}

// Tests for both judges, and those that move the clock, which only a World has.
class Tracker {
 public:
  explicit Tracker(Object object) : object_(std::move(object)) {}

  Object& object() { return object_; }
  ProgramResult Send(const Packet& packet) {
    return object_.program("to_outside").Run(packet);
  }
  ProgramResult Receive(const Packet& packet) {
    return object_.program("from_outside").Run(packet);
  }
  std::optional<connection> Find(uint8_t protocol) {
    return object_.map<flow, connection>("connections").Find(Flow(protocol));
  }
  // -1: there is no connection.
  int State(uint8_t protocol = kTcp) {
    const auto found = Find(protocol);
    return found ? static_cast<int>(found->state) : -1;
  }
  void Connect() {
    EXPECT_THAT(Send(Out("S")), Returns(TC_ACT_OK));
    EXPECT_THAT(Receive(In("SA")), Returns(TC_ACT_OK));
    EXPECT_THAT(Send(Out("A")), Returns(TC_ACT_OK));
  }

 private:
  Object object_;
};

class ConntrackTest : public JudgedTest {
 protected:
  void SetUp() override {
    JudgedTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    tracker_.emplace(Open("examples/tools/conntrack.bpf.o"));
    ASSERT_OK(tracker_->object().Load());
  }
  std::vector<uint32_t> EventStates() {
    std::vector<uint32_t> states;
    for (const auto& event :
         tracker_->object().ring<connection_event>("events").Take()) {
      states.push_back(event.state);
    }
    return states;
  }

  World world_;
  std::optional<Tracker> tracker_;
};

TEST_P(ConntrackTest, HandshakeIsFollowed) {
  EXPECT_THAT(tracker_->Send(Out("S")), Returns(TC_ACT_OK));
  EXPECT_EQ(tracker_->State(), STATE_NEW);
  EXPECT_THAT(tracker_->Receive(In("SA")), Returns(TC_ACT_OK));
  EXPECT_EQ(tracker_->State(), STATE_ANSWERED);
  EXPECT_THAT(tracker_->Send(Out("A")), Returns(TC_ACT_OK));
  EXPECT_EQ(tracker_->State(), STATE_ESTABLISHED);
  const connection found = tracker_->Find(kTcp).value();
  EXPECT_THAT(found.packets, ElementsAre(2, 1));
  EXPECT_THAT(found.bytes, ElementsAre(2 * Out("A").size(), In("SA").size()));
  EXPECT_THAT(EventStates(), ElementsAre(STATE_NEW));
}

TEST_P(ConntrackTest, ConnectionEndsWhenBothSidesHave) {
  tracker_->Connect();
  tracker_->Send(Out("FA"));
  EXPECT_EQ(tracker_->State(), STATE_CLOSING);
  EXPECT_THAT(tracker_->Receive(In("A")), Returns(TC_ACT_OK));
  EXPECT_EQ(tracker_->State(), STATE_CLOSING);
  EXPECT_THAT(tracker_->Receive(In("FA")), Returns(TC_ACT_OK));
  EXPECT_EQ(tracker_->State(), STATE_CLOSED);
  EXPECT_THAT(tracker_->Send(Out("A")), Returns(TC_ACT_OK));
  EXPECT_THAT(EventStates(), ElementsAre(STATE_NEW, STATE_CLOSED));
}

TEST_P(ConntrackTest, ResetEndsItAndPortIsUsedAgain) {
  tracker_->Connect();
  tracker_->Receive(In("R"));
  EXPECT_EQ(tracker_->State(), STATE_CLOSED);
  EXPECT_THAT(tracker_->Send(Out("S")), Returns(TC_ACT_OK));
  EXPECT_EQ(tracker_->State(), STATE_NEW);
}

TEST_P(ConntrackTest, StrangersStayOutside) {
  EXPECT_THAT(tracker_->Receive(In("S")), Returns(TC_ACT_SHOT));
  EXPECT_THAT(tracker_->Receive(In("SA")), Returns(TC_ACT_SHOT));
  EXPECT_THAT(tracker_->Receive(UdpIn()), Returns(TC_ACT_SHOT));
  EXPECT_THAT(tracker_->Send(Out("A")), Returns(TC_ACT_SHOT));
  EXPECT_THAT(EventStates(), IsEmpty());
}

TEST_P(ConntrackTest, OpenPortMayBeReached) {
  tracker_->object()
      .map<open_port, uint32_t>("open_ports")
      .Set({.port = htons(4000), .protocol = kTcp, .unused = 0}, 1);
  EXPECT_THAT(tracker_->Receive(In("S")), Returns(TC_ACT_OK));
  EXPECT_THAT(tracker_->Send(Out("SA")), Returns(TC_ACT_OK));
  EXPECT_THAT(tracker_->Receive(In("A")), Returns(TC_ACT_OK));
  EXPECT_THAT(tracker_->Receive(UdpIn()), Returns(TC_ACT_SHOT));
}

TEST_P(ConntrackTest, DatagramsAreAnswered) {
  EXPECT_THAT(tracker_->Send(UdpOut()), Returns(TC_ACT_OK));
  EXPECT_EQ(tracker_->State(kUdp), STATE_NEW);
  EXPECT_THAT(tracker_->Receive(UdpIn()), Returns(TC_ACT_OK));
  EXPECT_EQ(tracker_->State(kUdp), STATE_ESTABLISHED);
  EXPECT_THAT(tracker_->Send(UdpOut()), Returns(TC_ACT_OK));
}

TEST_P(ConntrackTest, ErrorsAboutConnectionsComeIn) {
  EXPECT_THAT(tracker_->Receive(Error(Out("S"))), Returns(TC_ACT_SHOT));
  tracker_->Send(Out("S"));
  EXPECT_THAT(tracker_->Receive(Error(Out("S"))), Returns(TC_ACT_OK));
  EXPECT_THAT(tracker_->Receive(Error(UdpOut())), Returns(TC_ACT_SHOT));
  EXPECT_THAT(tracker_->Receive(Error(Out("S"), kEcho)), Returns(TC_ACT_SHOT));
  EXPECT_THAT(tracker_->Find(kTcp)->packets, ElementsAre(1, 0));
  // Nor does an open port let an error begin a connection.
  tracker_->object()
      .map<open_port, uint32_t>("open_ports")
      .Set({.port = htons(443), .protocol = kUdp, .unused = 0}, 1);
  EXPECT_THAT(tracker_->Receive(Error(UdpOut())), Returns(TC_ACT_SHOT));
}

TEST_P(ConntrackTest, OthersGoOutButNotIn) {
  const Packet ipv6 = Packet::Ethernet().Ipv6("fd00::1", "fd00::2").Udp(1, 2);
  const uint8_t esp[] = {50};
  const Packet tunnel = UdpOut().Patch(14 + 9, esp);
  const uint8_t later[] = {0x00, 0x10};
  const Packet fragment = Out("S").Patch(14 + 6, later);
  for (const Packet& packet :
       {ipv6, tunnel, fragment, Out("S").Cut(40), UdpOut().Cut(36),
        Packet::Ethernet().Ipv4(kInside, kOutside).Icmp(kEcho),
        Packet::Ethernet().Vlan(3).Ipv6("fd00::1", "fd00::2").Udp(1, 2)}) {
    EXPECT_THAT(tracker_->Send(packet), Returns(TC_ACT_OK));
    EXPECT_THAT(tracker_->Receive(packet), Returns(TC_ACT_SHOT));
  }
}

INSTANTIATE_TEST_SUITE_P(, ConntrackTest, kJudges, NameOfJudge);

class ConntrackInTimeTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(tracker_.object().Load()); }

  World world_;
  Tracker tracker_{Object::Open("examples/tools/conntrack.bpf.o").value()};
};

TEST_F(ConntrackInTimeTest, HandshakeThatIsNotAnsweredIsForgotten) {
  tracker_.Send(Out("S"));
  world_.clock().Advance(seconds(21));
  EXPECT_THAT(tracker_.Receive(In("SA")), Returns(TC_ACT_SHOT));
  EXPECT_EQ(tracker_.State(), -1);
}

TEST_F(ConntrackInTimeTest, EachPacketGivesMoreTime) {
  tracker_.Connect();
  for (int hour = 0; hour < 10; ++hour) {
    world_.clock().Advance(seconds(3600));
    EXPECT_THAT(tracker_.Receive(In("A")), Returns(TC_ACT_OK));
  }
  world_.clock().Advance(seconds(7200));
  EXPECT_THAT(tracker_.Receive(In("A")), Returns(TC_ACT_SHOT));
}

TEST_F(ConntrackInTimeTest, DatagramsHaveTimeoutsOfTheirOwn) {
  tracker_.Send(UdpOut());
  tracker_.Receive(UdpIn());
  world_.clock().Advance(seconds(179));
  EXPECT_THAT(tracker_.Receive(UdpIn()), Returns(TC_ACT_OK));
  world_.clock().Advance(seconds(181));
  EXPECT_THAT(tracker_.Receive(UdpIn()), Returns(TC_ACT_SHOT));
}

TEST_F(ConntrackInTimeTest, ConnectionThatCannotBeKeptIsRefused) {
  world_.Fail(BPF_FUNC_map_update_elem, 1, Errno::kNoMem);
  EXPECT_THAT(tracker_.Send(Out("S")), Returns(TC_ACT_SHOT));
  world_.Fail(BPF_FUNC_ringbuf_reserve, 1, Errno::kAgain);
  EXPECT_THAT(tracker_.Send(Out("S")), Returns(TC_ACT_OK));
  EXPECT_EQ(tracker_.object().Get<uint64_t>("lost_events"), 1u);
}

}  // namespace
}  // namespace bpfmap
