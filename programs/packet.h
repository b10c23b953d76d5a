// SPDX-License-Identifier: Apache-2.0
//
// Packet: the bytes of a packet, built header by header.
//
//   Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1").Udp(53, 1024).Payload("hi")
//   Packet::Ethernet().Vlan(7).Ipv6("fe80::1", "fe80::2").Tcp(4000, 80, "SA")
//
// Lengths, types and checksums are right at each step, also of what a header
// carries; Patch() makes them wrong. Each method returns a new packet, so one
// may be the start of several.
//
// Source: RFC 791, 792, 793, 768, 8200, 4443; IEEE 802.1Q.
// A value: copy it freely.

#ifndef BPFMAP_PROGRAMS_PACKET_H_
#define BPFMAP_PROGRAMS_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "bpfmap/programs/address.h"

namespace bpfmap {

class Packet {
 public:
  Packet() = default;
  explicit Packet(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}

  static Packet Ethernet(const Mac& source = "02:00:00:00:00:01",
                         const Mac& destination = "02:00:00:00:00:02");

  // A tag of 802.1Q, after the addresses of Ethernet or another tag.
  Packet Vlan(uint16_t id) const;
  Packet Ipv4(const bpfmap::Ipv4& source,
              const bpfmap::Ipv4& destination) const;
  Packet Ipv6(const bpfmap::Ipv6& source,
              const bpfmap::Ipv6& destination) const;
  Packet Udp(uint16_t source, uint16_t destination) const;
  // `flags` is of the letters F, S, R, P, A, U.
  Packet Tcp(uint16_t source, uint16_t destination,
             std::string_view flags = "A") const;
  // ICMP or, in IPv6, ICMPv6, with 4 more bytes of zeros.
  Packet Icmp(uint8_t type, uint8_t code = 0) const;
  Packet Payload(std::string_view text) const;
  Packet Payload(std::span<const uint8_t> bytes) const;

  // The time to live, or hop limit, of the last IP header.
  Packet Ttl(uint8_t hops) const;

  // Overwrites bytes as they are, checksums too; adds more at the end.
  Packet Patch(std::size_t offset, std::span<const uint8_t> bytes) const;
  // Only the first `size` bytes. Of headers that are left whole later steps set
  // the lengths anew.
  Packet Cut(std::size_t size) const;

  const std::vector<uint8_t>& bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  // NOLINTNEXTLINE(google-explicit-constructor): it is these bytes
  operator std::span<const uint8_t>() const { return bytes_; }

  friend bool operator==(const Packet& a, const Packet& b) {
    return a.bytes_ == b.bytes_;
  }

 private:
  enum class Layer : uint8_t {
    kEthernet,
    kVlan,
    kIpv4,
    kIpv6,
    kUdp,
    kTcp,
    kIcmp
  };
  struct Header {
    Layer layer;
    std::size_t offset;
  };

  static std::size_t SizeOf(Layer layer);  // of a header, in bytes
  Packet With(Layer layer, std::span<const uint8_t> header) const;
  void Put16(std::size_t offset, std::size_t number);
  // Sets what headers say of what they carry.
  void Finish();
  void FinishType(const Header& header, Layer next);
  void FinishLengths(const Header& header);
  void FinishChecksum(const Header& header, const Header& ip);

  std::vector<uint8_t> bytes_;
  std::vector<Header> headers_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_PACKET_H_
