/* SPDX-License-Identifier: Apache-2.0
 *
 * For BPF programs: a cursor takes the headers of a packet, one by one. Each
 * take_*() checks that the header lies in the packet, returns it, and moves the
 * cursor to what is after it; NULL: the packet ends before.
 */

#ifndef BPFMAP_EXAMPLES_PACKET_CURSOR_H_
#define BPFMAP_EXAMPLES_PACKET_CURSOR_H_

#include <linux/bpf.h>
/* The next headers need the types of bpf.h. */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

/* Tags after each other, which a packet of a provider has at most. */
#define MAX_TAGS 2

struct cursor {
  void *at;
  void *end;
};

struct vlan_tag {
  __be16 tci; /* 3 bits priority, 1 bit, 12 bits id */
  __be16 type;
};

#define VLAN_ID_MASK 0x0fff

/* ICMP and ICMPv6. Linux's headers of them need those of a C library. */
struct icmp_header {
  __u8 type;
  __u8 code;
  __sum16 checksum;
  __be32 rest;
};

enum {
  ICMP_ECHO_REPLY = 0,
  ICMP_UNREACHABLE = 3,
  ICMP_ECHO_REQUEST = 8,
  ICMP6_ECHO_REQUEST = 128,
  ICMP6_ECHO_REPLY = 129,
};

#define ICMP_CODE_PORT 3

static __always_inline void *take(struct cursor *cursor, __u32 size) {
  void *header = cursor->at;
  if (header + size > cursor->end) return NULL;
  cursor->at = header + size;
  return header;
}

/* *type is the type of what is after the tags. *vlan is the id of the outermost
 * tag, 0 if there is none.
 */
static __always_inline struct ethhdr *take_ethernet(struct cursor *cursor,
                                                    __be16 *type, __u16 *vlan) {
  struct ethhdr *ethernet = take(cursor, sizeof *ethernet);
  if (!ethernet) return NULL;
  *type = ethernet->h_proto;
  *vlan = 0;
#pragma unroll
  for (int i = 0; i < MAX_TAGS; i++) {
    struct vlan_tag *tag;
    if (*type != bpf_htons(ETH_P_8021Q) && *type != bpf_htons(ETH_P_8021AD)) {
      break;
    }
    tag = take(cursor, sizeof *tag);
    if (!tag) return NULL;
    if (i == 0) *vlan = bpf_ntohs(tag->tci) & VLAN_ID_MASK;
    *type = tag->type;
  }
  return ethernet;
}

/* With its options. Fragments after the first have no header of a protocol. */
static __always_inline struct iphdr *take_ipv4(struct cursor *cursor) {
  struct iphdr *ip = take(cursor, sizeof *ip);
  if (!ip || ip->version != 4 || ip->ihl < 5) return NULL;
  if (!take(cursor, ip->ihl * 4 - sizeof *ip)) return NULL;
  return ip;
}

static __always_inline int is_later_fragment(const struct iphdr *ip) {
  return (ip->frag_off & bpf_htons(0x1fff)) != 0;
}

/* Without extension headers. */
static __always_inline struct ipv6hdr *take_ipv6(struct cursor *cursor) {
  struct ipv6hdr *ip = take(cursor, sizeof *ip);
  return ip && ip->version == 6 ? ip : NULL;
}

static __always_inline struct udphdr *take_udp(struct cursor *cursor) {
  return take(cursor, sizeof(struct udphdr));
}

/* Without its options. */
static __always_inline struct tcphdr *take_tcp(struct cursor *cursor) {
  return take(cursor, sizeof(struct tcphdr));
}

#endif /* BPFMAP_EXAMPLES_PACKET_CURSOR_H_ */
