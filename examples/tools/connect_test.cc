// SPDX-License-Identifier: Apache-2.0

#include "examples/tools/connect.h"

#include <arpa/inet.h>
#include <linux/bpf.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <set>
#include <vector>

#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using bpfmap::Context, bpfmap::Errno, bpfmap::Ipv4, bpfmap::Object,
    bpfmap::ProgramResult, bpfmap::Returns;
using std::chrono::seconds;
using testing::SizeIs;

constexpr int kRefuse = 0, kProceed = 1;
constexpr uint8_t kTcp = 6, kUdp = 17;
const char kService[] = "10.96.0.1";

uint32_t Number(const Ipv4& address) {
  uint32_t number;
  std::memcpy(&number, address.bytes.data(), sizeof number);
  return number;
}

endpoint Endpoint(const Ipv4& address, uint16_t port, uint8_t protocol = kTcp) {
  return {.address = Number(address),
          .port = htons(port),
          .protocol = protocol,
          .unused = 0};
}

// An endpoint that a program left in its context.
struct Place {
  uint32_t address;
  uint32_t port;
  friend bool operator==(const Place&, const Place&) = default;
};
Place At(const Ipv4& address, uint16_t port) {
  return {Number(address), htons(port)};
}

class ConnectTest : public testing::Test {
 protected:
  void Load() {
    ASSERT_OK(object_.Load());
    SetService(Endpoint(kService, 80), 1);
  }
  // Its backends are 10.1.0.1, 10.1.0.2, ..., with port 8080.
  void SetService(const endpoint& key, uint32_t count, uint32_t sticky = 0) {
    service value = {.count = count, .sticky_seconds = sticky, .backends = {}};
    for (uint32_t i = 0; i < count; ++i) {
      Ipv4 address("10.1.0.0");
      address.bytes[3] = static_cast<uint8_t>(i + 1);
      value.backends[i] = Endpoint(address, 8080);
    }
    object_.map<endpoint, service>("services").Set(key, value);
  }
  // Runs a program on a socket with this endpoint; nothing where it refuses.
  std::optional<Place> Run(const char* program, const endpoint& place) {
    const ProgramResult result =
        object_.program(program).Run(Context()
                                         .Set("user_family", 2)
                                         .Set("user_ip4", place.address)
                                         .Set("user_port", place.port)
                                         .Set("protocol", place.protocol));
    EXPECT_TRUE(result.ok()) << result.fault;
    if (result.retval != kProceed) {
      EXPECT_THAT(result, Returns(kRefuse));
      return std::nullopt;
    }
    const auto after = [&](const char* member) {
      return static_cast<uint32_t>(
          object_.program(program).ContextAfter(result, member));
    };
    return Place{after("user_ip4"), after("user_port")};
  }
  std::set<uint32_t> BackendsOf(const endpoint& place, int times) {
    std::set<uint32_t> backends;
    for (int i = 0; i < times; ++i) {
      backends.insert(Run("connect4", place).value().address);
    }
    return backends;
  }

  bpfmap::World world_;
  Object object_ = Object::Open("examples/tools/connect.bpf.o").value();
};

TEST_F(ConnectTest, SocketGoesToBackendAndSeesService) {
  Load();
  EXPECT_EQ(Run("connect4", Endpoint(kService, 80)), At("10.1.0.1", 8080));
  EXPECT_EQ(Run("getpeername4", Endpoint("10.1.0.1", 8080)), At(kService, 80));
  EXPECT_EQ(object_.Get<uint64_t>("translated"), 1u);
}

TEST_F(ConnectTest, OtherSocketSeesBackend) {
  Load();
  Run("connect4", Endpoint(kService, 80));
  world_.socket_cookie = 2;
  EXPECT_EQ(Run("getpeername4", Endpoint("10.1.0.1", 8080)),
            At("10.1.0.1", 8080));
}

TEST_F(ConnectTest, OthersThanServicesAreReachedDirectly) {
  Load();
  for (const endpoint& other :
       {Endpoint(kService, 81), Endpoint(kService, 80, kUdp),
        Endpoint(kService, 80, 132), Endpoint("127.0.0.1", 80)}) {
    EXPECT_EQ(Run("connect4", other), (Place{other.address, other.port}));
  }
}

TEST_F(ConnectTest, ConnectionsSpreadOverBackends) {
  Load();
  SetService(Endpoint(kService, 80), MOST_BACKENDS);
  EXPECT_THAT(BackendsOf(Endpoint(kService, 80), 200), SizeIs(MOST_BACKENDS));
}

TEST_F(ConnectTest, ServiceWithoutBackendRefuses) {
  Load();
  SetService(Endpoint(kService, 80), 0);
  EXPECT_EQ(Run("connect4", Endpoint(kService, 80)), std::nullopt);
  EXPECT_EQ(object_.Get<uint64_t>("refused"), 1u);
}

TEST_F(ConnectTest, MessagesAreTranslatedBothWays) {
  Load();
  SetService(Endpoint(kService, 53, kUdp), 1);
  EXPECT_EQ(Run("sendmsg4", Endpoint(kService, 53, kUdp)),
            At("10.1.0.1", 8080));
  EXPECT_EQ(Run("recvmsg4", Endpoint("10.1.0.1", 8080, kUdp)),
            At(kService, 53));
  EXPECT_EQ(Run("recvmsg4", Endpoint("10.1.0.9", 8080, kUdp)),
            At("10.1.0.9", 8080));
}

TEST_F(ConnectTest, ClientKeepsItsBackendForATime) {
  Load();
  const endpoint place = Endpoint(kService, 80);
  SetService(place, MOST_BACKENDS, 60);
  EXPECT_THAT(BackendsOf(place, 50), SizeIs(1));
  std::set<uint32_t> backends;
  for (int i = 0; i < 50; ++i) {
    world_.clock().Advance(seconds(61));
    backends.merge(BackendsOf(place, 1));
  }
  EXPECT_GT(backends.size(), 1u);
}

TEST_F(ConnectTest, EachUseMakesItsTimeLonger) {
  Load();
  const endpoint place = Endpoint(kService, 80);
  SetService(place, MOST_BACKENDS, 60);
  std::set<uint32_t> backends;
  for (int i = 0; i < 50; ++i) {
    world_.clock().Advance(seconds(40));
    backends.merge(BackendsOf(place, 1));
  }
  EXPECT_THAT(backends, SizeIs(1));
}

TEST_F(ConnectTest, ClientsOfOtherNamespacesHaveTheirOwn) {
  Load();
  const endpoint place = Endpoint(kService, 80);
  SetService(place, MOST_BACKENDS, 60);
  std::set<uint32_t> backends;
  for (world_.netns_cookie = 1; world_.netns_cookie < 50;
       ++world_.netns_cookie) {
    backends.merge(BackendsOf(place, 1));
  }
  EXPECT_GT(backends.size(), 1u);
}

TEST_F(ConnectTest, LoopbackReachesServicesOfTheNodeOnDemand) {
  object_.Set("loopback_is_node", true);
  object_.Set("node", Ipv4("192.0.2.1"));
  Load();
  SetService(Endpoint("192.0.2.1", 30080), 1);
  EXPECT_EQ(Run("connect4", Endpoint("127.0.0.5", 30080)),
            At("10.1.0.1", 8080));
  EXPECT_EQ(Run("getpeername4", Endpoint("10.1.0.1", 8080)),
            At("127.0.0.5", 30080));
  EXPECT_EQ(Run("connect4", Endpoint("192.0.2.9", 30080)),
            At("192.0.2.9", 30080));
}

TEST_F(ConnectTest, SocketThatCannotBeRememberedIsRefused) {
  Load();
  world_.Fail(BPF_FUNC_map_update_elem, 1, Errno::kNoMem, "translations");
  EXPECT_EQ(Run("connect4", Endpoint(kService, 80)), std::nullopt);
  EXPECT_EQ(object_.Get<uint64_t>("refused"), 1u);
}

}  // namespace
