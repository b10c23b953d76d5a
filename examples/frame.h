// SPDX-License-Identifier: Apache-2.0
//
// Frame: an Ethernet frame as tests write and read it: built from its layers,
// and described in a line as tcpdump does.
//
// Addresses are text, ports and types are numbers of this machine.

#ifndef BPFMAP_EXAMPLES_FRAME_H_
#define BPFMAP_EXAMPLES_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bpfmap::examples {

using Frame = std::vector<uint8_t>;

// The layers: each returns its header followed by `payload`. Checksums are 0
// until WithChecksums().

Frame EthernetFrame(uint16_t type, const Frame& payload);
// A tag of this id after the addresses of the frame.
Frame Tagged(uint16_t vlan, Frame frame);

Frame Ipv4(const char* source, const char* destination, uint8_t protocol,
           const Frame& payload);
Frame Ipv6(const char* source, const char* destination, uint8_t protocol,
           const Frame& payload);

Frame Udp(uint16_t source, uint16_t destination, const Frame& payload);
Frame Tcp(uint16_t source, uint16_t destination, uint8_t flags,
          const Frame& payload);
// Of ICMP, or of ICMPv6.
Frame Echo(uint8_t type, uint16_t number, const Frame& payload);

// The frame with the checksums of its outer IP header and of what is in it.
Frame WithChecksums(Frame frame);

// "vlan 5, 10.0.0.1:40000 > 10.0.0.2:53 udp, 72 bytes", and whether a checksum
// is wrong.
std::string Describe(const Frame& frame);

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_FRAME_H_
