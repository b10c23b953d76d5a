// SPDX-License-Identifier: Apache-2.0
//
// race: five mistakes that programs make when two CPUs run them at once, and
// how each is repaired. race_test.cc finds them.

#include "examples/race.h"

#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} total SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16);
  __type(key, __u32);
  __type(value, __u64);
} flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} tokens SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct locked_account);
} accounts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_QUEUE);
  __uint(max_entries, 16);
  __type(value, __u64);
} events SEC(".maps");

__u64 next_event = 0;

static const __u32 zero = 0;

// Adds 1 by a load and a store: what another CPU adds between is lost.
SEC("xdp")
int lost_update(struct xdp_md *ctx) {
  __u64 *value = bpf_map_lookup_elem(&total, &zero);
  if (!value) return XDP_ABORTED;
  *value += 1;
  return XDP_PASS;
}

SEC("xdp")
int lost_update_repaired(struct xdp_md *ctx) {
  __u64 *value = bpf_map_lookup_elem(&total, &zero);
  if (!value) return XDP_ABORTED;
  __sync_fetch_and_add(value, 1);
  return XDP_PASS;
}

// Inserts what it did not find: it replaces what another CPU inserted.
SEC("xdp")
int check_then_insert(struct xdp_md *ctx) {
  const __u32 flow = 7;
  const __u64 first = 1;
  __u64 *count = bpf_map_lookup_elem(&flows, &flow);
  if (count) {
    __sync_fetch_and_add(count, 1);
  } else {
    bpf_map_update_elem(&flows, &flow, &first, BPF_ANY);
  }
  return XDP_PASS;
}

SEC("xdp")
int check_then_insert_repaired(struct xdp_md *ctx) {
  const __u32 flow = 7;
  const __u64 none = 0;
  __u64 *count = bpf_map_lookup_elem(&flows, &flow);
  if (!count) {
    bpf_map_update_elem(&flows, &flow, &none, BPF_NOEXIST);
    count = bpf_map_lookup_elem(&flows, &flow);
    if (!count) return XDP_ABORTED;
  }
  __sync_fetch_and_add(count, 1);
  return XDP_PASS;
}

// Looks at one map and changes another: two CPUs pass with the last token.
SEC("xdp")
int two_maps(struct xdp_md *ctx) {
  __u64 *left = bpf_map_lookup_elem(&tokens, &zero);
  __u64 *passed = bpf_map_lookup_elem(&total, &zero);
  if (!left || !passed) return XDP_ABORTED;
  if (*left == 0) return XDP_DROP;
  __sync_fetch_and_add(left, -1);
  __sync_fetch_and_add(passed, 1);
  return XDP_PASS;
}

// The token is taken, and given back if there was none.
SEC("xdp")
int two_maps_repaired(struct xdp_md *ctx) {
  __u64 *left = bpf_map_lookup_elem(&tokens, &zero);
  __u64 *passed = bpf_map_lookup_elem(&total, &zero);
  if (!left || !passed) return XDP_ABORTED;
  if ((__s64)__sync_fetch_and_add(left, -1) <= 0) {
    __sync_fetch_and_add(left, 1);
    return XDP_DROP;
  }
  __sync_fetch_and_add(passed, 1);
  return XDP_PASS;
}

// Writes two fields that belong together.
SEC("xdp")
int torn_write(struct xdp_md *ctx) {
  struct locked_account *account = bpf_map_lookup_elem(&accounts, &zero);
  if (!account) return XDP_ABORTED;
  account->account.packets = 1;
  account->account.bytes = 64;
  return XDP_PASS;
}

// Reads them: both or none must be there.
SEC("xdp")
int torn_read(struct xdp_md *ctx) {
  struct locked_account *account = bpf_map_lookup_elem(&accounts, &zero);
  if (!account) return XDP_ABORTED;
  __u64 packets = account->account.packets;
  __u64 bytes = account->account.bytes;
  return bytes == 64 * packets ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int torn_write_repaired(struct xdp_md *ctx) {
  struct locked_account *account = bpf_map_lookup_elem(&accounts, &zero);
  if (!account) return XDP_ABORTED;
  bpf_spin_lock(&account->lock);
  account->account.packets = 1;
  account->account.bytes = 64;
  bpf_spin_unlock(&account->lock);
  return XDP_PASS;
}

SEC("xdp")
int torn_read_repaired(struct xdp_md *ctx) {
  struct locked_account *account = bpf_map_lookup_elem(&accounts, &zero);
  if (!account) return XDP_ABORTED;
  bpf_spin_lock(&account->lock);
  __u64 packets = account->account.packets;
  __u64 bytes = account->account.bytes;
  bpf_spin_unlock(&account->lock);
  return bytes == 64 * packets ? XDP_PASS : XDP_DROP;
}

// Numbers events by a variable: two of them get one number.
SEC("xdp")
int same_number(struct xdp_md *ctx) {
  __u64 number = next_event++;
  bpf_map_push_elem(&events, &number, 0);
  return XDP_PASS;
}

SEC("xdp")
int same_number_repaired(struct xdp_md *ctx) {
  __u64 number = __sync_fetch_and_add(&next_event, 1);
  bpf_map_push_elem(&events, &number, 0);
  return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
