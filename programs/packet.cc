// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/packet.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "bpfmap/programs/checksum.h"
#include "bpfmap/programs/misuse.h"

namespace bpfmap {
namespace {

constexpr uint8_t kIcmpProtocol = 1, kTcpProtocol = 6, kUdpProtocol = 17,
                  kIcmp6Protocol = 58;
constexpr std::size_t kIpv4Size = 20, kIpv6Size = 40;

uint8_t High(uint16_t number) { return static_cast<uint8_t>(number >> 8); }
uint8_t Low(uint16_t number) { return static_cast<uint8_t>(number); }

}  // namespace

std::size_t Packet::SizeOf(Layer layer) {
  switch (layer) {
    case Layer::kEthernet:
      return 14;
    case Layer::kVlan:
      return 4;
    case Layer::kIpv4:
    case Layer::kTcp:
      return 20;
    case Layer::kIpv6:
      return kIpv6Size;
    case Layer::kUdp:
    case Layer::kIcmp:
      break;
  }
  return 8;
}

void Packet::Put16(std::size_t offset, std::size_t number) {
  bytes_[offset] = static_cast<uint8_t>(number >> 8);
  bytes_[offset + 1] = static_cast<uint8_t>(number);
}

Packet Packet::With(Layer layer, std::span<const uint8_t> header) const {
  Packet packet = *this;
  packet.headers_.push_back({layer, bytes_.size()});
  packet.bytes_.insert(packet.bytes_.end(), header.begin(), header.end());
  packet.Finish();
  return packet;
}

Packet Packet::Ethernet(const Mac& source, const Mac& destination) {
  uint8_t header[14] = {};
  std::copy(destination.bytes.begin(), destination.bytes.end(), header);
  std::copy(source.bytes.begin(), source.bytes.end(), header + 6);
  return Packet().With(Layer::kEthernet, header);
}

Packet Packet::Vlan(uint16_t id) const {
  const uint8_t header[] = {High(id), Low(id), 0, 0};
  return With(Layer::kVlan, header);
}

Packet Packet::Ipv4(const bpfmap::Ipv4& source,
                    const bpfmap::Ipv4& destination) const {
  uint8_t header[kIpv4Size] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64};
  std::copy(source.bytes.begin(), source.bytes.end(), header + 12);
  std::copy(destination.bytes.begin(), destination.bytes.end(), header + 16);
  return With(Layer::kIpv4, header);
}

Packet Packet::Ipv6(const bpfmap::Ipv6& source,
                    const bpfmap::Ipv6& destination) const {
  uint8_t header[kIpv6Size] = {0x60, 0, 0, 0, 0, 0, 59, 64};
  std::copy(source.bytes.begin(), source.bytes.end(), header + 8);
  std::copy(destination.bytes.begin(), destination.bytes.end(), header + 24);
  return With(Layer::kIpv6, header);
}

Packet Packet::Udp(uint16_t source, uint16_t destination) const {
  const uint8_t header[] = {High(source),
                            Low(source),
                            High(destination),
                            Low(destination),
                            0,
                            8,
                            0,
                            0};
  return With(Layer::kUdp, header);
}

Packet Packet::Tcp(uint16_t source, uint16_t destination,
                   std::string_view flags) const {
  static constexpr std::string_view kFlags = "FSRPAU";
  uint8_t bits = 0;
  for (char flag : flags) {
    const std::size_t bit = kFlags.find(flag);
    if (bit == std::string_view::npos) {
      Misuse(std::string("\"") + flag + "\" is no flag of TCP: they are " +
             std::string(kFlags));
      continue;
    }
    bits = static_cast<uint8_t>(bits | 1U << bit);
  }
  const uint8_t header[20] = {High(source),
                              Low(source),
                              High(destination),
                              Low(destination),
                              0,
                              0,
                              0,
                              1,
                              0,
                              0,
                              0,
                              0,
                              5 << 4,
                              bits,
                              0xff,
                              0xff};
  return With(Layer::kTcp, header);
}

Packet Packet::Icmp(uint8_t type, uint8_t code) const {
  const uint8_t header[8] = {type, code};
  return With(Layer::kIcmp, header);
}

Packet Packet::Payload(std::string_view text) const {
  return Payload({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

Packet Packet::Payload(std::span<const uint8_t> bytes) const {
  Packet packet = *this;
  packet.bytes_.insert(packet.bytes_.end(), bytes.begin(), bytes.end());
  packet.Finish();
  return packet;
}

Packet Packet::Ttl(uint8_t hops) const {
  Packet packet = *this;
  for (std::size_t i = headers_.size(); i-- > 0;) {
    const Header& header = headers_[i];
    if (header.layer != Layer::kIpv4 && header.layer != Layer::kIpv6) continue;
    packet.bytes_[header.offset + (header.layer == Layer::kIpv4 ? 8 : 7)] =
        hops;
    packet.Finish();
    return packet;
  }
  Misuse("Ttl() of a packet without an IP header");
  return packet;
}

Packet Packet::Patch(std::size_t offset, std::span<const uint8_t> bytes) const {
  Packet packet = *this;
  if (packet.bytes_.size() < offset + bytes.size()) {
    packet.bytes_.resize(offset + bytes.size());
  }
  std::copy(bytes.begin(), bytes.end(),
            packet.bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
  return packet;
}

Packet Packet::Cut(std::size_t size) const {
  Packet packet = *this;
  packet.bytes_.resize(std::min(size, packet.bytes_.size()));
  // The rest of a header are bytes like others.
  while (!packet.headers_.empty() &&
         packet.headers_.back().offset + SizeOf(packet.headers_.back().layer) >
             packet.size()) {
    packet.headers_.pop_back();
  }
  return packet;
}

// Checksums cover what is inside, so the innermost comes first; and the
// protocol of the header before, so types and lengths come before them.
void Packet::Finish() {
  for (std::size_t i = 0; i < headers_.size(); ++i) {
    if (i + 1 < headers_.size()) {
      FinishType(headers_[i], headers_[i + 1].layer);
    }
    FinishLengths(headers_[i]);
  }
  for (std::size_t i = headers_.size(); i-- > 0;) {
    FinishChecksum(headers_[i], i == 0 ? headers_[i] : headers_[i - 1]);
  }
}

void Packet::FinishType(const Header& header, Layer next) {
  const bool is_ipv6 = header.layer == Layer::kIpv6;
  if (header.layer == Layer::kEthernet || header.layer == Layer::kVlan) {
    const std::size_t at =
        header.offset + (header.layer == Layer::kEthernet ? 12 : 2);
    if (next == Layer::kVlan) Put16(at, 0x8100);
    if (next == Layer::kIpv4) Put16(at, 0x0800);
    if (next == Layer::kIpv6) Put16(at, 0x86dd);
  } else if (is_ipv6 || header.layer == Layer::kIpv4) {
    uint8_t& protocol = bytes_[header.offset + (is_ipv6 ? 6 : 9)];
    if (next == Layer::kUdp) protocol = kUdpProtocol;
    if (next == Layer::kTcp) protocol = kTcpProtocol;
    if (next == Layer::kIcmp) {
      protocol = is_ipv6 ? kIcmp6Protocol : kIcmpProtocol;
    }
    if (next == Layer::kIpv4) protocol = 4;
    if (next == Layer::kIpv6) protocol = 41;
  }
}

void Packet::FinishLengths(const Header& header) {
  const std::size_t size = bytes_.size() - header.offset;
  if (header.layer == Layer::kIpv4) Put16(header.offset + 2, size);
  if (header.layer == Layer::kIpv6) Put16(header.offset + 4, size - kIpv6Size);
  if (header.layer == Layer::kUdp) Put16(header.offset + 4, size);
}

// `ip` is the header before.
void Packet::FinishChecksum(const Header& header, const Header& ip) {
  std::size_t place, size = bytes_.size() - header.offset;
  Sum sum = 0;
  switch (header.layer) {
    case Layer::kIpv4:
      place = 10;
      size = kIpv4Size;
      break;
    case Layer::kUdp:
      place = 6;
      break;
    case Layer::kTcp:
      place = 16;
      break;
    case Layer::kIcmp:
      place = 2;
      break;
    default:
      return;
  }
  Put16(header.offset + place, 0);
  const bool is_ipv6 = ip.layer == Layer::kIpv6;
  if ((is_ipv6 || ip.layer == Layer::kIpv4) && header.layer != Layer::kIpv4 &&
      (is_ipv6 || header.layer != Layer::kIcmp)) {
    // The pseudo header: addresses, length, protocol.
    const std::size_t addresses = ip.offset + (is_ipv6 ? 8 : 12);
    sum = SumOf(&bytes_[addresses], is_ipv6 ? 32 : 8, sum);
    const uint8_t protocol = bytes_[ip.offset + (is_ipv6 ? 6 : 9)];
    const uint8_t rest[4] = {static_cast<uint8_t>(size >> 8),
                             static_cast<uint8_t>(size), 0, protocol};
    sum = SumOf(rest, sizeof rest, sum);
  }
  sum = SumOf(&bytes_[header.offset], size, sum);
  uint16_t checksum = static_cast<uint16_t>(~Fold(sum));
  if (checksum == 0 && header.layer == Layer::kUdp) checksum = 0xffff;
  std::memcpy(&bytes_[header.offset + place], &checksum, sizeof checksum);
}

}  // namespace bpfmap
