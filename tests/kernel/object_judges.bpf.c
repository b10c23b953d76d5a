// SPDX-License-Identifier: Apache-2.0
//
// Programs that run here and in the kernel, for object_judges_test.cc: with
// callbacks, functions of their own, locks, maps of maps, changes of packets.

// Headers of libbpf need the types of Linux.
// clang-format off
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

struct counter {
  struct bpf_spin_lock lock;
  __u64 hits;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, struct counter);
} counters SEC(".maps");

struct inner {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} first SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
  __uint(max_entries, 2);
  __type(key, __u32);
  __array(values, struct inner);
} outer SEC(".maps");

const volatile __u32 limit = 10;
__u32 calls;

static long add_index(__u32 index, void *sum) {
  *(__u64 *)sum += index;
  return index >= limit;
}

static long add_hits(void *map, __u32 *key, struct counter *counter,
                     void *sum) {
  *(__u64 *)sum += counter->hits * *key;
  return 0;
}

__noinline int twice(int number) {
  calls++;
  return 2 * number;
}

SEC("tc")
int loop(struct __sk_buff *ctx) {
  __u64 sum = 0;
  bpf_loop(ctx->mark, add_index, &sum, 0);
  return twice(sum);
}

SEC("tc")
int hit(struct __sk_buff *ctx) {
  __u32 key = ctx->mark;
  struct counter none = {}, *counter = bpf_map_lookup_elem(&counters, &key);
  if (!counter) {
    bpf_map_update_elem(&counters, &key, &none, BPF_NOEXIST);
    counter = bpf_map_lookup_elem(&counters, &key);
    if (!counter) return -1;
  }
  bpf_spin_lock(&counter->lock);
  counter->hits++;
  bpf_spin_unlock(&counter->lock);
  return 0;
}

SEC("tc")
int walk(struct __sk_buff *ctx) {
  __u64 sum = 0;
  bpf_for_each_map_elem(&counters, add_hits, &sum, 0);
  return sum;
}

SEC("tc")
int read_inner(struct __sk_buff *ctx) {
  __u32 key = ctx->mark, zero = 0, *value;
  void *inner = bpf_map_lookup_elem(&outer, &key);
  if (!inner) return -1;
  value = bpf_map_lookup_elem(inner, &zero);
  return value ? *value : -2;
}

// Takes one from the time to live.
SEC("tc")
int hop(struct __sk_buff *ctx) {
  __u8 ttl;
  if (bpf_skb_load_bytes(ctx, 22, &ttl, 1) || ttl <= 1) return 2;
  ttl--;
  bpf_l3_csum_replace(ctx, 24, bpf_htons((ttl + 1) << 8), bpf_htons(ttl << 8),
                      2);
  bpf_skb_store_bytes(ctx, 22, &ttl, 1, 0);
  return 0;
}

SEC("xdp")
int cut(struct xdp_md *ctx) {
  return bpf_xdp_adjust_tail(ctx, -4) ? XDP_ABORTED : XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
