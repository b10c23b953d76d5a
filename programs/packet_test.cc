// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/packet.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "bpfmap/programs/address.h"
#include "bpfmap/programs/section_name.h"
#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using testing::ElementsAre;

// RFC 1071, word by word: all ones where the checksum is right.
uint16_t SumOfWords(const std::vector<uint8_t>& bytes) {
  uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const unsigned low = i + 1 < bytes.size() ? bytes[i + 1] : 0;
    sum += bytes[i] * 256U + low;
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

std::vector<uint8_t> Part(const Packet& packet, std::size_t from,
                          std::size_t size = SIZE_MAX) {
  const auto begin = packet.bytes().begin() + static_cast<std::ptrdiff_t>(from);
  const std::size_t rest = packet.size() - from;
  return {begin,
          begin + static_cast<std::ptrdiff_t>(size < rest ? size : rest)};
}

// The addresses, the length and the protocol before what the checksum covers.
std::vector<uint8_t> WithPseudoHeader(std::vector<uint8_t> addresses,
                                      uint8_t protocol,
                                      const std::vector<uint8_t>& bytes) {
  addresses.insert(addresses.end(),
                   {0, protocol, static_cast<uint8_t>(bytes.size() >> 8),
                    static_cast<uint8_t>(bytes.size())});
  addresses.insert(addresses.end(), bytes.begin(), bytes.end());
  return addresses;
}

// A datagram of a textbook, byte by byte.
TEST(PacketTest, UdpOverIpv4) {
  const auto packet = Packet::Ethernet("02:00:00:00:00:0a", "ff:ff:ff:ff:ff:ff")
                          .Ipv4("10.0.0.7", "10.0.0.1")
                          .Udp(53, 1024)
                          .Payload("hi");
  const std::vector<uint8_t> expected = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00,
      0x0a, 0x08, 0x00, 0x45, 0x00, 0x00, 0x1e, 0x00, 0x00, 0x40, 0x00,
      0x40, 0x11, 0x26, 0xc8, 0x0a, 0x00, 0x00, 0x07, 0x0a, 0x00, 0x00,
      0x01, 0x00, 0x35, 0x04, 0x00, 0x00, 0x0a, 0x00, 0x00, 'h',  'i'};
  std::vector<uint8_t> without_checksum = packet.bytes();
  without_checksum[40] = without_checksum[41] = 0;
  EXPECT_EQ(without_checksum, expected);
  EXPECT_EQ(SumOfWords(Part(packet, 14, 20)), 0xffff);
  EXPECT_EQ(
      SumOfWords(WithPseudoHeader(Part(packet, 26, 8), 17, Part(packet, 34))),
      0xffff);
}

TEST(PacketTest, TcpOverIpv6InVlan) {
  const auto packet = Packet::Ethernet()
                          .Vlan(7)
                          .Ipv6("fe80::1", "2001:db8::10.0.0.1")
                          .Tcp(40000, 80, "SA")
                          .Payload("odd");
  EXPECT_THAT(Part(packet, 12, 6),
              ElementsAre(0x81, 0x00, 0x00, 0x07, 0x86, 0xdd));
  EXPECT_THAT(Part(packet, 22, 2), ElementsAre(0, 23));  // the payload's length
  EXPECT_EQ(packet.bytes()[24], 6);
  EXPECT_EQ(packet.bytes()[58 + 13], 0x12);
  EXPECT_EQ(
      SumOfWords(WithPseudoHeader(Part(packet, 26, 32), 6, Part(packet, 58))),
      0xffff);
}

TEST(PacketTest, Icmp) {
  const auto packet =
      Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1").Icmp(8).Payload("ping");
  EXPECT_EQ(packet.bytes()[23], 1);
  EXPECT_EQ(SumOfWords(Part(packet, 34)), 0xffff);
  const auto echo = Packet::Ethernet().Ipv6("::1", "::1").Icmp(128);
  EXPECT_EQ(echo.bytes()[20], 58);
  EXPECT_EQ(
      SumOfWords(WithPseudoHeader(Part(echo, 22, 32), 58, Part(echo, 54))),
      0xffff);
}

TEST(PacketTest, TtlKeepsChecksumAndPatchDoesNot) {
  const auto packet =
      Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1").Ttl(1).Udp(1, 2);
  EXPECT_EQ(packet.bytes()[22], 1);
  EXPECT_EQ(SumOfWords(Part(packet, 14, 20)), 0xffff);
  const uint8_t two[] = {2};
  EXPECT_NE(SumOfWords(Part(packet.Patch(22, two), 14, 20)), 0xffff);
  EXPECT_EQ(packet.Cut(20).size(), 20u);
}

// The rest of a header is no header.
TEST(PacketTest, PacketThatWasCutGoesOn) {
  const auto packet = Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1").Udp(1, 2);
  const Packet in_udp = packet.Cut(36).Payload("hi");
  EXPECT_THAT(Part(in_udp, 16, 2), ElementsAre(0, 38 - 14));
  EXPECT_THAT(Part(in_udp, 34), ElementsAre(0, 1, 'h', 'i'));
  EXPECT_EQ(packet.Cut(20).Payload("hi").size(), 22u);
  EXPECT_EQ(packet.Cut(3).Vlan(7).size(), 7u);
  EXPECT_NONFATAL_FAILURE(packet.Cut(20).Ttl(1), "without an IP header");
}

TEST(AddressTest, TextThatIsNoneFailsTheTest) {
  EXPECT_THAT(Ipv4("255.0.0.1").bytes, ElementsAre(255, 0, 0, 1));
  EXPECT_EQ(Ipv6("::").bytes, Ipv6().bytes);
  EXPECT_EQ(Ipv6("1:2:3:4:5:6:7:8").bytes[15], 8);
  for (const char* text : {"10.0.0", "10.0.0.256", "10.0.0.1.", "a.b.c.d"}) {
    EXPECT_NONFATAL_FAILURE((Ipv4(text)), "is no IPv4 address");
  }
  for (const char* text : {"1:2:3", "1::2::3", ":", "1:2:3:4:5:6:7:8:9"}) {
    EXPECT_NONFATAL_FAILURE((Ipv6(text)), "is no IPv6 address");
  }
  EXPECT_NONFATAL_FAILURE((Mac("02:00")), "is no address of Ethernet");
}

TEST(SectionNameTest, KindTargetAndWhatStandsAroundThem) {
  const SectionName open =
      ParseSectionName("tracepoint/syscalls/sys_enter_openat");
  EXPECT_EQ(open.type, ProgramType::kTracepoint);
  EXPECT_EQ(open.kind, "tracepoint");
  EXPECT_EQ(open.target, "syscalls/sys_enter_openat");
  EXPECT_TRUE(open.autoload);
  const SectionName sleeps = ParseSectionName("?lsm.s/file_open");
  EXPECT_EQ(sleeps.type, ProgramType::kLsm);
  EXPECT_EQ(sleeps.target, "file_open");
  EXPECT_FALSE(sleeps.autoload);
  EXPECT_TRUE(sleeps.sleepable);
  EXPECT_EQ(ParseSectionName("xdp.frags").type, ProgramType::kXdp);
  EXPECT_EQ(ParseSectionName("xdp_drop").type, ProgramType::kUnspec);
  EXPECT_EQ(ParseSectionName("cgroup/connect4").type,
            ProgramType::kCgroupSockAddr);
}

}  // namespace
}  // namespace bpfmap
