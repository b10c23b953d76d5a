// SPDX-License-Identifier: Apache-2.0
//
// Programs that ask whether they are under a cgroup.

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u32);
} cgroups SEC(".maps");

__u32 asked = 0;

SEC("raw_tp/sys_enter")
int of_task(void *ctx) {
  return bpf_current_task_under_cgroup(&cgroups, asked);
}

SEC("tc")
int of_packet(struct __sk_buff *skb) {
  return bpf_skb_under_cgroup(skb, &cgroups, asked);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
