// SPDX-License-Identifier: Apache-2.0

#include "examples/pcap.h"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace bpfmap::examples {
namespace {

constexpr char kRecording[] = "examples/data/loopback.pcap";

std::string Bytes() {
  std::ifstream in(kRecording, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string Written(const std::string& bytes) {
  std::string path = testing::TempDir() + "/written.pcap";
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

TEST(PcapTest, PacketsHaveTimesLengthsAndFlows) {
  const auto packets = ReadPcap(kRecording);
  ASSERT_TRUE(packets.ok()) << packets.status();
  ASSERT_EQ(packets->size(), 646u);
  uint64_t bytes = 0, last = 0;
  for (const Packet& packet : *packets) {
    bytes += packet.length;
    EXPECT_GE(packet.time_ns, last);
    EXPECT_LE(packet.data.size(), packet.length);
    last = packet.time_ns;
    const auto flow = FlowOf(packet);
    ASSERT_TRUE(flow.has_value());
    EXPECT_EQ(flow->source[0], 127);
    EXPECT_LT(CpuOf(packet, 3), 3);
  }
  EXPECT_EQ(bytes, 539278u);
}

TEST(PcapTest, BothByteOrdersAndNanosecondsAreRead) {
  // One packet of 3 bytes, 2 of them kept, one second and 5 units after 1970.
  const std::string big_endian(
      "\xa1\xb2\x3c\x4d\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\1"
      "\0\0\0\1\0\0\0\5\0\0\0\2\0\0\0\3xy",
      42);
  const auto packets = ReadPcap(Written(big_endian));
  ASSERT_TRUE(packets.ok()) << packets.status();
  ASSERT_EQ(packets->size(), 1u);
  EXPECT_EQ((*packets)[0].time_ns, 1'000'000'005u);
  EXPECT_EQ((*packets)[0].length, 3u);
  EXPECT_EQ((*packets)[0].data, "xy");
  EXPECT_FALSE(FlowOf((*packets)[0]).has_value());
}

TEST(PcapTest, WhatIsNoRecordingIsSaid) {
  EXPECT_EQ(ReadPcap("no/such/file").status().message(),
            "cannot read no/such/file");
  EXPECT_FALSE(ReadPcap(Written("not a recording, but long enough")).ok());
  const std::string whole = Bytes();
  for (const size_t cut : {0u, 23u, 25u, 41u}) {
    EXPECT_FALSE(ReadPcap(Written(whole.substr(0, cut))).ok()) << cut;
  }
  std::string wireless = whole;
  wireless[20] = 105;  // LINKTYPE_IEEE802_11
  EXPECT_FALSE(ReadPcap(Written(wireless)).ok());
}

}  // namespace
}  // namespace bpfmap::examples
