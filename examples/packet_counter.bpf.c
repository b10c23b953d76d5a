// SPDX-License-Identifier: Apache-2.0
//
// packet_counter: counts packets and bytes by protocol and port, drops what a
// rule says, and reports what it dropped.
//
// An ordinary program for XDP, written with libbpf: it has global variables of
// all three kinds, functions of its own, a tail call, and four kinds of maps.

#include "examples/packet_counter.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, struct service);
  __type(value, struct traffic);
} services SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 256);
  __type(key, __u32);
  __type(value, __u64);
} protocols SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} drops SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u32);
} stages SEC(".maps");

// The user sets this before the program is loaded.
const volatile __u16 blocked_port = 0;
// It may change this at any time.
__u32 smallest_payload = 1;
// The program tells this.
__u64 packets = 0;
__u64 bytes = 0;

// Returns the offset of what is after the IP header; 0 if there is none.
static __noinline __u32 parse_ip(struct xdp_md *ctx, struct service *service) {
  void *data = (void *)(long)ctx->data;
  void *data_end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > data_end) return 0;
  if (eth->h_proto != bpf_htons(ETH_P_IP)) return 0;
  if (ip->version != 4 || ip->ihl < 5) return 0;
  service->protocol = ip->protocol;
  return sizeof *eth + ip->ihl * 4;
}

static __noinline int parse_port(struct xdp_md *ctx, __u32 offset,
                                 struct service *service) {
  void *data = (void *)(long)ctx->data;
  void *data_end = (void *)(long)ctx->data_end;
  if (offset > 74) return -1;
  if (service->protocol == IPPROTO_UDP) {
    struct udphdr *udp = data + offset;
    if ((void *)(udp + 1) > data_end) return -1;
    service->port = bpf_ntohs(udp->dest);
    return bpf_ntohs(udp->len) - (int)sizeof *udp;
  }
  if (service->protocol == IPPROTO_TCP) {
    struct tcphdr *tcp = data + offset;
    if ((void *)(tcp + 1) > data_end) return -1;
    service->port = bpf_ntohs(tcp->dest);
    return (int)(data_end - (void *)tcp) - tcp->doff * 4;
  }
  return -1;
}

static __always_inline void count(const struct service *service, __u64 size) {
  struct traffic *traffic = bpf_map_lookup_elem(&services, service);
  if (!traffic) {
    struct traffic none = {};
    bpf_map_update_elem(&services, service, &none, BPF_NOEXIST);
    traffic = bpf_map_lookup_elem(&services, service);
    if (!traffic) return;
  }
  __sync_fetch_and_add(&traffic->packets, 1);
  __sync_fetch_and_add(&traffic->bytes, size);
}

SEC("xdp")
int packet_counter(struct xdp_md *ctx) {
  struct service service = {};
  __u64 size = ctx->data_end - ctx->data;
  __u32 offset, protocol;
  __u64 *seen;
  int payload;

  __sync_fetch_and_add(&packets, 1);
  __sync_fetch_and_add(&bytes, size);
  offset = parse_ip(ctx, &service);
  if (!offset) return XDP_PASS;
  protocol = service.protocol;
  seen = bpf_map_lookup_elem(&protocols, &protocol);
  if (seen) *seen += 1;
  payload = parse_port(ctx, offset, &service);
  if (payload < 0) return XDP_PASS;
  count(&service, size);
  if ((__u32)payload < smallest_payload) return XDP_PASS;
  bpf_tail_call(ctx, &stages, STAGE_RULES);
  // There are no rules.
  return XDP_PASS;
}

SEC("xdp")
int packet_rules(struct xdp_md *ctx) {
  struct service service = {};
  struct drop *drop;
  __u32 offset = parse_ip(ctx, &service);
  if (!offset || parse_port(ctx, offset, &service) < 0) return XDP_ABORTED;
  if (!blocked_port || service.port != blocked_port) return XDP_PASS;
  drop = bpf_ringbuf_reserve(&drops, sizeof *drop, 0);
  if (drop) {
    drop->service = service;
    drop->size = (__u32)(ctx->data_end - ctx->data);
    bpf_ringbuf_submit(drop, 0);
  }
  return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
