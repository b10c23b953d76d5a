// SPDX-License-Identifier: Apache-2.0
//
// The programs of program_bench. program_bench.cc has each of them in C++.

#include <linux/bpf.h>
// The helpers need its types.
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>

struct event {
  __u64 key;
  __u64 count;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} turns SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u64);
  __type(value, __u64);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u64);
  __type(value, __u64);
} latest SEC(".maps");

// Takes the events of 50,000 runs.
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 21);
} events SEC(".maps");

// FNV-1a over 1,024 bytes.
SEC("xdp")
int fnv(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data;
  void *data_end = (void *)(long)ctx->data_end;
  __u64 hash = 0xcbf29ce484222325;
  if ((void *)(data + 1024) > data_end) return XDP_ABORTED;
#pragma clang loop unroll(disable)
  for (int i = 0; i < 1024; ++i) hash = (hash ^ data[i]) * 0x100000001b3;
  return (int)(hash & 0x7fff);
}

// A lookup in an array, a lookup in a hash map, an update of another, an event
// in a ring.
SEC("xdp")
int map_heavy(struct xdp_md *ctx) {
  __u32 zero = 0;
  __u64 one = 1, key;
  __u64 *turn = bpf_map_lookup_elem(&turns, &zero);
  __u64 *count;
  struct event *event;
  if (!turn) return XDP_ABORTED;
  key = (*turn)++ & 511;
  count = bpf_map_lookup_elem(&counts, &key);
  if (count) {
    __sync_fetch_and_add(count, 1);
  } else {
    bpf_map_update_elem(&counts, &key, &one, BPF_ANY);
  }
  bpf_map_update_elem(&latest, &key, turn, BPF_ANY);
  event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (!event) return XDP_DROP;
  event->key = key;
  event->count = *turn;
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return XDP_PASS;
}

// The port that an IPv4 packet of TCP is for.
SEC("xdp")
int parse(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *data_end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = data + sizeof *eth;
  struct tcphdr *tcp;
  __u32 sum = 0;
  if (data + sizeof *eth + sizeof *ip > data_end) return XDP_ABORTED;
  if (eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  if (ip->version != 4 || ip->ihl < 5 || ip->protocol != IPPROTO_TCP) {
    return XDP_PASS;
  }
  tcp = data + sizeof *eth + ip->ihl * 4;
  if ((void *)(tcp + 1) > data_end) return XDP_ABORTED;
  for (int i = 0; i < 10; ++i) sum += ((__u16 *)ip)[i];
  sum = (sum & 0xffff) + (sum >> 16);
  return tcp->syn ? bpf_ntohs(tcp->dest) : (__u16)sum;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
