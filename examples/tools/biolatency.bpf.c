// SPDX-License-Identifier: Apache-2.0
//
// biolatency: how long block devices take for a request, as histograms: from
// when it is issued to the device, or from when it is queued, until it is
// complete.

#include "examples/tools/biolatency.h"

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>

#include "examples/tools/kernel_types.h"

#define MINOR_BITS 20

// The command line.
const volatile bool with_queue = false;
const volatile bool by_disk = false;
const volatile bool by_flags = false;
const volatile bool in_milliseconds = false;
const volatile __u32 filter_device = 0;  // 0: any

// Requests that found no room, and that ended before they began.
__u64 lost = 0;
__u64 backwards = 0;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 10240);
  __type(key, __u64);  // the request, by its address
  __type(value, __u64);
} starts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct io_kind);
  __type(value, struct io_histogram);
} histograms SEC(".maps");

static const struct io_histogram no_histogram = {};

static __always_inline struct gendisk *disk_of(struct request *request) {
  struct request___old *old = (void *)request;
  if (bpf_core_field_exists(old->rq_disk)) {
    return BPF_CORE_READ(old, rq_disk);
  }
  return BPF_CORE_READ(request, q, disk);
}

static __always_inline __u32 device_of(struct request *request) {
  struct gendisk *disk = disk_of(request);
  __u32 major, minor;
  if (!disk) return 0;
  major = BPF_CORE_READ(disk, major);
  minor = BPF_CORE_READ(disk, first_minor);
  return major << MINOR_BITS | minor;
}

static __always_inline int start(struct request *request) {
  __u64 key = (__u64)request, now;
  if (filter_device && filter_device != device_of(request)) return 0;
  now = bpf_ktime_get_ns();
  if (bpf_map_update_elem(&starts, &key, &now, BPF_ANY)) {
    __sync_fetch_and_add(&lost, 1);
  }
  return 0;
}

static __always_inline struct io_histogram *histogram_of(
    struct request *request) {
  struct io_histogram *histogram;
  struct io_kind kind = {};
  if (by_disk) kind.device = device_of(request);
  if (by_flags) kind.flags = request->cmd_flags;
  histogram = bpf_map_lookup_elem(&histograms, &kind);
  if (histogram) return histogram;
  // Another CPU may have been faster, which is as well.
  bpf_map_update_elem(&histograms, &kind, &no_histogram, BPF_NOEXIST);
  return bpf_map_lookup_elem(&histograms, &kind);
}

static __always_inline void count(struct request *request, __s64 took) {
  struct io_histogram *histogram;
  if (took < 0) {
    __sync_fetch_and_add(&backwards, 1);
    return;
  }
  took /= in_milliseconds ? 1000000U : 1000U;
  histogram = histogram_of(request);
  if (!histogram) {
    __sync_fetch_and_add(&lost, 1);
    return;
  }
  __sync_fetch_and_add(&histogram->slots[slot_of(took)], 1);
  __sync_fetch_and_add(&histogram->total, took);
}

SEC("tp_btf/block_rq_insert")
int BPF_PROG(insert, struct request *request) {
  return with_queue ? start(request) : 0;
}

// A request that is not queued is issued only.
SEC("tp_btf/block_rq_issue")
int BPF_PROG(issue, struct request *request) {
  __u64 key = (__u64)request;
  if (with_queue && bpf_map_lookup_elem(&starts, &key)) return 0;
  return start(request);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(complete, struct request *request, int error, unsigned int bytes) {
  __u64 key = (__u64)request;
  __u64 *start = bpf_map_lookup_elem(&starts, &key);
  if (!start) return 0;
  count(request, bpf_ktime_get_ns() - *start);
  bpf_map_delete_elem(&starts, &key);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
