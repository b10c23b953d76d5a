// SPDX-License-Identifier: Apache-2.0
//
// execsnoop: reports calls of execve(2), with their arguments, their result and
// the parent of the process.
//
// Arguments are read when the call begins, for afterwards the memory that holds
// them is gone. The record waits in a map until the call ends, since it is too
// large for the stack.

#include "examples/tools/execsnoop.h"

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "examples/tools/kernel_types.h"

#define ANY_USER ((__u32)-1)

// The command line.
const volatile bool only_succeeded = true;
const volatile bool only_cgroup = false;
const volatile __u32 filter_user = ANY_USER;
const volatile __u32 most_arguments = MOST_ARGUMENTS;

// Calls that found no room for their record.
__u64 lost = 0;

static const struct exec_event no_event = {};

struct {
  __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} cgroups SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);  // the thread
  __type(value, struct exec_event);
} calls SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 18);
} events SEC(".maps");

static __always_inline bool is_wanted(__u32 user) {
  if (only_cgroup && bpf_current_task_under_cgroup(&cgroups, 0) != 1) {
    return false;
  }
  return filter_user == ANY_USER || filter_user == user;
}

// Appends the string at `from`. Returns false if there is no room for one more,
// or nothing at `from`.
static __always_inline bool append(struct exec_event *event, const char *from) {
  __u32 size = event->args_size;
  long length;
  if (size > ARGUMENTS_LENGTH - ARGUMENT_LENGTH) return false;
  length = bpf_probe_read_user_str(&event->args[size], ARGUMENT_LENGTH, from);
  if (length < 0) return false;
  event->args_size = size + length;
  return true;
}

static __always_inline void read_arguments(struct exec_event *event,
                                           const char *const *arguments) {
  for (__u32 i = 1; i < MOST_ARGUMENTS && i < most_arguments; i++) {
    const char *argument = NULL;
    if (bpf_probe_read_user(&argument, sizeof argument, &arguments[i])) return;
    if (!argument || !append(event, argument)) return;
    event->args_count++;
  }
  event->has_more_args = 1;
}

SEC("tracepoint/syscalls/sys_enter_execve")
int enter_execve(struct trace_event_raw_sys_enter *ctx) {
  __u64 id = bpf_get_current_pid_tgid();
  __u32 user = (__u32)bpf_get_current_uid_gid();
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  __u32 thread = (__u32)id;
  struct exec_event *event;

  if (!is_wanted(user)) return 0;
  if (bpf_map_update_elem(&calls, &thread, &no_event, BPF_ANY)) {
    __sync_fetch_and_add(&lost, 1);
    return 0;
  }
  event = bpf_map_lookup_elem(&calls, &thread);
  if (!event) return 0;
  event->pid = id >> 32;
  event->uid = user;
  event->ppid = BPF_CORE_READ(task, real_parent, tgid);
  if (append(event, (const char *)ctx->args[0])) {
    read_arguments(event, (const char *const *)ctx->args[1]);
  }
  return 0;
}

SEC("tracepoint/syscalls/sys_exit_execve")
int exit_execve(struct trace_event_raw_sys_exit *ctx) {
  __u32 thread = (__u32)bpf_get_current_pid_tgid();
  struct exec_event *event = bpf_map_lookup_elem(&calls, &thread);
  __u64 size;

  if (!event) return 0;
  event->result = ctx->ret;
  size = __builtin_offsetof(struct exec_event, args) + event->args_size;
  if ((!only_succeeded || event->result >= 0) && size <= sizeof *event) {
    // The name that the process has now is that of the new program.
    bpf_get_current_comm(event->comm, sizeof event->comm);
    if (bpf_ringbuf_output(&events, event, size, 0)) {
      __sync_fetch_and_add(&lost, 1);
    }
  }
  bpf_map_delete_elem(&calls, &thread);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
