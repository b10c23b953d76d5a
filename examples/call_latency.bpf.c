// SPDX-License-Identifier: Apache-2.0
//
// call_latency: how long system calls take, as a histogram for each; which of
// them fail, and with what; and an event for each that is slow.
//
// Written as bcc's libbpf-tools are: what the command line says is constant, so
// that the verifier removes what is not asked for; a start is remembered by
// thread; a value that is too large for the stack is made in a map.

#include "examples/call_latency.h"

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#define MAX_ERRNO 4095

// The command line.
const volatile __u32 filter_process = 0;
const volatile __u32 filter_call = -1;
const volatile bool only_failed = false;
const volatile bool in_milliseconds = false;
const volatile __u64 slow_ns = 1000000;
// A test has its own clock: `now`.
const volatile bool has_own_clock = false;

__u64 now = 0;
// Calls that began before the first program ran, or found no room.
__u64 unknown = 0;
__u64 lost = 0;
// The text of summarize.
char line[LINE_LENGTH];

struct start {
  __u64 at;
  __u32 call;
  __u32 padding;  // 0: a map copies it, too
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, struct start);
} starts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 512);
  __type(key, __u32);
  __type(value, struct call);
} calls SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 512);
  __type(key, struct failure);
  __type(value, __u64);
} failures SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct call);
} scratch SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

static __always_inline __u64 clock(void) {
  return has_own_clock ? now : bpf_ktime_get_ns();
}

// The number of bits after the first that is set; 0 of 0.
static __always_inline __u32 log2_of(__u64 value) {
  __u32 bits = 0;
#pragma unroll
  for (__u32 step = 32; step != 0; step /= 2) {
    if (value >> step) {
      value >>= step;
      bits += step;
    }
  }
  return bits;
}

static __always_inline bool is_wanted(__u64 id) {
  return !filter_process || filter_process == id >> 32;
}

// The value of a call, which is made if there is none.
static __noinline struct call *call_of(__u32 number) {
  struct call *call = bpf_map_lookup_elem(&calls, &number);
  __u32 first = 0;
  if (call) return call;
  call = bpf_map_lookup_elem(&scratch, &first);
  if (!call) return NULL;
  __builtin_memset(call, 0, sizeof *call);
  bpf_map_update_elem(&calls, &number, call, BPF_NOEXIST);
  return bpf_map_lookup_elem(&calls, &number);
}

static __always_inline void count_failure(__u32 number, __u32 error) {
  struct failure key = {.call = number, .error = error};
  __u64 one = 1, *count = bpf_map_lookup_elem(&failures, &key);
  if (count) {
    __sync_fetch_and_add(count, 1);
  } else {
    bpf_map_update_elem(&failures, &key, &one, BPF_ANY);
  }
}

static __always_inline void report(__u32 number, __s64 result, __u64 took) {
  struct event *event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  __u64 id = bpf_get_current_pid_tgid();
  if (!event) {
    __sync_fetch_and_add(&lost, 1);
    return;
  }
  event->duration_ns = took;
  event->result = result;
  event->process = id >> 32;
  event->thread = (__u32)id;
  event->call = number;
  bpf_get_current_comm(event->comm, sizeof event->comm);
  bpf_ringbuf_submit(event, 0);
}

// args: struct pt_regs *regs, long number.
SEC("raw_tp/sys_enter")
int enter(struct bpf_raw_tracepoint_args *ctx) {
  __u64 id = bpf_get_current_pid_tgid();
  __u32 thread = (__u32)id;
  struct start start = {.at = clock(), .call = (__u32)ctx->args[1]};

  if (!is_wanted(id)) return 0;
  if (filter_call != (__u32)-1 && filter_call != start.call) return 0;
  if (bpf_map_update_elem(&starts, &thread, &start, BPF_ANY)) {
    __sync_fetch_and_add(&lost, 1);
  }
  return 0;
}

// args: struct pt_regs *regs, long result.
SEC("raw_tp/sys_exit")
int leave(struct bpf_raw_tracepoint_args *ctx) {
  __u64 id = bpf_get_current_pid_tgid();
  __u32 thread = (__u32)id, number, slot;
  __s64 result = ctx->args[1];
  bool failed = result < 0 && result >= -MAX_ERRNO;
  struct start *start;
  struct call *call;
  __u64 took;

  if (!is_wanted(id)) return 0;
  start = bpf_map_lookup_elem(&starts, &thread);
  if (!start) {
    __sync_fetch_and_add(&unknown, 1);
    return 0;
  }
  number = start->call;
  took = clock() - start->at;
  bpf_map_delete_elem(&starts, &thread);
  if (only_failed && !failed) return 0;
  call = call_of(number);
  if (!call) return 0;
  __sync_fetch_and_add(&call->count, 1);
  __sync_fetch_and_add(&call->total_ns, took);
  slot = log2_of(took / (in_milliseconds ? 1000000 : 1000));
  if (slot >= SLOTS) slot = SLOTS - 1;
  __sync_fetch_and_add(&call->slots[slot], 1);
  if (failed) {
    __sync_fetch_and_add(&call->failed, 1);
    count_failure(number, -result);
  }
  if (took >= slow_ns) report(number, result, took);
  return 0;
}

// A thread that ends in a call does not come back from it.
SEC("raw_tp/sched_process_exit")
int forget(struct bpf_raw_tracepoint_args *ctx) {
  __u32 thread = (__u32)bpf_get_current_pid_tgid();
  bpf_map_delete_elem(&starts, &thread);
  return 0;
}

struct slowest {
  struct summary *summary;
  __u64 mean;
};

static long look_at(void *map, const void *key, struct call *call,
                    struct slowest *slowest) {
  __u64 mean = call->count ? call->total_ns / call->count : 0;
  slowest->summary->calls += 1;
  slowest->summary->count += call->count;
  if (mean > slowest->mean) {
    slowest->mean = mean;
    slowest->summary->slowest = *(const __u32 *)key;
  }
  return 0;
}

struct walk {
  const struct call *call;
  __u64 left;  // calls that end before the one that is looked for
  __u32 slot;
};

static long step_over(__u32 i, struct walk *walk) {
  if (i >= SLOTS) return 1;
  walk->slot = i;
  if (walk->call->slots[i] > walk->left) return 1;
  walk->left -= walk->call->slots[i];
  return 0;
}

// Returns the length of the line, with its 0; -ENOENT: there were no calls.
SEC("syscall")
int summarize(struct summary *summary) {
  static const char format[] = "%d calls, %llu in all, call %d: 2^%d %s";
  struct slowest slowest = {.summary = summary};
  struct walk walk = {};
  __u64 values[5];
  struct call *call;
  __u32 number;

  summary->calls = 0;
  summary->count = 0;
  bpf_for_each_map_elem(&calls, look_at, &slowest, 0);
  number = summary->slowest;
  call = bpf_map_lookup_elem(&calls, &number);
  if (!call) return -2;
  walk.call = call;
  walk.left = call->count * summary->percent / 100;
  bpf_loop(SLOTS, step_over, &walk, 0);
  summary->slot = walk.slot;
  values[0] = summary->calls;
  values[1] = summary->count;
  values[2] = number;
  values[3] = walk.slot;
  values[4] = (__u64)(in_milliseconds ? "ms" : "us");
  return bpf_snprintf(line, sizeof line, format, values, sizeof values);
}

char LICENSE[] SEC("license") = "GPL";
