// SPDX-License-Identifier: Apache-2.0
//
// A program that counts its runs in the storage of its cgroup.

#include <linux/bpf.h>
// The next header needs the types of bpf.h.
#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
  __type(key, struct bpf_cgroup_storage_key);
  __type(value, __u64);
} shared SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
  __type(key, struct bpf_cgroup_storage_key);
  __type(value, __u32);
} each_cpu SEC(".maps");

__u64 seen_shared = 0;
__u32 seen_cpu = 0;

SEC("cgroup_skb/egress")
int count(struct __sk_buff *packet) {
  __u64 *of_all = bpf_get_local_storage(&shared, 0);
  __u32 *of_cpu = bpf_get_local_storage(&each_cpu, 0);
  *of_all += 1;
  *of_cpu += 10;
  seen_shared = *of_all;
  seen_cpu = *of_cpu;
  return 1;
}

char LICENSE[] SEC("license") = "GPL";
