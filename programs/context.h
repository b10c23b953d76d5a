// SPDX-License-Identifier: Apache-2.0
//
// ContextLayout: what a program may read and write of its context, by type.
//
// Linux rewrites loads from a context, so that fields are not where a program
// sees them, and `data` is an address of 64 bits although the field has 32. The
// engine does the same with these tables.
//
// Source: <linux/bpf.h>, bpf-helpers(7); answers of Linux 6.18 to programs.

#ifndef BPFMAP_PROGRAMS_CONTEXT_H_
#define BPFMAP_PROGRAMS_CONTEXT_H_

#include <cstdint>
#include <span>

#include "bpfmap/programs/program_type.h"

namespace bpfmap {

enum class FieldHolds : uint8_t {
  kNumber,
  kPacket,      // data
  kPacketEnd,   // data_end
  kPacketMeta,  // data_meta
  kKernel,      // a pointer into the kernel, or a number: 8 bytes
  kFlowKeys,    // a pointer to struct bpf_flow_keys
};

struct ContextField {
  uint16_t offset;  // bytes
  uint16_t size;    // bytes
  bool writable;
  bool narrow;  // parts of 1, 2 or 4 bytes may be read
  FieldHolds holds;
  const char* name;
};

struct ContextLayout {
  const char* name;                      // "struct xdp_md"
  uint32_t size;                         // bytes; 0: as many as the run gives
  std::span<const ContextField> fields;  // in order
  // Without fields: any bytes may be read, and written if so; words of 8 bytes
  // are pointers of the kernel if so.
  bool writable = false;
  bool holds_pointers = false;

  // The field that has these bytes; null if there is none.
  const ContextField* FieldAt(uint64_t offset, uint64_t bytes) const;
};

const ContextLayout& ContextOf(ProgramType type);

// struct xdp_md.
struct XdpContext {
  uint32_t data, data_end, data_meta;
  uint32_t ingress_ifindex, rx_queue_index, egress_ifindex;
};
static_assert(sizeof(XdpContext) == 24);

// struct __sk_buff.
struct SkbContext {
  uint32_t len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci,
      vlan_proto, priority, ingress_ifindex, ifindex, tc_index, cb[5], hash,
      tc_classid, data, data_end, napi_id, family, remote_ip4, local_ip4,
      remote_ip6[4], local_ip6[4], remote_port, local_port, data_meta;
  uint64_t flow_keys, tstamp;
  uint32_t wire_len, gso_segs;
  uint64_t sk;
  uint32_t gso_size;
  uint8_t tstamp_type, unused[3];
  uint64_t hwtstamp;
};
static_assert(sizeof(SkbContext) == 192);

// struct sk_msg_md.
struct MsgContext {
  uint64_t data, data_end;
  uint32_t family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4],
      remote_port, local_port, size;
  uint64_t sk;
};
static_assert(sizeof(MsgContext) == 80);

// struct sk_reuseport_md.
struct ReuseportContext {
  uint64_t data, data_end;
  uint32_t len, eth_protocol, ip_protocol, bind_inany, hash, unused;
  uint64_t sk, migrating_sk;
};
static_assert(sizeof(ReuseportContext) == 56);

// struct bpf_flow_keys.
struct FlowKeys {
  uint16_t nhoff, thoff, addr_proto;
  uint8_t is_frag, is_first_frag, is_encap, ip_proto;
  uint16_t n_proto, sport, dport;
  uint8_t addresses[32];
  uint32_t flags, flow_label;
};
static_assert(sizeof(FlowKeys) == 56);

// struct bpf_sk_lookup.
struct SkLookupContext {
  uint64_t cookie;
  uint32_t family, protocol, remote_ip4, remote_ip6[4];
  uint32_t remote_port;  // 16 bits in network order, and 16 bits of zeros
  uint32_t local_ip4, local_ip6[4], local_port, ingress_ifindex;
};
static_assert(sizeof(SkLookupContext) == 72);

// Whether programs of this type may write to the packet through pointers.
constexpr bool MayWritePacket(ProgramType type) {
  return ProgramTypes(ProgramType::kXdp, ProgramType::kSchedCls,
                      ProgramType::kSchedAct, ProgramType::kLwtXmit,
                      ProgramType::kSkSkb, ProgramType::kSkMsg)
      .Has(type);
}

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_CONTEXT_H_
