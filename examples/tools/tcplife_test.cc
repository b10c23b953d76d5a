// SPDX-License-Identifier: Apache-2.0

#include "examples/tools/tcplife.h"

#include <linux/bpf.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using bpfmap::Context, bpfmap::Errno, bpfmap::KernelObject, bpfmap::Object,
    bpfmap::Returns;
using std::chrono::milliseconds;
using testing::IsEmpty, testing::SizeIs;

constexpr uint16_t kInet = 2, kInet6 = 10;
constexpr int kTcp = 6;
enum State {
  kEstablished = 1,
  kSynSent = 2,
  kFinWait = 4,
  kClose = 7,
  kLastAck = 9
};

class TcplifeTest : public testing::Test {
 protected:
  void SetUp() override {
    world_.task = {.pid = 71, .tgid = 70, .comm = "curl"};
  }

  // From 10.0.0.7:40000, or ::7, to port 443 of 10.0.0.1, or ::1.
  void SetState(State state, const KernelObject& socket,
                uint16_t family = kInet) {
    Context context;
    context.Set("skaddr", socket)
        .Set("newstate", state)
        .Set("family", family)
        .Set("protocol", kTcp)
        .Set("sport", 40000)
        .Set("dport", 443)
        .Set("saddr[0]", 10)
        .Set("saddr[3]", 7)
        .Set("daddr[0]", 10)
        .Set("daddr[3]", 1)
        .Set("saddr_v6[15]", 7)
        .Set("daddr_v6[15]", 1);
    Run(context);
  }
  void Run(const Context& context) {
    EXPECT_THAT(object_.program("set_state").Run(context), Returns(0));
  }
  KernelObject Socket() {
    return object_.New("tcp_sock")
        .Set("bytes_acked", 100)
        .Set("bytes_received", 2000);
  }
  // A client's connection, from beginning to end.
  void Connect(uint16_t family = kInet) {
    const KernelObject socket = Socket();
    for (State state : {kSynSent, kEstablished, kFinWait, kClose}) {
      SetState(state, socket, family);
    }
  }
  std::vector<tcp_life> Take() {
    return object_.ring<tcp_life>("events").Take();
  }

  bpfmap::World world_;
  Object object_ = Object::Open("examples/tools/tcplife.bpf.o").value();
};

TEST_F(TcplifeTest, ConnectionOfClientIsReportedWhenItEnds) {
  ASSERT_OK(object_.Load());
  const KernelObject socket = Socket();
  SetState(kSynSent, socket);
  world_.task = {.pid = 1, .tgid = 1, .comm = "swapper"};
  SetState(kEstablished, socket);
  world_.clock().Advance(milliseconds(30));
  SetState(kFinWait, socket);
  EXPECT_THAT(Take(), IsEmpty());
  SetState(kClose, socket);

  const std::vector<tcp_life> lives = Take();
  ASSERT_THAT(lives, SizeIs(1));
  EXPECT_EQ(lives[0].pid, 70u);
  EXPECT_STREQ(lives[0].comm, "curl");
  EXPECT_EQ(lives[0].lasted_ns, 30'000'000u);
  EXPECT_EQ(lives[0].sent, 100u);
  EXPECT_EQ(lives[0].received, 2000u);
  EXPECT_EQ(lives[0].family, kInet);
  EXPECT_EQ(lives[0].local_port, 40000u);
  EXPECT_EQ(lives[0].remote_port, 443u);
  EXPECT_EQ(lives[0].local[0], 10u);
  EXPECT_EQ(lives[0].local[3], 7u);
  EXPECT_EQ(lives[0].remote[3], 1u);
}

TEST_F(TcplifeTest, ServerIsKnownFromItsClose) {
  ASSERT_OK(object_.Load());
  const KernelObject socket = Socket();
  SetState(kEstablished, socket);
  world_.task = {.pid = 80, .tgid = 80, .comm = "nginx"};
  SetState(kLastAck, socket);
  SetState(kClose, socket);
  const std::vector<tcp_life> lives = Take();
  ASSERT_THAT(lives, SizeIs(1));
  EXPECT_STREQ(lives[0].comm, "nginx");
}

TEST_F(TcplifeTest, AddressesOfIpv6) {
  ASSERT_OK(object_.Load());
  Connect(kInet6);
  const std::vector<tcp_life> lives = Take();
  ASSERT_THAT(lives, SizeIs(1));
  EXPECT_EQ(lives[0].local[0], 0u);
  EXPECT_EQ(lives[0].local[15], 7u);
  EXPECT_EQ(lives[0].remote[15], 1u);
}

TEST_F(TcplifeTest, OtherProtocolsAreLeftOut) {
  ASSERT_OK(object_.Load());
  Run(Context().Set("protocol", kTcp + 1).Set("newstate", kClose));
  EXPECT_EQ(object_.Get<uint64_t>("unknown"), 0u);
}

struct Ports {
  uint16_t ports[MOST_PORTS];
};

TEST_F(TcplifeTest, OtherPortsAreLeftOut) {
  for (const auto& [variable, ports, events] :
       {std::tuple("remote_ports", Ports{{80, 443}}, 1),
        std::tuple("remote_ports", Ports{{80, 40000}}, 0),
        std::tuple("local_ports", Ports{{40000}}, 1),
        std::tuple("local_ports", Ports{{443}}, 0)}) {
    object_ = Object::Open("examples/tools/tcplife.bpf.o").value();
    object_.Set(variable, ports);
    ASSERT_OK(object_.Load());
    Connect();
    EXPECT_THAT(Take(), SizeIs(events)) << variable << " " << ports.ports[0];
  }
}

TEST_F(TcplifeTest, OtherFamiliesAreLeftOut) {
  object_.Set("filter_family", kInet6);
  ASSERT_OK(object_.Load());
  Connect(kInet);
  Connect(kInet6);
  EXPECT_THAT(Take(), SizeIs(1));
}

TEST_F(TcplifeTest, OtherProcessesAreLeftOut) {
  object_.Set("filter_process", uint32_t{70});
  ASSERT_OK(object_.Load());
  Connect();
  world_.task = {.pid = 90, .tgid = 90};
  Connect();
  EXPECT_THAT(Take(), SizeIs(1));
}

TEST_F(TcplifeTest, WhatIsMissedIsCounted) {
  ASSERT_OK(object_.Load());
  SetState(kClose, Socket());
  EXPECT_EQ(object_.Get<uint64_t>("unknown"), 1u);
  world_.Fail(BPF_FUNC_ringbuf_reserve, 1, Errno::kAgain);
  Connect();
  EXPECT_EQ(object_.Get<uint64_t>("lost"), 1u);
  world_.Fail(BPF_FUNC_map_update_elem, 1, Errno::k2Big, "births");
  SetState(kSynSent, Socket());
  EXPECT_EQ(object_.Get<uint64_t>("lost"), 2u);
  EXPECT_THAT(Take(), IsEmpty());
}

}  // namespace
