// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/context.h"

#include <cstddef>

namespace bpfmap {
namespace {

constexpr ContextField Field(std::size_t offset, std::size_t size,
                             const char* name, bool writable = false,
                             bool narrow = true) {
  return {static_cast<uint16_t>(offset),
          static_cast<uint16_t>(size),
          writable,
          narrow,
          FieldHolds::kNumber,
          name};
}
constexpr ContextField Pointer(std::size_t offset, std::size_t size,
                               const char* name, FieldHolds holds) {
  return {static_cast<uint16_t>(offset),
          static_cast<uint16_t>(size),
          false,
          false,
          holds,
          name};
}

#define BPFMAP_FIELD(type, name, ...)             \
  Field(offsetof(type, name), sizeof(type::name), \
        #name __VA_OPT__(, ) __VA_ARGS__)
#define BPFMAP_POINTER(type, name, holds) \
  Pointer(offsetof(type, name), sizeof(type::name), #name, FieldHolds::holds)

constexpr ContextField kXdpFields[] = {
    BPFMAP_POINTER(XdpContext, data, kPacket),
    BPFMAP_POINTER(XdpContext, data_end, kPacketEnd),
    BPFMAP_POINTER(XdpContext, data_meta, kPacketMeta),
    BPFMAP_FIELD(XdpContext, ingress_ifindex, false, false),
    BPFMAP_FIELD(XdpContext, rx_queue_index, false, false),
};

// The fields that all skb types read; `W` where the traffic control types may
// write. Reads of the four fields with an array are by words.
#define BPFMAP_SKB_FIELDS(W, CB, MARK)                                         \
  BPFMAP_FIELD(SkbContext, len), BPFMAP_FIELD(SkbContext, pkt_type),           \
      BPFMAP_FIELD(SkbContext, mark, MARK),                                    \
      BPFMAP_FIELD(SkbContext, queue_mapping, W),                              \
      BPFMAP_FIELD(SkbContext, protocol),                                      \
      BPFMAP_FIELD(SkbContext, vlan_present),                                  \
      BPFMAP_FIELD(SkbContext, vlan_tci),                                      \
      BPFMAP_FIELD(SkbContext, vlan_proto),                                    \
      BPFMAP_FIELD(SkbContext, priority, MARK),                                \
      BPFMAP_FIELD(SkbContext, ingress_ifindex),                               \
      BPFMAP_FIELD(SkbContext, ifindex),                                       \
      BPFMAP_FIELD(SkbContext, tc_index, W), BPFMAP_FIELD(SkbContext, cb, CB), \
      BPFMAP_FIELD(SkbContext, hash)

// Fields that only programs of sockets and cgroups read.
#define BPFMAP_SKB_SOCKET                                 \
  BPFMAP_FIELD(SkbContext, family),                       \
      BPFMAP_FIELD(SkbContext, remote_ip4, false, false), \
      BPFMAP_FIELD(SkbContext, local_ip4, false, false),  \
      BPFMAP_FIELD(SkbContext, remote_ip6, false, false), \
      BPFMAP_FIELD(SkbContext, local_ip6, false, false),  \
      BPFMAP_FIELD(SkbContext, remote_port),              \
      BPFMAP_FIELD(SkbContext, local_port)

#define BPFMAP_SKB_DATA                      \
  BPFMAP_POINTER(SkbContext, data, kPacket), \
      BPFMAP_POINTER(SkbContext, data_end, kPacketEnd)

// Types without direct access to the packet.
constexpr ContextField kSocketFilterFields[] = {
    BPFMAP_SKB_FIELDS(false, true, false),
    BPFMAP_FIELD(SkbContext, napi_id),
    BPFMAP_FIELD(SkbContext, gso_segs),
    BPFMAP_POINTER(SkbContext, sk, kKernel),
    BPFMAP_FIELD(SkbContext, gso_size),
};

constexpr ContextField kTrafficControlFields[] = {
    BPFMAP_SKB_FIELDS(true, true, true),
    BPFMAP_FIELD(SkbContext, tc_classid, true),
    BPFMAP_SKB_DATA,
    BPFMAP_FIELD(SkbContext, napi_id),
    BPFMAP_POINTER(SkbContext, data_meta, kPacketMeta),
    BPFMAP_FIELD(SkbContext, tstamp, true, false),
    BPFMAP_FIELD(SkbContext, wire_len),
    BPFMAP_FIELD(SkbContext, gso_segs),
    BPFMAP_POINTER(SkbContext, sk, kKernel),
    BPFMAP_FIELD(SkbContext, gso_size),
    BPFMAP_FIELD(SkbContext, tstamp_type),
    BPFMAP_FIELD(SkbContext, hwtstamp, false, false),
};

constexpr ContextField kCgroupFields[] = {
    BPFMAP_SKB_FIELDS(false, true, true),
    BPFMAP_SKB_DATA,
    BPFMAP_FIELD(SkbContext, napi_id),
    BPFMAP_SKB_SOCKET,
    BPFMAP_FIELD(SkbContext, tstamp, true, false),
    BPFMAP_FIELD(SkbContext, gso_segs),
    BPFMAP_POINTER(SkbContext, sk, kKernel),
    BPFMAP_FIELD(SkbContext, gso_size),
    BPFMAP_FIELD(SkbContext, hwtstamp, false, false),
};

constexpr ContextField kLwtFields[] = {
    BPFMAP_SKB_FIELDS(false, true, true),    BPFMAP_SKB_DATA,
    BPFMAP_FIELD(SkbContext, napi_id),       BPFMAP_FIELD(SkbContext, gso_segs),
    BPFMAP_POINTER(SkbContext, sk, kKernel), BPFMAP_FIELD(SkbContext, gso_size),
};

// Offsets of struct __sk_buff are those of the flow dissector, too, which reads
// three fields.
constexpr ContextField kFlowDissectorFields[] = {
    BPFMAP_SKB_DATA,
    Pointer(offsetof(SkbContext, flow_keys), 8, "flow_keys",
            FieldHolds::kFlowKeys),
};

constexpr ContextField kSkLookupFields[] = {
    BPFMAP_POINTER(SkLookupContext, cookie, kKernel),
    BPFMAP_FIELD(SkLookupContext, family),
    BPFMAP_FIELD(SkLookupContext, protocol),
    BPFMAP_FIELD(SkLookupContext, remote_ip4),
    BPFMAP_FIELD(SkLookupContext, remote_ip6),
    BPFMAP_FIELD(SkLookupContext, remote_port),
    BPFMAP_FIELD(SkLookupContext, local_ip4),
    BPFMAP_FIELD(SkLookupContext, local_ip6),
    BPFMAP_FIELD(SkLookupContext, local_port),
    BPFMAP_FIELD(SkLookupContext, ingress_ifindex),
};

constexpr ContextField kMsgFields[] = {
    BPFMAP_POINTER(MsgContext, data, kPacket),
    BPFMAP_POINTER(MsgContext, data_end, kPacketEnd),
    BPFMAP_FIELD(MsgContext, family, false, false),
    BPFMAP_FIELD(MsgContext, remote_ip4, false, false),
    BPFMAP_FIELD(MsgContext, local_ip4, false, false),
    BPFMAP_FIELD(MsgContext, remote_ip6, false, false),
    BPFMAP_FIELD(MsgContext, local_ip6, false, false),
    BPFMAP_FIELD(MsgContext, remote_port, false, false),
    BPFMAP_FIELD(MsgContext, local_port, false, false),
    BPFMAP_FIELD(MsgContext, size, false, false),
    BPFMAP_POINTER(MsgContext, sk, kKernel),
};

constexpr ContextField kReuseportFields[] = {
    BPFMAP_POINTER(ReuseportContext, data, kPacket),
    BPFMAP_POINTER(ReuseportContext, data_end, kPacketEnd),
    BPFMAP_FIELD(ReuseportContext, len),
    BPFMAP_FIELD(ReuseportContext, eth_protocol),
    BPFMAP_FIELD(ReuseportContext, ip_protocol),
    BPFMAP_FIELD(ReuseportContext, bind_inany),
    BPFMAP_FIELD(ReuseportContext, hash, false, false),
    BPFMAP_POINTER(ReuseportContext, sk, kKernel),
    BPFMAP_POINTER(ReuseportContext, migrating_sk, kKernel),
};

constexpr ContextLayout kXdp = {"struct xdp_md", sizeof(XdpContext),
                                kXdpFields};
constexpr ContextLayout kSocketFilter = {"struct __sk_buff", sizeof(SkbContext),
                                         kSocketFilterFields};
constexpr ContextLayout kTrafficControl = {
    "struct __sk_buff", sizeof(SkbContext), kTrafficControlFields};
constexpr ContextLayout kCgroup = {"struct __sk_buff", sizeof(SkbContext),
                                   kCgroupFields};
constexpr ContextLayout kLwt = {"struct __sk_buff", sizeof(SkbContext),
                                kLwtFields};
constexpr ContextLayout kFlowDissector = {
    "struct __sk_buff", sizeof(SkbContext), kFlowDissectorFields};
constexpr ContextLayout kSkLookup = {"struct bpf_sk_lookup",
                                     sizeof(SkLookupContext), kSkLookupFields};
constexpr ContextLayout kMsg = {"struct sk_msg_md", sizeof(MsgContext),
                                kMsgFields};
constexpr ContextLayout kReuseport = {
    "struct sk_reuseport_md", sizeof(ReuseportContext), kReuseportFields};
constexpr ContextLayout kArguments = {
    "the arguments", 0, {}, /*writable=*/false, /*holds_pointers=*/true};
constexpr ContextLayout kReadOnly = {"the context", 0, {}};
constexpr ContextLayout kWritable = {"the context", 0, {}, /*writable=*/true};

}  // namespace

const ContextField* ContextLayout::FieldAt(uint64_t offset,
                                           uint64_t bytes) const {
  for (const ContextField& field : fields) {
    if (offset >= field.offset &&
        offset + bytes <= uint64_t{field.offset} + field.size) {
      return &field;
    }
  }
  return nullptr;
}

const ContextLayout& ContextOf(ProgramType type) {
  switch (type) {
    case ProgramType::kXdp:
      return kXdp;
    case ProgramType::kSocketFilter:
      return kSocketFilter;
    case ProgramType::kSchedCls:
    case ProgramType::kSchedAct:
    case ProgramType::kSkSkb:
      return kTrafficControl;
    case ProgramType::kCgroupSkb:
      return kCgroup;
    case ProgramType::kLwtIn:
    case ProgramType::kLwtOut:
    case ProgramType::kLwtXmit:
    case ProgramType::kLwtSeg6Local:
      return kLwt;
    case ProgramType::kFlowDissector:
      return kFlowDissector;
    case ProgramType::kSkLookup:
      return kSkLookup;
    case ProgramType::kSkMsg:
      return kMsg;
    case ProgramType::kSkReuseport:
      return kReuseport;
    case ProgramType::kRawTracepoint:
    case ProgramType::kRawTracepointWritable:
    case ProgramType::kTracing:
    case ProgramType::kLsm:
    case ProgramType::kStructOps:
    case ProgramType::kNetfilter:
      return kArguments;
    case ProgramType::kSyscall:
    case ProgramType::kSockOps:
    case ProgramType::kCgroupSockAddr:
    case ProgramType::kCgroupSock:
    case ProgramType::kCgroupSockopt:
    case ProgramType::kCgroupSysctl:
    case ProgramType::kUnspec:
      return kWritable;
    default:
      return kReadOnly;
  }
}

}  // namespace bpfmap
