// SPDX-License-Identifier: Apache-2.0

#include "examples/pcap.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bpfmap::examples {
namespace {

constexpr uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr uint32_t kNanoseconds = 0xa1b23c4d;
constexpr uint32_t kEthernet = 1;  // LINKTYPE_ETHERNET
constexpr std::size_t kFileHeader = 24;
constexpr std::size_t kPacketHeader = 16;

uint32_t WordAt(const std::string& file, std::size_t at, bool swapped) {
  uint32_t word;
  std::memcpy(&word, file.data() + at, sizeof word);
  return swapped ? __builtin_bswap32(word) : word;
}

}  // namespace

absl::StatusOr<std::vector<Packet>> ReadPcap(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  if (!in.is_open() || in.bad()) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path));
  }
  const auto broken = [&](const char* how) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", how));
  };
  if (file.size() < kFileHeader) return broken("not a pcap file");
  const uint32_t magic = WordAt(file, 0, false);
  const bool swapped = magic == __builtin_bswap32(kMicroseconds) ||
                       magic == __builtin_bswap32(kNanoseconds);
  const uint32_t resolution = WordAt(file, 0, swapped);
  if (resolution != kMicroseconds && resolution != kNanoseconds) {
    return broken("not a pcap file");
  }
  if (WordAt(file, 20, swapped) != kEthernet) return broken("not an Ethernet");

  std::vector<Packet> packets;
  for (std::size_t at = kFileHeader; at < file.size();) {
    if (file.size() - at < kPacketHeader) return broken("ends in a packet");
    const uint64_t seconds = WordAt(file, at, swapped);
    const uint64_t fraction = WordAt(file, at + 4, swapped);
    const uint32_t kept = WordAt(file, at + 8, swapped);
    const uint32_t length = WordAt(file, at + 12, swapped);
    at += kPacketHeader;
    if (file.size() - at < kept) return broken("ends in a packet");
    packets.push_back({seconds * 1'000'000'000 +
                           fraction * (resolution == kMicroseconds ? 1000 : 1),
                       length, file.substr(at, kept)});
    at += kept;
  }
  return packets;
}

std::optional<Flow> FlowOf(const Packet& packet) {
  constexpr std::size_t kIp = 14;  // after the Ethernet header
  const std::string& data = packet.data;
  if (data.size() <= kIp || data.compare(12, 2, "\x08\0", 2) != 0) return {};
  const std::size_t ports = kIp + (data[kIp] & 0xf) * 4;
  if (data.size() < kIp + 20 || data.size() < ports + 4) return {};
  Flow flow = {};
  flow.protocol = static_cast<uint8_t>(data[kIp + 9]);
  if (flow.protocol != kTcp && flow.protocol != kUdp) return {};
  std::memcpy(flow.source, &data[kIp + 12], 4);
  std::memcpy(flow.destination, &data[kIp + 16], 4);
  std::memcpy(flow.source_port, &data[ports], 2);
  std::memcpy(flow.destination_port, &data[ports + 2], 2);
  return flow;
}

int CpuOf(const Packet& packet, int cpus) {
  const std::optional<Flow> flow = FlowOf(packet);
  if (!flow) return 0;
  const unsigned ports = (flow->source_port[0] ^ flow->destination_port[0]) +
                         (flow->source_port[1] ^ flow->destination_port[1]);
  return static_cast<int>(ports % static_cast<unsigned>(cpus));
}

}  // namespace bpfmap::examples
