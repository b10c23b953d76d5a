// SPDX-License-Identifier: Apache-2.0
//
// opensnoop: reports the files that processes open, by open(2), openat(2) and
// openat2(2), and how that ended.
//
// When the call begins only the pointer to the name is kept: the page that it
// points to may not be there yet. It is read when the call ends.

#include "examples/tools/opensnoop.h"

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <linux/openat2.h>
#include <stdbool.h>

#include "examples/tools/kernel_types.h"

#define ANY_USER ((__u32)-1)
#define CREATES 0100  // O_CREAT

// The command line.
const volatile __u32 filter_process = 0;
const volatile __u32 filter_thread = 0;
const volatile __u32 filter_user = ANY_USER;
const volatile bool only_failed = false;
// Names start with it; prefix_length is without its end.
const volatile char prefix[PREFIX_LENGTH] = "";
const volatile __u32 prefix_length = 0;

// Calls that found no room for their start, and whose name cannot be read.
__u64 lost = 0;
__u64 unreadable = 0;

struct start {
  const char *name;
  __u64 at;
  __u32 flags;
  __u32 mode;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);  // the thread
  __type(value, struct start);
} starts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u32));
} events SEC(".maps");

static __always_inline bool is_wanted(__u64 id) {
  if (filter_process && filter_process != id >> 32) return false;
  if (filter_thread && filter_thread != (__u32)id) return false;
  return filter_user == ANY_USER ||
         filter_user == (__u32)bpf_get_current_uid_gid();
}

static __always_inline bool has_prefix(const char *name) {
  for (__u32 i = 0; i < PREFIX_LENGTH && i < prefix_length; i++) {
    if (name[i] != prefix[i]) return false;
  }
  return true;
}

static __noinline int enter(const char *name, __u32 flags, __u32 mode) {
  __u64 id = bpf_get_current_pid_tgid();
  __u32 thread = (__u32)id;
  struct start start = {.name = name, .flags = flags};

  if (!is_wanted(id)) return 0;
  start.at = bpf_ktime_get_ns();
  // Calls that make no file leave the argument undefined.
  if (flags & CREATES) start.mode = mode;
  if (bpf_map_update_elem(&starts, &thread, &start, BPF_ANY)) {
    __sync_fetch_and_add(&lost, 1);
  }
  return 0;
}

static __always_inline int report(void *ctx, const struct start *start,
                                  int result) {
  struct open_event event = {};
  if (only_failed && result >= 0) return 0;
  if (bpf_probe_read_user_str(event.name, sizeof event.name, start->name) < 0) {
    __sync_fetch_and_add(&unreadable, 1);
  }
  if (!has_prefix(event.name)) return 0;
  event.took_ns = bpf_ktime_get_ns() - start->at;
  event.pid = bpf_get_current_pid_tgid() >> 32;
  event.uid = (__u32)bpf_get_current_uid_gid();
  event.result = result;
  event.flags = start->flags;
  event.mode = start->mode;
  bpf_get_current_comm(event.comm, sizeof event.comm);
  bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof event);
  return 0;
}

static __always_inline int leave(struct trace_event_raw_sys_exit *ctx) {
  __u32 thread = (__u32)bpf_get_current_pid_tgid();
  struct start *start = bpf_map_lookup_elem(&starts, &thread);
  if (!start) return 0;
  report(ctx, start, ctx->ret);
  bpf_map_delete_elem(&starts, &thread);
  return 0;
}

SEC("tracepoint/syscalls/sys_enter_open")
int enter_open(struct trace_event_raw_sys_enter *ctx) {
  return enter((const char *)ctx->args[0], ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_enter_openat")
int enter_openat(struct trace_event_raw_sys_enter *ctx) {
  return enter((const char *)ctx->args[1], ctx->args[2], ctx->args[3]);
}

SEC("tracepoint/syscalls/sys_enter_openat2")
int enter_openat2(struct trace_event_raw_sys_enter *ctx) {
  struct open_how how = {};
  bpf_probe_read_user(&how, sizeof how, (const void *)ctx->args[2]);
  return enter((const char *)ctx->args[1], how.flags, how.mode);
}

SEC("tracepoint/syscalls/sys_exit_open")
int exit_open(struct trace_event_raw_sys_exit *ctx) { return leave(ctx); }

SEC("tracepoint/syscalls/sys_exit_openat")
int exit_openat(struct trace_event_raw_sys_exit *ctx) { return leave(ctx); }

SEC("tracepoint/syscalls/sys_exit_openat2")
int exit_openat2(struct trace_event_raw_sys_exit *ctx) { return leave(ctx); }

char LICENSE[] SEC("license") = "Dual BSD/GPL";
