// SPDX-License-Identifier: Apache-2.0
//
// xdp_edge: the first programs that a packet meets. They count packets by
// action and by VLAN, answer pings, refuse UDP packets to closed ports, and
// take tags off packets and put them on.
//
// Written as the lessons of xdp-tutorial are: a cursor that parses, counters
// for each CPU, packets that grow and shrink, checksums that are mended. libbpf
// fills the array of programs.

#include "examples/xdp_edge.h"

#include <stdbool.h>

#include "examples/packet_cursor.h"

enum { STAGE_ECHO, STAGE_REFUSE, STAGES };

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, ACTIONS);
  __type(key, __u32);
  __type(value, struct tally);
} actions SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 64);
  __type(key, __u16);
  __type(value, struct tally);
} vlans SEC(".maps");

// Ports of UDP that somebody listens on.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, __u16);
  __type(value, __u8);
} open_ports SEC(".maps");

int edge_echo(struct xdp_md *ctx);
int edge_refuse(struct xdp_md *ctx);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, STAGES);
  __uint(key_size, sizeof(__u32));
  __array(values, int(void *));
} stages SEC(".maps") = {
    .values = {[STAGE_ECHO] = (void *)&edge_echo,
               [STAGE_REFUSE] = (void *)&edge_refuse},
};

// Before the load: the tag of edge_tag, and the time to live of answers.
const volatile __u16 tag_vlan = 1;
const volatile __u8 answer_ttl = 64;
// At any time.
bool answers_pings = true;
// Counts of what happened.
__u64 echoes = 0;
__u64 refusals = 0;
__u64 malformed = 0;

static __always_inline void add(struct tally *tally, __u64 bytes) {
  // Nobody else is on this CPU.
  tally->packets += 1;
  tally->bytes += bytes;
}

static __always_inline int count_action(struct xdp_md *ctx, __u32 action) {
  struct tally *tally = bpf_map_lookup_elem(&actions, &action);
  if (!tally) return XDP_ABORTED;
  add(tally, ctx->data_end - ctx->data);
  return action;
}

static __noinline int count_vlan(__u16 vlan, __u64 bytes) {
  struct tally *tally = bpf_map_lookup_elem(&vlans, &vlan);
  if (tally) {
    add(tally, bytes);
    return 0;
  }
  struct tally first = {.packets = 1, .bytes = bytes};
  return bpf_map_update_elem(&vlans, &vlan, &first, BPF_NOEXIST);
}

static __always_inline struct cursor cursor_of(struct xdp_md *ctx) {
  struct cursor cursor = {.at = (void *)(long)ctx->data,
                          .end = (void *)(long)ctx->data_end};
  return cursor;
}

static __always_inline void swap_addresses(struct ethhdr *ethernet) {
  __u8 destination[ETH_ALEN];
  __builtin_memcpy(destination, ethernet->h_dest, ETH_ALEN);
  __builtin_memcpy(ethernet->h_dest, ethernet->h_source, ETH_ALEN);
  __builtin_memcpy(ethernet->h_source, destination, ETH_ALEN);
}

static __always_inline __u16 fold(__u64 sum) {
#pragma unroll
  for (int i = 0; i < 4; i++) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

// The checksum of a header in which 16 bits changed: RFC 1624.
static __always_inline __u16 mend(__u16 checksum, __u16 from, __u16 to) {
  return fold((__u64)(__u16)~checksum + (__u16)~from + to);
}

SEC("xdp")
int edge(struct xdp_md *ctx) {
  struct cursor cursor = cursor_of(ctx);
  __u64 bytes = ctx->data_end - ctx->data;
  __be16 type;
  __u16 vlan;

  if (!take_ethernet(&cursor, &type, &vlan)) {
    __sync_fetch_and_add(&malformed, 1);
    return count_action(ctx, XDP_DROP);
  }
  count_vlan(vlan, bytes);
  if (type == bpf_htons(ETH_P_IP)) {
    struct iphdr *ip = take_ipv4(&cursor);
    struct udphdr *udp;
    __u16 port;
    if (!ip) {
      __sync_fetch_and_add(&malformed, 1);
      return count_action(ctx, XDP_DROP);
    }
    if (is_later_fragment(ip)) return count_action(ctx, XDP_PASS);
    if (ip->protocol == IPPROTO_ICMP) {
      bpf_tail_call(ctx, &stages, STAGE_ECHO);
    } else if (ip->protocol == IPPROTO_UDP && (udp = take_udp(&cursor))) {
      port = bpf_ntohs(udp->dest);
      if (!bpf_map_lookup_elem(&open_ports, &port)) {
        bpf_tail_call(ctx, &stages, STAGE_REFUSE);
      }
    }
  } else if (type == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr *ip = take_ipv6(&cursor);
    if (ip && ip->nexthdr == IPPROTO_ICMPV6) {
      bpf_tail_call(ctx, &stages, STAGE_ECHO);
    }
  }
  return count_action(ctx, XDP_PASS);
}

// A ping comes back with its addresses exchanged, and whatever tags it has.
SEC("xdp")
int edge_echo(struct xdp_md *ctx) {
  struct cursor cursor = cursor_of(ctx);
  struct ethhdr *ethernet;
  struct icmp_header *icmp;
  __be16 type;
  __u16 vlan, before, after;
  __u8 answer;

  if (!answers_pings) return count_action(ctx, XDP_PASS);
  ethernet = take_ethernet(&cursor, &type, &vlan);
  if (!ethernet) return count_action(ctx, XDP_ABORTED);
  if (type == bpf_htons(ETH_P_IP)) {
    struct iphdr *ip = take_ipv4(&cursor);
    if (!ip) return count_action(ctx, XDP_ABORTED);
    icmp = take(&cursor, sizeof *icmp);
    if (!icmp || icmp->type != ICMP_ECHO_REQUEST)
      return count_action(ctx, XDP_PASS);
    answer = ICMP_ECHO_REPLY;
    __be32 source = ip->saddr;
    ip->saddr = ip->daddr;
    ip->daddr = source;
  } else {
    struct ipv6hdr *ip = take_ipv6(&cursor);
    struct in6_addr source;
    if (!ip) return count_action(ctx, XDP_ABORTED);
    icmp = take(&cursor, sizeof *icmp);
    if (!icmp || icmp->type != ICMP6_ECHO_REQUEST) {
      return count_action(ctx, XDP_PASS);
    }
    answer = ICMP6_ECHO_REPLY;
    source = ip->saddr;
    ip->saddr = ip->daddr;
    ip->daddr = source;
  }
  before = *(__u16 *)icmp;
  icmp->type = answer;
  after = *(__u16 *)icmp;
  icmp->checksum = mend(icmp->checksum, before, after);
  swap_addresses(ethernet);
  __sync_fetch_and_add(&echoes, 1);
  return count_action(ctx, XDP_TX);
}

// The quote in an ICMP message: the IP header and 8 bytes, here without
// options.
struct quote {
  struct iphdr ip;
  __u8 start[8];
};

struct icmp_error {
  struct icmp_header icmp;
  struct quote quote;
};

// "Port unreachable", in front of what it quotes; the rest is cut off.
SEC("xdp")
int edge_refuse(struct xdp_md *ctx) {
  const int head = sizeof(struct iphdr) + sizeof(struct icmp_header);
  struct cursor cursor = cursor_of(ctx);
  struct ethhdr *ethernet = take(&cursor, sizeof *ethernet), moved;
  struct quote *quote = take(&cursor, sizeof *quote);
  struct icmp_error *error;
  struct iphdr *ip;
  int tail;

  if (!ethernet || !quote || ethernet->h_proto != bpf_htons(ETH_P_IP) ||
      quote->ip.ihl != 5) {
    return count_action(ctx, XDP_PASS);
  }
  moved = *ethernet;
  swap_addresses(&moved);
  tail = (int)(cursor.at - cursor.end);
  if (bpf_xdp_adjust_head(ctx, -head) ||
      (tail < 0 && bpf_xdp_adjust_tail(ctx, tail))) {
    return count_action(ctx, XDP_ABORTED);
  }
  cursor = cursor_of(ctx);
  ethernet = take(&cursor, sizeof *ethernet);
  ip = take(&cursor, sizeof *ip);
  error = take(&cursor, sizeof *error);
  if (!ethernet || !ip || !error) return count_action(ctx, XDP_ABORTED);
  *ethernet = moved;
  __builtin_memset(ip, 0, head);
  ip->version = 4;
  ip->ihl = 5;
  ip->tot_len = bpf_htons(head + sizeof *quote);
  ip->ttl = answer_ttl;
  ip->protocol = IPPROTO_ICMP;
  ip->saddr = error->quote.ip.daddr;
  ip->daddr = error->quote.ip.saddr;
  error->icmp.type = ICMP_UNREACHABLE;
  error->icmp.code = ICMP_CODE_PORT;
  ip->check = fold(bpf_csum_diff(NULL, 0, (void *)ip, sizeof *ip, 0));
  error->icmp.checksum =
      fold(bpf_csum_diff(NULL, 0, (void *)error, sizeof *error, 0));
  __sync_fetch_and_add(&refusals, 1);
  return count_action(ctx, XDP_TX);
}

// Takes the outermost tag off, and leaves its id in front of the packet.
SEC("xdp")
int edge_untag(struct xdp_md *ctx) {
  struct cursor cursor = cursor_of(ctx);
  struct ethhdr *ethernet = take(&cursor, sizeof *ethernet), moved;
  struct vlan_tag *tag = take(&cursor, sizeof *tag);
  struct untagged *meta;
  __u32 vlan;

  if (!ethernet || !tag || ethernet->h_proto != bpf_htons(ETH_P_8021Q)) {
    return count_action(ctx, XDP_PASS);
  }
  moved = *ethernet;
  moved.h_proto = tag->type;
  vlan = bpf_ntohs(tag->tci) & VLAN_ID_MASK;
  if (bpf_xdp_adjust_head(ctx, sizeof *tag) ||
      bpf_xdp_adjust_meta(ctx, -(int)sizeof *meta)) {
    return count_action(ctx, XDP_ABORTED);
  }
  cursor = cursor_of(ctx);
  ethernet = take(&cursor, sizeof *ethernet);
  meta = (void *)(long)ctx->data_meta;
  if (!ethernet || (void *)(meta + 1) > (void *)(long)ctx->data) {
    return count_action(ctx, XDP_ABORTED);
  }
  *ethernet = moved;
  meta->vlan = vlan;
  return count_action(ctx, XDP_PASS);
}

SEC("xdp")
int edge_tag(struct xdp_md *ctx) {
  struct cursor cursor = cursor_of(ctx);
  struct ethhdr *ethernet = take(&cursor, sizeof *ethernet), moved;
  struct vlan_tag *tag;

  if (!ethernet) return count_action(ctx, XDP_DROP);
  moved = *ethernet;
  if (bpf_xdp_adjust_head(ctx, -(int)sizeof *tag)) {
    return count_action(ctx, XDP_ABORTED);
  }
  cursor = cursor_of(ctx);
  ethernet = take(&cursor, sizeof *ethernet);
  tag = take(&cursor, sizeof *tag);
  if (!ethernet || !tag) return count_action(ctx, XDP_ABORTED);
  tag->type = moved.h_proto;
  tag->tci = bpf_htons(tag_vlan & VLAN_ID_MASK);
  moved.h_proto = bpf_htons(ETH_P_8021Q);
  *ethernet = moved;
  return count_action(ctx, XDP_TX);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
