// SPDX-License-Identifier: Apache-2.0
//
// Helpers that read, write and resize the packet of an skb or of XDP, and its
// checksums.

#include <algorithm>
#include <cstring>

#include "bpfmap/programs/checksum.h"
#include "bpfmap/programs/context.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/packet_view.h"
#include "bpfmap/programs/skb.h"

namespace bpfmap {
namespace {

constexpr std::size_t kEthernetHeader = 14;
constexpr uint32_t kXdpFrame = 40;  // what XDP keeps at the start of headroom
constexpr uint32_t kMostMeta = 255;

bool Within(uint64_t limit, uint64_t offset, uint64_t size) {
  return offset <= limit && size <= limit - offset;
}

// Reads and writes.

uint64_t SkbLoadBytes(HelperCall& call) {
  const PacketView* const packet = call.machine().packet();
  const uint32_t offset = call.word(2);
  const uint32_t size = call.word(4);
  if (packet == nullptr || offset > 0x7fffffff ||
      !Within(packet->size(), offset, size)) {
    std::memset(call.pointer(3), 0, size);
    return Minus(Errno::kFault);
  }
  std::memcpy(call.pointer(3), packet->data + offset, size);
  return 0;
}

// Relative to the MAC header (0) or the network header (1).
uint64_t SkbLoadBytesRelative(HelperCall& call) {
  const PacketView* const packet = call.machine().packet();
  const uint32_t offset = call.word(2);
  const uint32_t size = call.word(4);
  const uint8_t* const start =
      packet == nullptr ? nullptr : call.machine().HeaderAt(call.word(5));
  if (start == nullptr || offset > 0xffff ||
      !Within(static_cast<uint64_t>(packet->data_end - start), offset, size)) {
    std::memset(call.pointer(3), 0, size);
    return Minus(Errno::kFault);
  }
  std::memcpy(call.pointer(3), start + offset, size);
  return 0;
}

uint64_t SkbStoreBytes(HelperCall& call) {
  PacketView* const packet = call.machine().packet();
  const uint32_t offset = call.word(2);
  const uint32_t size = call.word(4);
  if ((call.number(5) & ~uint64_t{3}) != 0) return Minus(Errno::kInval);
  if (packet == nullptr || offset > 0x7fffffff ||
      !Within(packet->size(), offset, size)) {
    return Minus(Errno::kFault);
  }
  std::memmove(packet->data + offset, call.pointer(3), size);
  PacketMoved(call, "bpf_skb_store_bytes()");
  return 0;
}

uint64_t XdpGetBuffLen(HelperCall& call) {
  return call.machine().packet()->size();
}

Errno CheckXdp(const PacketView& packet, uint32_t offset, uint32_t size) {
  if (offset > 0xffff || size > 0xffff) return Errno::kFault;
  return Within(packet.size(), offset, size) ? Errno::kOk : Errno::kInval;
}

uint64_t XdpLoadBytes(HelperCall& call) {
  const PacketView& packet = *call.machine().packet();
  const Errno error = CheckXdp(packet, call.word(2), call.word(4));
  if (error != Errno::kOk) return Minus(error);
  std::memmove(call.pointer(3), packet.data + call.word(2), call.word(4));
  return 0;
}

uint64_t XdpStoreBytes(HelperCall& call) {
  const PacketView& packet = *call.machine().packet();
  const Errno error = CheckXdp(packet, call.word(2), call.word(4));
  if (error != Errno::kOk) return Minus(error);
  std::memmove(packet.data + call.word(2), call.pointer(3), call.word(4));
  return 0;
}

// Sizes.

uint64_t XdpAdjustHead(HelperCall& call) {
  PacketView& packet = *call.machine().packet();
  const int64_t offset = static_cast<int32_t>(call.number(2));
  const int64_t room = packet.meta - packet.begin;
  const int64_t size = static_cast<int64_t>(packet.size());
  if (offset < -(room - kXdpFrame) ||
      offset > size - static_cast<int64_t>(kEthernetHeader)) {
    return Minus(Errno::kInval);
  }
  std::memmove(packet.meta + offset, packet.meta, packet.meta_size());
  packet.meta += offset;
  packet.data += offset;
  PacketMoved(call, "bpf_xdp_adjust_head()");
  return 0;
}

uint64_t XdpAdjustTail(HelperCall& call) {
  PacketView& packet = *call.machine().packet();
  const int64_t offset = static_cast<int32_t>(call.number(2));
  if (offset > packet.end - packet.data_end ||
      static_cast<int64_t>(packet.size()) + offset <
          static_cast<int64_t>(kEthernetHeader)) {
    return Minus(Errno::kInval);
  }
  if (offset > 0) {
    std::memset(packet.data_end, 0, static_cast<std::size_t>(offset));
  }
  packet.data_end += offset;
  PacketMoved(call, "bpf_xdp_adjust_tail()");
  return 0;
}

uint64_t XdpAdjustMeta(HelperCall& call) {
  PacketView& packet = *call.machine().packet();
  const int64_t offset = static_cast<int32_t>(call.number(2));
  const int64_t size = static_cast<int64_t>(packet.meta_size()) - offset;
  if (offset < -(packet.meta - packet.begin - int64_t{kXdpFrame}) || size < 0) {
    return Minus(Errno::kInval);
  }
  if (size % 4 != 0 || size > kMostMeta) return Minus(Errno::kAcces);
  packet.meta += offset;
  PacketMoved(call, "bpf_xdp_adjust_meta()");
  return 0;
}

uint64_t SkbPullData(HelperCall& call) {
  const PacketView* const packet = call.machine().packet();
  if (packet == nullptr || call.word(2) > packet->size()) {
    return Minus(Errno::kNoMem);
  }
  PacketMoved(call, "bpf_skb_pull_data()");
  return 0;
}

uint64_t SkbChangeTail(HelperCall& call) {
  PacketView* const packet = call.machine().packet();
  const uint32_t size = call.word(2);
  if (packet == nullptr || call.number(3) != 0 ||
      packet->data + size < packet->network_header ||
      size > static_cast<uint64_t>(packet->end - packet->data)) {
    return Minus(Errno::kInval);
  }
  SkbContext& skb = SkbOf(call);
  if (IsEncapsulated(&skb) != 0) return Minus(Errno::kNotSupp);
  if (size > packet->size()) {
    std::memset(packet->data_end, 0, size - packet->size());
  }
  packet->data_end = packet->data + size;
  // It is one segment from now on.
  if (skb.gso_size != 0) skb.gso_size = skb.gso_segs = 0;
  PacketMoved(call, "bpf_skb_change_tail()");
  return 0;
}

uint64_t SkbChangeHead(HelperCall& call) {
  PacketView* const packet = call.machine().packet();
  const uint32_t room = call.word(2);
  if (packet == nullptr || call.number(3) != 0 || room > 0x7fffffff ||
      (SkbOf(call).gso_size == 0 && packet->size() + room > kLargestSkb)) {
    return Minus(Errno::kInval);
  }
  // An Ethernet header goes before what types of layer 3 see.
  if (room + kEthernetHeader >
      static_cast<uint64_t>(packet->data - packet->begin)) {
    return Minus(Errno::kNoMem);
  }
  PushBytes(packet, 0, room);
  packet->mac_header = packet->data;
  PacketMoved(call, "bpf_skb_change_head()");
  return 0;
}

// PACKET_HOST to PACKET_OTHERHOST, 0 to 3.
uint64_t SkbChangeType(HelperCall& call) {
  auto& skb = *static_cast<SkbContext*>(call.machine().input().context);
  if (call.word(2) > 3 || skb.pkt_type > 3) return Minus(Errno::kInval);
  skb.pkt_type = call.word(2);
  return 0;
}

// Between IPv4 and IPv6, whose headers differ by 20 bytes. The program
// writes the new header.
uint64_t SkbChangeProto(HelperCall& call) {
  PacketView* const packet = call.machine().packet();
  auto& skb = *static_cast<SkbContext*>(call.machine().input().context);
  const uint16_t from = static_cast<uint16_t>(skb.protocol);
  const uint16_t to = static_cast<uint16_t>(call.word(2));
  constexpr uint32_t kDifference = 20;
  const uint16_t ip4 = ToNetwork(0x0800);
  const uint16_t ip6 = ToNetwork(0x86dd);
  if (call.number(3) != 0) return Minus(Errno::kInval);
  if (packet == nullptr || packet->size() < kEthernetHeader) {
    return Minus(Errno::kNotSupp);
  }
  const std::size_t header =
      static_cast<std::size_t>(packet->network_header - packet->mac_header);
  if (from == ip4 && to == ip6) {
    if (!PushBytes(packet, header, kDifference)) return Minus(Errno::kNoMem);
    packet->mac_header -= kDifference;
    packet->network_header -= kDifference;
  } else if (from == ip6 && to == ip4) {
    if (packet->size() < header + kDifference) return Minus(Errno::kNoMem);
    PopBytes(packet, header, kDifference);
    packet->mac_header += kDifference;
    packet->network_header += kDifference;
  } else {
    return Minus(Errno::kNotSupp);
  }
  skb.protocol = to;
  PacketMoved(call, "bpf_skb_change_proto()");
  return 0;
}

// Checksums.

uint64_t CsumDiff(HelperCall& call) {
  const uint8_t* const from = call.pointer<const uint8_t>(1);
  const uint32_t from_size = call.word(2);
  const uint8_t* const to = call.pointer<const uint8_t>(3);
  const uint32_t to_size = call.word(4);
  const Sum seed = call.word(5);
  if (from_size == 0 && to_size == 0) return Fold(seed);
  if (to_size == 0) return Fold(~SumOf(from, from_size, ~seed));
  const Sum sum = SumOf(to, to_size, seed);
  if (from_size == 0) return Fold(sum);
  return Fold(AddSums(sum, ~SumOf(from, from_size, 0)));
}

// The checksum at `offset`, or null.
uint8_t* ChecksumAt(HelperCall& call, uint32_t offset) {
  PacketView* const packet = call.machine().packet();
  if (packet == nullptr || offset > 0xffff || offset % 2 != 0 ||
      !Within(packet->size(), offset, 2)) {
    return nullptr;
  }
  return packet->data + offset;
}

// Replaces `from` by `to` in *checksum, both of `size` bytes; false if there is
// no such size.
bool Replace(uint16_t* checksum, uint32_t size, uint64_t from, uint64_t to) {
  Sum sum = static_cast<uint16_t>(~*checksum);
  switch (size) {
    case 0:
      if (from != 0) return false;
      sum = AddSums(static_cast<Sum>(to), sum);
      break;
    case 2:
      sum = AddSums(sum, static_cast<uint16_t>(~from));
      sum = AddSums(sum, static_cast<uint16_t>(to));
      break;
    case 4:
      sum = AddSums(sum, ~static_cast<uint32_t>(from));
      sum = AddSums(sum, static_cast<uint32_t>(to));
      break;
    default:
      return false;
  }
  *checksum = static_cast<uint16_t>(~Fold(sum));
  return true;
}

constexpr uint64_t kFieldSize = 0xf;      // BPF_F_HDR_FIELD_MASK
constexpr uint64_t kPseudoHeader = 0x10;  // BPF_F_PSEUDO_HDR
constexpr uint64_t kMangledZero = 0x20;   // BPF_F_MARK_MANGLED_0
constexpr uint64_t kEnforce = 0x40;       // BPF_F_MARK_ENFORCE
constexpr uint64_t kIsIpv6 = 0x80;        // BPF_F_IPV6

uint64_t L3CsumReplace(HelperCall& call) {
  const uint64_t flags = call.number(5);
  if ((flags & ~kFieldSize) != 0) return Minus(Errno::kInval);
  uint8_t* const place = ChecksumAt(call, call.word(2));
  if (place == nullptr) return Minus(Errno::kFault);
  uint16_t checksum;
  std::memcpy(&checksum, place, sizeof checksum);
  if (!Replace(&checksum, flags & kFieldSize, call.number(3), call.number(4))) {
    return Minus(Errno::kInval);
  }
  std::memcpy(place, &checksum, sizeof checksum);
  PacketMoved(call, "bpf_l3_csum_replace()");
  return 0;
}

uint64_t L4CsumReplace(HelperCall& call) {
  const uint64_t flags = call.number(5);
  if ((flags & ~(kFieldSize | kPseudoHeader | kMangledZero | kEnforce |
                 kIsIpv6)) != 0) {
    return Minus(Errno::kInval);
  }
  uint8_t* const place = ChecksumAt(call, call.word(2));
  if (place == nullptr) return Minus(Errno::kFault);
  uint16_t checksum;
  std::memcpy(&checksum, place, sizeof checksum);
  const bool mangled = (flags & kMangledZero) != 0;
  if (mangled && (flags & kEnforce) == 0 && checksum == 0) {
    PacketMoved(call, "bpf_l4_csum_replace()");
    return 0;
  }
  if (!Replace(&checksum, flags & kFieldSize, call.number(3), call.number(4))) {
    return Minus(Errno::kInval);
  }
  if (mangled && checksum == 0) checksum = 0xffff;
  std::memcpy(place, &checksum, sizeof checksum);
  PacketMoved(call, "bpf_l4_csum_replace()");
  return 0;
}

// The packet has no checksum of the device's.
uint64_t CsumUpdate(HelperCall&) { return Minus(Errno::kNotSupp); }

// Nor has a device looked at any level: there is nothing to go up or down.
uint64_t CsumLevel(HelperCall& call) {
  constexpr uint64_t kQuery = 0, kReset = 3;
  if (call.number(2) > kReset) return Minus(Errno::kInval);
  return call.number(2) == kQuery ? Minus(Errno::kAcces) : 0;
}

uint64_t GetHashRecalc(HelperCall& call) {
  return static_cast<SkbContext*>(call.machine().input().context)->hash;
}
uint64_t SetHashInvalid(HelperCall& call) {
  static_cast<SkbContext*>(call.machine().input().context)->hash = 0;
  return 0;
}
uint64_t SetHash(HelperCall& call) {
  static_cast<SkbContext*>(call.machine().input().context)->hash = call.word(2);
  return 0;
}

constexpr ProgramTypes kTc{ProgramType::kSchedCls, ProgramType::kSchedAct};
constexpr ProgramTypes kSummers = kTc | ProgramTypes(ProgramType::kLwtXmit);
constexpr ProgramTypes kWriters = kSummers | ProgramTypes(ProgramType::kSkSkb);
constexpr ProgramTypes kLwt{ProgramType::kLwtIn, ProgramType::kLwtOut,
                            ProgramType::kLwtXmit, ProgramType::kLwtSeg6Local};
constexpr ProgramTypes kLoaders =
    kSkbTypes |
    ProgramTypes(ProgramType::kSkReuseport, ProgramType::kFlowDissector);
constexpr ProgramTypes kRelativeLoaders =
    kTc | ProgramTypes(ProgramType::kSocketFilter, ProgramType::kCgroupSkb,
                       ProgramType::kSkReuseport);
constexpr ProgramTypes kHashers = kTc | kLwt;
constexpr ProgramTypes kXdpOnly{ProgramType::kXdp};
constexpr ProgramTypes kPullers = kWriters | kLwt;
constexpr ProgramTypes kSums = kTc | kLwt | kXdpOnly;

#define BPFMAP_SKB(number, types, function, ...) \
  { number, HelperKind::kReal, false, {__VA_ARGS__}, function, types }

constexpr Helper kHelpers[] = {
    BPFMAP_SKB(26, kLoaders, SkbLoadBytes, Arg::kContext, Arg::kNumber,
               Arg::kOutMemory, Arg::kSize),
    BPFMAP_SKB(68, kRelativeLoaders, SkbLoadBytesRelative, Arg::kContext,
               Arg::kNumber, Arg::kOutMemory, Arg::kSize, Arg::kNumber),
    BPFMAP_SKB(9, kWriters, SkbStoreBytes, Arg::kContext, Arg::kNumber,
               Arg::kMemory, Arg::kSize, Arg::kNumber),
    BPFMAP_SKB(188, kXdpOnly, XdpGetBuffLen, Arg::kContext),
    BPFMAP_SKB(189, kXdpOnly, XdpLoadBytes, Arg::kContext, Arg::kNumber,
               Arg::kOutMemory, Arg::kSize),
    BPFMAP_SKB(190, kXdpOnly, XdpStoreBytes, Arg::kContext, Arg::kNumber,
               Arg::kMemory, Arg::kSize),
    BPFMAP_SKB(44, kXdpOnly, XdpAdjustHead, Arg::kContext, Arg::kNumber),
    BPFMAP_SKB(65, kXdpOnly, XdpAdjustTail, Arg::kContext, Arg::kNumber),
    BPFMAP_SKB(54, kXdpOnly, XdpAdjustMeta, Arg::kContext, Arg::kNumber),
    BPFMAP_SKB(39, kPullers, SkbPullData, Arg::kContext, Arg::kNumber),
    BPFMAP_SKB(38, kWriters, SkbChangeTail, Arg::kContext, Arg::kNumber,
               Arg::kNumber),
    BPFMAP_SKB(43, kWriters, SkbChangeHead, Arg::kContext, Arg::kNumber,
               Arg::kNumber),
    BPFMAP_SKB(32, kTc, SkbChangeType, Arg::kContext, Arg::kNumber),
    BPFMAP_SKB(31, kTc, SkbChangeProto, Arg::kContext, Arg::kNumber,
               Arg::kNumber),
    BPFMAP_SKB(28, kSums, CsumDiff, Arg::kMemoryOrNull, Arg::kSize,
               Arg::kMemoryOrNull, Arg::kSize, Arg::kNumber),
    BPFMAP_SKB(10, kSummers, L3CsumReplace, Arg::kContext, Arg::kNumber,
               Arg::kNumber, Arg::kNumber, Arg::kNumber),
    BPFMAP_SKB(11, kSummers, L4CsumReplace, Arg::kContext, Arg::kNumber,
               Arg::kNumber, Arg::kNumber, Arg::kNumber),
    BPFMAP_SKB(40, kSummers, CsumUpdate, Arg::kContext, Arg::kNumber),
    BPFMAP_SKB(135, kSummers, CsumLevel, Arg::kContext, Arg::kNumber),
    BPFMAP_SKB(34, kHashers, GetHashRecalc, Arg::kContext),
    BPFMAP_SKB(41, kSummers, SetHashInvalid, Arg::kContext),
    BPFMAP_SKB(48, kTc, SetHash, Arg::kContext, Arg::kNumber),
};

}  // namespace

std::span<const Helper> internal::PacketHelpers() { return kHelpers; }

}  // namespace bpfmap
