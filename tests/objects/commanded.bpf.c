// SPDX-License-Identifier: Apache-2.0
//
// Programs for bpftool. The kernel's verifier has nothing to rewrite in `adds`,
// so that its instructions are the same after the load.

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_helpers.h>

struct pair {
  __u32 runs;
  __s32 last;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, struct pair);
} pairs SEC(".maps");

const volatile __u32 step = 3;
__u64 sum = 40;

static __noinline int twice(int value) { return value * 2; }

SEC("socket")
int adds(struct __sk_buff *skb) {
  sum += step;
  return twice((int)sum);
}

// Exchanges the first two bytes.
SEC("xdp")
int swaps(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data;
  __u32 key = 1;
  struct pair *pair = bpf_map_lookup_elem(&pairs, &key);
  __u8 first;
  if (!pair || data + 2 > (__u8 *)(long)ctx->data_end) return XDP_DROP;
  first = data[0];
  data[0] = data[1];
  data[1] = first;
  pair->runs += 1;
  pair->last = -first;
  return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
