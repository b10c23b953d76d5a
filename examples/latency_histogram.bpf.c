// SPDX-License-Identifier: Apache-2.0
//
// latency_histogram: how long reads of files take, as a histogram.
//
// A probe at the start of vfs_read() remembers the time by thread; one at its
// end takes it, and goes on by a tail call to what counts such an end.

#include "examples/latency_histogram.h"

// Headers of libbpf need the types of Linux.
// clang-format off
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
// clang-format on

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, __u64);
} starts SEC(".maps");

// How long the call took that ends now, in ns: programs hand it on by this.
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} took_ns SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, LATENCY_SLOTS);
  __type(key, __u32);
  __type(value, __u64);
} latencies SEC(".maps");

enum outcome { OUTCOME_READ, OUTCOME_FAILED, OUTCOMES };

int on_success(struct pt_regs *ctx);
int on_failure(struct pt_regs *ctx);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, OUTCOMES);
  __uint(key_size, sizeof(__u32));
  __array(values, int(struct pt_regs *));
} outcomes SEC(".maps") = {.values = {
                               [OUTCOME_READ] = &on_success,
                               [OUTCOME_FAILED] = &on_failure,
                           }};

struct totals totals = {};
// Calls that found no room in `starts`.
__u64 lost = 0;

static __always_inline __u32 slot_of(__u64 ns) {
  __u64 us = ns / 1000;
  __u32 slot = 0;
#pragma unroll
  for (__u32 step = 32; step != 0; step /= 2) {
    if (us >> step) {
      us >>= step;
      slot += step;
    }
  }
  return slot < LATENCY_SLOTS ? slot : LATENCY_SLOTS - 1;
}

SEC("kprobe/vfs_read")
int on_start(struct pt_regs *ctx) {
  __u32 thread = (__u32)bpf_get_current_pid_tgid();
  __u64 now = bpf_ktime_get_ns();
  if (bpf_map_update_elem(&starts, &thread, &now, BPF_ANY)) {
    __sync_fetch_and_add(&lost, 1);
  }
  return 0;
}

SEC("kretprobe/vfs_read")
int on_end(struct pt_regs *ctx) {
  __u32 thread = (__u32)bpf_get_current_pid_tgid(), zero = 0;
  __u64 *start = bpf_map_lookup_elem(&starts, &thread);
  __u64 *took = bpf_map_lookup_elem(&took_ns, &zero);

  if (!start || !took) return 0;  // it began before the probes did
  *took = bpf_ktime_get_ns() - *start;
  bpf_map_delete_elem(&starts, &thread);
  bpf_tail_call(ctx, &outcomes,
                (long)PT_REGS_RC(ctx) < 0 ? OUTCOME_FAILED : OUTCOME_READ);
  return 0;
}

SEC("kretprobe")
int on_success(struct pt_regs *ctx) {
  __u32 zero = 0, slot;
  __u64 *took = bpf_map_lookup_elem(&took_ns, &zero), *count;

  if (!took) return 0;
  __sync_fetch_and_add(&totals.calls, 1);
  __sync_fetch_and_add(&totals.bytes, PT_REGS_RC(ctx));
  slot = slot_of(*took);
  count = bpf_map_lookup_elem(&latencies, &slot);
  if (count) __sync_fetch_and_add(count, 1);
  return 0;
}

SEC("kretprobe")
int on_failure(struct pt_regs *ctx) {
  __sync_fetch_and_add(&totals.failed, 1);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
