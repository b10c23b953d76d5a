// SPDX-License-Identifier: Apache-2.0
//
// runqlat: how long threads that could run wait for a CPU, as histograms: from
// when a thread wakes up, or loses its CPU while it could go on, until it runs.

#include "examples/tools/runqlat.h"

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>

#include "examples/tools/kernel_types.h"

#define TASK_RUNNING 0

// The command line.
const volatile __u32 group = GROUP_NONE;
const volatile bool only_cgroup = false;
const volatile bool in_milliseconds = false;
const volatile __u32 filter_process = 0;

// Waits that found no room.
__u64 lost = 0;

struct {
  __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} cgroups SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 10240);
  __type(key, __u32);    // the thread
  __type(value, __u64);  // since when it waits
} starts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 10240);
  __type(key, __u32);  // of the group
  __type(value, struct run_histogram);
} histograms SEC(".maps");

static const struct run_histogram no_histogram = {};

static __always_inline long state_of(struct task_struct *task) {
  struct task_struct___old *old = (void *)task;
  if (bpf_core_field_exists(task->__state)) return BPF_CORE_READ(task, __state);
  return BPF_CORE_READ(old, state);
}

static __always_inline void start(struct task_struct *task) {
  __u32 thread = BPF_CORE_READ(task, pid);
  __u64 now;
  // 0 is the idle thread, which every CPU has.
  if (!thread) return;
  if (filter_process && filter_process != BPF_CORE_READ(task, tgid)) return;
  now = bpf_ktime_get_ns();
  if (bpf_map_update_elem(&starts, &thread, &now, BPF_ANY)) {
    __sync_fetch_and_add(&lost, 1);
  }
}

static __always_inline __u32 key_of(struct task_struct *task) {
  switch (group) {
    case GROUP_PROCESS:
      return BPF_CORE_READ(task, tgid);
    case GROUP_THREAD:
      return BPF_CORE_READ(task, pid);
    case GROUP_PID_NAMESPACE:
      return BPF_CORE_READ(task, nsproxy, pid_ns_for_children, ns.inum);
    default:
      return 0;
  }
}

static __always_inline struct run_histogram *histogram_of(
    struct task_struct *task) {
  __u32 key = key_of(task);
  struct run_histogram *histogram = bpf_map_lookup_elem(&histograms, &key);
  if (histogram) return histogram;
  if (bpf_map_update_elem(&histograms, &key, &no_histogram, BPF_NOEXIST)) {
    return NULL;
  }
  histogram = bpf_map_lookup_elem(&histograms, &key);
  if (histogram) {
    BPF_CORE_READ_STR_INTO(&histogram->comm, task, comm);
  }
  return histogram;
}

static __always_inline void end(struct task_struct *task) {
  __u32 thread = BPF_CORE_READ(task, pid);
  __u64 *start = bpf_map_lookup_elem(&starts, &thread);
  struct run_histogram *histogram;
  __s64 waited;
  if (!start) return;
  waited = bpf_ktime_get_ns() - *start;
  if (waited >= 0) {
    histogram = histogram_of(task);
    if (histogram) {
      waited /= in_milliseconds ? 1000000U : 1000U;
      __sync_fetch_and_add(&histogram->slots[slot_of(waited)], 1);
    } else {
      __sync_fetch_and_add(&lost, 1);
    }
  }
  bpf_map_delete_elem(&starts, &thread);
}

static __always_inline bool is_wanted(void) {
  return !only_cgroup || bpf_current_task_under_cgroup(&cgroups, 0) == 1;
}

SEC("raw_tp/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task) {
  if (is_wanted()) start(task);
  return 0;
}

SEC("raw_tp/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task) {
  if (is_wanted()) start(task);
  return 0;
}

SEC("raw_tp/sched_switch")
int BPF_PROG(on_switch, bool is_preempted, struct task_struct *from,
             struct task_struct *to) {
  if (!is_wanted()) return 0;
  if (state_of(from) == TASK_RUNNING) start(from);
  end(to);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
