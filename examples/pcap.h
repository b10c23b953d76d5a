// SPDX-License-Identifier: Apache-2.0

// Recordings of packets: pcap files, as tcpdump -w writes them.
//
// Format: draft-ietf-opsawg-pcap. Read are both byte orders, and time stamps in
// micro- and nanoseconds; the link must be an Ethernet (Linux's lo is one).

#ifndef BPFMAP_EXAMPLES_PCAP_H_
#define BPFMAP_EXAMPLES_PCAP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace bpfmap::examples {

struct Packet {
  uint64_t time_ns;  // since 1970
  uint32_t length;   // bytes that were sent; `data` may have fewer
  std::string data;  // from the Ethernet header on
};

// All packets of the file, or what is wrong with it.
absl::StatusOr<std::vector<Packet>> ReadPcap(const std::string& path);

// IP protocols, IPPROTO_*.
inline constexpr uint8_t kTcp = 6;
inline constexpr uint8_t kUdp = 17;

// The two ends of a flow. Big endian, as in the packet.
struct Flow {
  uint8_t source[4];
  uint8_t destination[4];
  uint8_t source_port[2];
  uint8_t destination_port[2];
  uint8_t protocol;
  uint8_t padding[3];  // 0: a map compares all bytes of a key
};

// The flow of a packet of TCP or UDP over IPv4; none for others.
std::optional<Flow> FlowOf(const Packet& packet);

// The CPU that a network card with `cpus` queues would give the packet to: one
// flow, and its other direction, stay on one CPU.
int CpuOf(const Packet& packet, int cpus);

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_PCAP_H_
