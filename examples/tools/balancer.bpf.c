// SPDX-License-Identifier: Apache-2.0
//
// balancer: an L4 load balancer in XDP. Packets for the address of a service go
// on to one of its backends within a packet of IP in IP (RFC 2003), which the
// backend answers to the client itself.
//
// A flow's hash chooses a place of the service's table, which user space fills
// so that few places change when a backend comes or goes (Eisenbud et al.,
// "Maglev", NSDI 2016). Flows that were seen keep their backend even then.

#include "examples/tools/balancer.h"

#include <stdbool.h>

#include "examples/packet_cursor.h"

#define TIME_TO_LIVE 64
#define LARGEST_PACKET 1514  // with the header of Ethernet

const volatile __be32 own_address = 0;  // the source of the outer packets

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, MOST_SERVICES);
  __type(key, struct service_key);
  __type(value, struct service_info);
} services SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MOST_SERVICES *RING_SIZE);
  __type(key, __u32);    // service * RING_SIZE + place
  __type(value, __u32);  // the backend
} rings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 256);
  __type(key, __u32);
  __type(value, struct backend);
} backends SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct balanced_flow);
  __type(value, __u32);  // the backend
} flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, MOST_SERVICES);
  __type(key, __u32);
  __type(value, struct service_count);
} counts SEC(".maps");

static __always_inline __u32 mix(__u32 hash, __u32 word) {
  hash ^= word;
  hash *= 0x9e3779b1;
  return hash ^ hash >> 15;
}

static __always_inline __u32 hash_of(const struct balanced_flow *flow,
                                     bool by_source) {
  __u32 hash = mix(0x1b873593, flow->source);
  if (by_source) return mix(hash, 0);
  hash = mix(hash, (__u32)flow->source_port << 16 | flow->destination_port);
  return mix(mix(hash, flow->destination), flow->protocol);
}

static __always_inline __sum16 checksum_of(const struct iphdr *ip) {
  const __u16 *words = (const __u16 *)ip;
  __u32 sum = 0;
#pragma unroll
  for (__u32 i = 0; i < sizeof *ip / 2; i++) sum += words[i];
  sum = (sum & 0xffff) + (sum >> 16);
  return ~((sum & 0xffff) + (sum >> 16));
}

// The backend of a flow, and whether it was chosen before.
static __always_inline __u32 choose(const struct balanced_flow *flow,
                                    const struct service_info *service,
                                    bool is_new, bool *remembered) {
  __u32 *known = is_new ? NULL : bpf_map_lookup_elem(&flows, flow);
  __u32 place, *chosen;
  if (known) {
    *remembered = true;
    return *known;
  }
  place =
      service->id * RING_SIZE + hash_of(flow, service->by_source) % RING_SIZE;
  chosen = bpf_map_lookup_elem(&rings, &place);
  if (!chosen) return 0;
  bpf_map_update_elem(&flows, flow, chosen, BPF_ANY);
  return *chosen;
}

// Puts the packet, which has `bytes` after its header of Ethernet, into
// another.
static __always_inline int encapsulate(struct xdp_md *ctx,
                                       const struct backend *backend,
                                       __u16 bytes) {
  struct iphdr outer = {
      .version = 4,
      .ihl = sizeof outer / 4,
      .tot_len = bpf_htons(bytes + sizeof outer),
      .frag_off = bpf_htons(0x4000),  // not to be cut
      .ttl = TIME_TO_LIVE,
      .protocol = IPPROTO_IPIP,
      .saddr = own_address,
      .daddr = backend->address,
  };
  struct cursor cursor;
  struct ethhdr *ethernet, *old;
  struct iphdr *ip;
  if (bpf_xdp_adjust_head(ctx, -(int)sizeof outer)) return XDP_DROP;
  cursor.at = (void *)(long)ctx->data;
  cursor.end = (void *)(long)ctx->data_end;
  ethernet = take(&cursor, sizeof *ethernet);
  ip = take(&cursor, sizeof *ip);
  old = (void *)ip + sizeof *ip - sizeof *old;
  if (!ethernet || !ip) return XDP_DROP;
  // The balancer's own address is the one that the packet came to.
  __builtin_memcpy(ethernet->h_source, old->h_dest, ETH_ALEN);
  __builtin_memcpy(ethernet->h_dest, backend->mac, ETH_ALEN);
  ethernet->h_proto = bpf_htons(ETH_P_IP);
  outer.check = checksum_of(&outer);
  *ip = outer;
  return XDP_TX;
}

// A ping of the address of a service is answered here.
static __always_inline int answer_echo(struct cursor *cursor,
                                       struct ethhdr *ethernet,
                                       struct iphdr *ip) {
  struct icmp_header *icmp = take(cursor, sizeof *icmp);
  struct service_key key = {.address = ip->daddr, .protocol = IPPROTO_ICMP};
  __u8 mac[ETH_ALEN];
  __u32 check;
  if (!icmp || icmp->type != ICMP_ECHO_REQUEST ||
      !bpf_map_lookup_elem(&services, &key)) {
    return XDP_PASS;
  }
  icmp->type = ICMP_ECHO_REPLY;
  check = icmp->checksum + bpf_htons(ICMP_ECHO_REQUEST << 8);
  icmp->checksum = check + (check >= 0xffff);
  ip->daddr = ip->saddr;
  ip->saddr = key.address;
  __builtin_memcpy(mac, ethernet->h_source, ETH_ALEN);
  __builtin_memcpy(ethernet->h_source, ethernet->h_dest, ETH_ALEN);
  __builtin_memcpy(ethernet->h_dest, mac, ETH_ALEN);
  return XDP_TX;
}

static __always_inline int balance(struct xdp_md *ctx,
                                   const struct balanced_flow *flow,
                                   bool is_new) {
  struct service_key key = {.address = flow->destination,
                            .port = flow->destination_port,
                            .protocol = flow->protocol};
  struct service_info *service = bpf_map_lookup_elem(&services, &key);
  struct service_count *count;
  struct backend *backend;
  bool remembered = false;
  __u32 bytes = ctx->data_end - ctx->data, number;
  if (!service) return XDP_PASS;
  count = bpf_map_lookup_elem(&counts, &service->id);
  if (!count) return XDP_DROP;
  count->packets += 1;
  count->bytes += bytes;
  number = choose(flow, service, is_new, &remembered);
  backend = bpf_map_lookup_elem(&backends, &number);
  if (!backend || !backend->address ||
      bytes + sizeof(struct iphdr) > LARGEST_PACKET) {
    count->dropped += 1;
    return XDP_DROP;
  }
  if (remembered) count->remembered += 1;
  return encapsulate(ctx, backend, bytes - sizeof(struct ethhdr));
}

SEC("xdp")
int balancer(struct xdp_md *ctx) {
  struct cursor cursor = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
  struct balanced_flow flow = {};
  struct ethhdr *ethernet = take(&cursor, sizeof *ethernet);
  struct iphdr *ip;
  struct tcphdr *tcp;
  struct udphdr *udp;
  if (!ethernet || ethernet->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  ip = take_ipv4(&cursor);
  if (!ip) return XDP_DROP;
  // Of a datagram in fragments, only the first one has ports.
  if (ip->frag_off & bpf_htons(0x3fff)) return XDP_PASS;
  flow.source = ip->saddr;
  flow.destination = ip->daddr;
  flow.protocol = ip->protocol;
  switch (ip->protocol) {
    case IPPROTO_ICMP:
      return answer_echo(&cursor, ethernet, ip);
    case IPPROTO_TCP:
      tcp = take_tcp(&cursor);
      if (!tcp) return XDP_DROP;
      flow.source_port = tcp->source;
      flow.destination_port = tcp->dest;
      return balance(ctx, &flow, tcp->syn);
    case IPPROTO_UDP:
      udp = take_udp(&cursor);
      if (!udp) return XDP_DROP;
      flow.source_port = udp->source;
      flow.destination_port = udp->dest;
      return balance(ctx, &flow, false);
    default:
      return XDP_PASS;
  }
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
