// SPDX-License-Identifier: Apache-2.0
//
// A program that asks for all that bpfmap_world.h steers.

#include "syscall/world_calls.h"

#include <linux/bpf.h>
// The next header needs the types of bpf.h.
#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} runs SEC(".maps");

struct seen seen = {};

SEC("raw_tp/sys_enter")
int look(struct bpf_raw_tracepoint_args *ctx) {
  __u32 zero = 0;
  __u64 one = 1, *count = bpf_map_lookup_elem(&runs, &zero);

  if (count) *count += 1;
  seen.now = bpf_ktime_get_ns();
  seen.pid_tgid = bpf_get_current_pid_tgid();
  seen.uid_gid = bpf_get_current_uid_gid();
  seen.cgroup = bpf_get_current_cgroup_id();
  seen.random = bpf_get_prandom_u32();
  seen.cpu = bpf_get_smp_processor_id();
  seen.update = bpf_map_update_elem(&counts, &zero, &one, BPF_ANY);
  seen.read = bpf_probe_read_user_str(seen.text, sizeof seen.text,
                                      (const void *)ctx->args[0]);
  bpf_get_current_comm(seen.comm, sizeof seen.comm);
  bpf_printk("run on %d", seen.cpu);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
