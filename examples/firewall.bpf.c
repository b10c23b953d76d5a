// SPDX-License-Identifier: Apache-2.0
//
// firewall: drops packets of addresses that a rule blocks for a time, and of
// those that send more packets in a second than `burst`, counts, and reports
// what it dropped.

#include "examples/firewall.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#define SECOND 1000000000ULL

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __be32);
  __type(value, struct rule);
} rules SEC(".maps");

struct rate {
  __u64 second;  // since when `packets` is counted, in seconds
  __u64 packets;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, __be32);
  __type(value, struct rate);
} rates SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 5);
  __type(key, __u32);
  __type(value, __u64);
} verdicts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

// Packets of one address in a second; 0: any number.
const volatile __u32 burst = 0;
// Reports that found no room.
__u64 lost_events = 0;

static __always_inline int count(int verdict) {
  __u32 key = verdict;
  __u64 *packets = bpf_map_lookup_elem(&verdicts, &key);
  if (packets) *packets += 1;
  return verdict;
}

static __noinline int drop(__be32 source, __u32 bytes, __u32 reason) {
  struct event *event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (!event) {
    __sync_fetch_and_add(&lost_events, 1);
    return count(XDP_DROP);
  }
  event->source = source;
  event->bytes = bytes;
  event->reason = reason;
  bpf_ringbuf_submit(event, 0);
  return count(XDP_DROP);
}

static __noinline int is_too_many(__be32 source, __u64 now) {
  struct rate first = {.second = now / SECOND, .packets = 1};
  struct rate *rate = bpf_map_lookup_elem(&rates, &source);
  if (!rate || rate->second != first.second) {
    bpf_map_update_elem(&rates, &source, &first, BPF_ANY);
    return 0;
  }
  return __sync_fetch_and_add(&rate->packets, 1) >= burst;
}

SEC("xdp")
int xdp_firewall(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *data_end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  __u64 now = bpf_ktime_get_ns();
  struct rule *rule;
  __be32 source;

  if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP)) {
    return count(XDP_PASS);
  }
  source = ip->saddr;
  rule = bpf_map_lookup_elem(&rules, &source);
  if (rule && now < rule->until_ns) {
    return drop(source, data_end - data, REASON_BLOCKED);
  }
  if (burst && is_too_many(source, now)) {
    return drop(source, data_end - data, REASON_TOO_MANY);
  }
  return count(XDP_PASS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
