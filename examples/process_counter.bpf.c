// SPDX-License-Identifier: Apache-2.0
//
// process_counter: counts the openat(2) calls of each process.
//
// The programs of process_counter_program.h, as the kernel runs them.

#include "examples/process_counter.h"

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_helpers.h>

#define COMM_LENGTH 16

// The members that are read of the kernel's structs, wherever it lies in them.
struct trace_event_raw_sys_enter {
  unsigned long args[6];
} __attribute__((preserve_access_index));

struct trace_event_raw_task_rename {
  char newcomm[COMM_LENGTH];
} __attribute__((preserve_access_index));

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 10240);
  __type(key, __u32);
  __type(value, struct openat_count);
} openat_counts SEC(".maps");

// Calls that could not be counted: the map is full.
__u64 dropped = 0;

SEC("tracepoint/syscalls/sys_enter_openat")
int on_openat(struct trace_event_raw_sys_enter *ctx) {
  __u32 pid = bpf_get_current_pid_tgid() >> 32;
  struct openat_count first = {}, *count;

  count = bpf_map_lookup_elem(&openat_counts, &pid);
  if (!count) {
    bpf_get_current_comm(first.comm, sizeof first.comm);
    // If another CPU was faster, its element serves as well.
    bpf_map_update_elem(&openat_counts, &pid, &first, BPF_NOEXIST);
    count = bpf_map_lookup_elem(&openat_counts, &pid);
    if (!count) {
      __sync_fetch_and_add(&dropped, 1);
      return 0;
    }
  }
  __sync_fetch_and_add(&count->calls, 1);
  return 0;
}

// A process that was counted under one name has run execve(2), and goes on
// under another.
SEC("tracepoint/task/task_rename")
int on_task_rename(struct trace_event_raw_task_rename *ctx) {
  __u64 id = bpf_get_current_pid_tgid();
  __u32 pid = id >> 32;
  struct openat_count *count;

  if ((__u32)id != pid) return 0;  // the name of another thread
  count = bpf_map_lookup_elem(&openat_counts, &pid);
  if (!count) return 0;
  bpf_probe_read_kernel_str(count->comm, sizeof count->comm, ctx->newcomm);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
