// SPDX-License-Identifier: Apache-2.0
//
// Helpers that put packets into others, and take them out: VLAN tags, room for
// headers, marks of congestion.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "bpfmap/programs/checksum.h"
#include "bpfmap/programs/context.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/skb.h"

namespace bpfmap {
namespace {

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kAddresses = 12;  // the two of an Ethernet frame
constexpr std::size_t kTag = 4;
constexpr uint32_t kIpv4Header = 20, kIpv6Header = 40;
constexpr uint16_t kIpv4 = ToNetwork(0x0800), kIpv6 = ToNetwork(0x86dd);
constexpr uint16_t kVlan = ToNetwork(0x8100), kServiceVlan = ToNetwork(0x88a8);

bool IsVlan(uint32_t protocol) {
  return protocol == kVlan || protocol == kServiceVlan;
}

// The tag of an skb lies beside the packet, as network cards deliver it.
void SetTag(SkbContext* skb, uint16_t protocol, uint16_t tag) {
  skb->vlan_proto = protocol;
  skb->vlan_tci = tag;
  skb->vlan_present = protocol != 0 || tag != 0 ? 1 : 0;
}

// Pushes a tag; one that is there already goes into the packet.
uint64_t SkbVlanPush(HelperCall& call) {
  PacketView* const packet = call.machine().packet();
  SkbContext& skb = SkbOf(call);
  uint16_t protocol = static_cast<uint16_t>(call.word(2));
  if (!IsVlan(protocol)) protocol = kVlan;
  if (skb.vlan_present != 0) {
    if (!PushBytes(packet, kAddresses, kTag)) return Minus(Errno::kNoMem);
    packet->mac_header = packet->data;
    packet->network_header -= kTag;
    const uint16_t old = static_cast<uint16_t>(skb.vlan_proto);
    const uint16_t tag = ToNetwork(static_cast<uint16_t>(skb.vlan_tci));
    std::memcpy(packet->data + kAddresses, &old, sizeof old);
    std::memcpy(packet->data + kAddresses + 2, &tag, sizeof tag);
    skb.protocol = old;
  }
  SetTag(&skb, protocol, static_cast<uint16_t>(call.word(3)));
  PacketMoved(call, "bpf_skb_vlan_push()");
  return 0;
}

// Takes the first tag out of the packet.
//   ENOMEM  the packet is shorter than a frame with a tag
Errno PopTag(PacketView* packet, SkbContext* skb, uint16_t* tag) {
  if (packet->size() < kEthernetHeader + kTag) return Errno::kNoMem;
  std::memcpy(tag, packet->data + kEthernetHeader, sizeof *tag);
  *tag = ToNetwork(*tag);
  uint16_t protocol;
  std::memcpy(&protocol, packet->data + kEthernetHeader + 2, sizeof protocol);
  constexpr uint16_t kSmallestType = 0x0600;
  if (ToNetwork(protocol) < kSmallestType) {
    uint16_t raw = 0;
    if (packet->size() >= kEthernetHeader + kTag + 2) {
      std::memcpy(&raw, packet->data + kEthernetHeader + kTag, sizeof raw);
    }
    protocol = ToNetwork(raw == 0xffff ? 0x0001 : 0x0004);
  }
  skb->protocol = protocol;
  PopBytes(packet, kAddresses, kTag);
  packet->mac_header = packet->data;
  if (packet->network_header < packet->data + kEthernetHeader) {
    packet->network_header = packet->data + kEthernetHeader;
  }
  return Errno::kOk;
}

// Pops a tag; the next one comes out of the packet.
uint64_t SkbVlanPop(HelperCall& call) {
  PacketView* const packet = call.machine().packet();
  SkbContext& skb = SkbOf(call);
  uint16_t tag = 0;
  Errno error = Errno::kOk;
  if (skb.vlan_present != 0) {
    SetTag(&skb, 0, 0);
  } else if (IsVlan(skb.protocol)) {
    error = PopTag(packet, &skb, &tag);
  }
  if (error == Errno::kOk && IsVlan(skb.protocol)) {
    const uint16_t protocol = static_cast<uint16_t>(skb.protocol);
    error = PopTag(packet, &skb, &tag);
    if (error == Errno::kOk) SetTag(&skb, protocol, tag);
  }
  PacketMoved(call, "bpf_skb_vlan_pop()");
  return Minus(error);
}

// Room for headers.

constexpr uint64_t kFixedGso = 1;
constexpr uint64_t kEncapIpv4 = 2, kEncapIpv6 = 4;
constexpr uint64_t kEncapGre = 8, kEncapUdp = 0x10;
constexpr uint64_t kNoChecksumReset = 0x20;
constexpr uint64_t kEncapEthernet = 0x40;
constexpr uint64_t kDecapIpv4 = 0x80, kDecapIpv6 = 0x100;
constexpr uint64_t kEncapLength = uint64_t{0xff} << 56;
constexpr uint64_t kEncapL3 = kEncapIpv4 | kEncapIpv6;
constexpr uint64_t kEncapL4 = kEncapGre | kEncapUdp;
constexpr uint64_t kDecapL3 = kDecapIpv4 | kDecapIpv6;
constexpr uint64_t kRoomFlags = kFixedGso | kEncapL3 | kEncapL4 |
                                kNoChecksumReset | kEncapEthernet | kDecapL3 |
                                kEncapLength;
constexpr uint32_t kRoomForNet = 0, kRoomForMac = 1;  // BPF_ADJ_ROOM_*

uint32_t HeaderOf(uint32_t protocol) {
  return protocol == kIpv4 ? kIpv4Header : kIpv6Header;
}

constexpr int kAlready = 114;  // EALREADY

// Linux asks this too, where flags say that another packet is put around it.
uint64_t CheckEncapsulation(SkbContext* skb, uint32_t size, uint64_t flags) {
  if ((flags & kEncapL3) == kEncapL3 || (flags & kEncapL4) == kEncapL4) {
    return Minus(Errno::kInval);
  }
  const uint64_t inner_mac = flags >> 56;
  if ((flags & kEncapEthernet) != 0 && inner_mac < kEthernetHeader) {
    return Minus(Errno::kInval);
  }
  if (IsEncapsulated(skb) != 0) return Minus(kAlready);
  return inner_mac > size ? Minus(Errno::kInval) : 0;
}

uint64_t Grow(HelperCall& call, std::size_t offset, uint32_t size,
              uint64_t flags) {
  PacketView* const packet = call.machine().packet();
  SkbContext& skb = SkbOf(call);
  const bool encapsulates = (flags & kEncapL3) != 0;
  if (skb.gso_size != 0) return Minus(Errno::kNotSupp);  // it is not TCP's
  if (encapsulates) {
    const uint64_t error = CheckEncapsulation(&skb, size, flags);
    if (error != 0) return error;
  }
  if (!PushBytes(packet, offset, size)) return Minus(Errno::kNoMem);
  packet->mac_header -= size;
  packet->network_header -= size;
  if (encapsulates) IsEncapsulated(&skb) = 1;
  if ((flags & kEncapIpv4) != 0) skb.protocol = kIpv4;
  if ((flags & kEncapIpv6) != 0) skb.protocol = kIpv6;
  return 0;
}

uint64_t Shrink(HelperCall& call, std::size_t offset, uint32_t size,
                uint64_t flags) {
  PacketView* const packet = call.machine().packet();
  SkbContext& skb = SkbOf(call);
  constexpr uint64_t kAllowed = kFixedGso | kDecapL3 | kNoChecksumReset;
  if ((flags & ~kAllowed) != 0) return Minus(Errno::kInval);
  if (skb.gso_size != 0) return Minus(Errno::kNotSupp);
  if (packet->size() < offset + size) return Minus(Errno::kNoMem);
  PopBytes(packet, offset, size);
  packet->mac_header += size;
  packet->network_header += size;
  if ((flags & kDecapIpv4) != 0) skb.protocol = kIpv4;
  if ((flags & kDecapIpv6) != 0) skb.protocol = kIpv6;
  return 0;
}

// In Linux's order.
uint64_t SkbAdjustRoom(HelperCall& call) {
  PacketView* const packet = call.machine().packet();
  SkbContext& skb = SkbOf(call);
  const int32_t difference = static_cast<int32_t>(call.word(2));
  const uint32_t mode = call.word(3);
  const uint64_t flags = call.number(4);
  const uint32_t size = static_cast<uint32_t>(std::abs(int64_t{difference}));
  const bool shrinks = difference < 0;
  if ((flags & ~kRoomFlags) != 0) return Minus(Errno::kInval);
  if (size > 0xfff) return Minus(Errno::kFault);
  if (skb.protocol != kIpv4 && skb.protocol != kIpv6) {
    return Minus(Errno::kNotSupp);
  }
  if (mode != kRoomForNet && mode != kRoomForMac) return Minus(Errno::kNotSupp);
  uint32_t least = HeaderOf(skb.protocol);
  const std::size_t offset =
      static_cast<std::size_t>(packet->network_header - packet->mac_header) +
      (mode == kRoomForNet ? least : 0);
  if ((flags & kDecapL3) != 0) {
    if (!shrinks || (flags & kDecapL3) == kDecapL3) return Minus(Errno::kInval);
    least = (flags & kDecapIpv4) != 0 ? kIpv4Header : kIpv6Header;
  }
  const uint32_t now =
      static_cast<uint32_t>(packet->data_end - packet->network_header);
  if (shrinks ? size >= now || now - size < least
              : packet->size() + size > kLargestSkb && skb.gso_size == 0) {
    return Minus(Errno::kNotSupp);
  }
  const uint64_t result = shrinks ? Shrink(call, offset, size, flags)
                                  : Grow(call, offset, size, flags);
  PacketMoved(call, "bpf_skb_adjust_room()");
  return result;
}

// The protocol that VLAN tags in the packet are before; 0: the packet ends.
uint32_t ProtocolAfterTags(const SkbContext& skb, const PacketView& packet) {
  uint16_t protocol = static_cast<uint16_t>(skb.protocol);
  constexpr int kMostTags = 8;
  const uint8_t* at = packet.network_header;
  for (int tags = 0; IsVlan(protocol); ++tags, at += kTag) {
    if (tags == kMostTags || packet.data_end - at < int{kTag}) return 0;
    std::memcpy(&protocol, at + 2, sizeof protocol);
  }
  return protocol;
}

// Congestion: marks an IP header that allows it. Returns whether it is marked.
// As on Linux, the header is taken to be where the network header is, even with
// tags in the packet.
uint64_t SkbEcnSetCe(HelperCall& call) {
  PacketView* const packet = call.machine().packet();
  constexpr uint8_t kMask = 3, kMarked = 3;
  const uint32_t protocol = ProtocolAfterTags(SkbOf(call), *packet);
  uint8_t* const header = packet->network_header;
  const std::size_t size = static_cast<std::size_t>(packet->data_end - header);
  if (protocol != kIpv4 && protocol != kIpv6) return 0;
  if (size < HeaderOf(protocol)) return 0;
  PacketMoved(call, "bpf_skb_ecn_set_ce()");
  if (protocol == kIpv6) {
    const uint8_t mark = header[1] >> 4 & kMask;
    if (mark == 0) return 0;
    header[1] = static_cast<uint8_t>(header[1] | kMarked << 4);
    return 1;
  }
  const uint8_t mark = header[1] & kMask;
  if (mark == 0) return 0;
  if (mark == kMarked) return 1;
  // The sum of the header grows by what the mark adds.
  uint16_t checksum;
  std::memcpy(&checksum, header + 10, sizeof checksum);
  const uint16_t change = ToNetwork(static_cast<uint16_t>(0xfffc + mark));
  checksum = static_cast<uint16_t>(checksum + change);
  if (checksum < change) ++checksum;
  std::memcpy(header + 10, &checksum, sizeof checksum);
  header[1] = static_cast<uint8_t>(header[1] | kMarked);
  return 1;
}

// Of one of three clocks; the last two tell when to send, so not 0.
uint64_t SkbSetTstamp(HelperCall& call) {
  SkbContext& skb = SkbOf(call);
  constexpr uint32_t kRealtime = 0, kTai = 2;  // BPF_SKB_CLOCK_*
  const uint64_t time = call.number(2);
  const uint32_t clock = call.word(3);
  if (skb.protocol != kIpv4 && skb.protocol != kIpv6) {
    return Minus(Errno::kOpNotSupp);
  }
  if (clock > kTai || (clock != kRealtime && time == 0)) {
    return Minus(Errno::kInval);
  }
  skb.tstamp = time;
  skb.tstamp_type = static_cast<uint8_t>(clock);
  return 0;
}

constexpr ProgramTypes kTc{ProgramType::kSchedCls, ProgramType::kSchedAct};
constexpr ProgramTypes kEcn = kTc | ProgramTypes(ProgramType::kCgroupSkb);
constexpr ProgramTypes kRoom = kTc | ProgramTypes(ProgramType::kSkSkb);

#define BPFMAP_TUNNEL(number, kind, types, function, ...) \
  { number, HelperKind::kind, false, {__VA_ARGS__}, function, types }

constexpr Helper kHelpers[] = {
    BPFMAP_TUNNEL(18, kReal, kTc, SkbVlanPush, Arg::kContext, Arg::kNumber,
                  Arg::kNumber),
    BPFMAP_TUNNEL(19, kReal, kTc, SkbVlanPop, Arg::kContext),
    BPFMAP_TUNNEL(50, kReal, kRoom, SkbAdjustRoom, Arg::kContext, Arg::kNumber,
                  Arg::kNumber, Arg::kNumber),
    BPFMAP_TUNNEL(97, kReal, kEcn, SkbEcnSetCe, Arg::kContext),
    BPFMAP_TUNNEL(192, kReal, kTc, SkbSetTstamp, Arg::kContext, Arg::kNumber,
                  Arg::kNumber),
};

}  // namespace

std::span<const Helper> internal::TunnelHelpers() { return kHelpers; }

}  // namespace bpfmap
