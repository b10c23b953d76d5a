// SPDX-License-Identifier: Apache-2.0
//
// Programs with everything that an object file can hold, for object_test.cc.

#include "programs/object_test.h"

#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>

const volatile struct settings settings = {.limit = 4, .weights = {1, 2, 3}};
const volatile __s32 step = -1;
__u32 first = 40;
__u64 runs;
static volatile __u32 hidden = 7;
extern int LINUX_KERNEL_VERSION __kconfig;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u64);
} counts SEC(".maps");

struct inner {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} inner_one SEC(".maps"), inner_two SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 4);
  __type(key, __u32);
  __array(values, struct inner);
} outer SEC(".maps") = {.values = {[2] = &inner_two}};

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __uint(key_size, 4);
  __uint(value_size, 4);
} samples SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1);
} ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} per_cpu SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} map_of_a_long_name SEC(".maps");

int tail(struct __sk_buff *ctx);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 2);
  __uint(key_size, 4);
  __array(values, int(void *));
} programs SEC(".maps") = {.values = {[1] = (void *)&tail}};

__noinline int add(int a, int b) { return a + b; }

static long add_index(__u32 index, void *sum) {
  *(__u64 *)sum += index;
  return index == settings.limit;
}

// 40 - 1 + 7, and the sum 0 + 1 + 2 + 3 + 4.
SEC("tc")
int variables(struct __sk_buff *ctx) {
  __u64 sum = 0;
  runs++;
  bpf_loop(100, add_index, &sum, 0);
  return add(add(first, step), hidden) + sum;
}

SEC("tc")
int version(struct __sk_buff *ctx) { return LINUX_KERNEL_VERSION; }

extern char CONFIG_LARGE[5000] __kconfig __weak;

SEC("tc")
int large_extern(struct __sk_buff *ctx) { return CONFIG_LARGE[4999]; }

SEC("tc")
int jump(struct __sk_buff *ctx) {
  bpf_tail_call(ctx, &programs, ctx->mark);
  return 1;
}

SEC("tc")
int tail(struct __sk_buff *ctx) { return 99; }

SEC("tc")
int read_inner(struct __sk_buff *ctx) {
  __u32 index = ctx->mark, zero = 0;
  void *inner = bpf_map_lookup_elem(&outer, &index);
  __u32 *value;
  if (!inner) return -1;
  value = bpf_map_lookup_elem(inner, &zero);
  return value ? *value : -2;
}

SEC("tc")
int read_long_name(struct __sk_buff *ctx) {
  __u32 zero = 0, *value = bpf_map_lookup_elem(&map_of_a_long_name, &zero);
  return value ? 1 : 0;
}

SEC("tc")
int count(struct __sk_buff *ctx) {
  __u32 key = ctx->mark, zero = 0;
  __u64 one = 1, *value = bpf_map_lookup_elem(&counts, &key);
  if (value) {
    *value += 1;
  } else if (bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST)) {
    return -1;
  }
  value = bpf_map_lookup_elem(&per_cpu, &zero);
  if (value) *value += 1;
  return 0;
}

SEC("tc")
int report(struct __sk_buff *ctx) {
  struct sample sample = {.cpu = bpf_get_smp_processor_id(),
                          .pid = bpf_ktime_get_ns() / 1000000000};
  __builtin_memcpy(sample.comm, "fixed", 6);
  bpf_printk("cpu %d", sample.cpu);
  if (ctx->mark) bpf_clone_redirect(ctx, 5, 0);
  bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &sample,
                        sizeof sample);
  if (bpf_ringbuf_output(&ring, &sample, sizeof sample, 0)) return -1;
  return bpf_redirect(3, 0);
}

SEC("tc")
int submit_end(struct __sk_buff *ctx) {
  __u64 *record = bpf_ringbuf_reserve(&ring, sizeof *record, 0);
  if (record) bpf_ringbuf_submit(record + 1, 0);
  return 0;
}

extern int bpf_sum(int a, int b) __ksym;

SEC("tc")
int call_kernel(struct __sk_buff *ctx) { return bpf_sum(ctx->mark, 2); }

SEC("xdp")
int too_far(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  // Linux refuses it: the end of the packet is not looked at.
  return *(__u16 *)(data + 62) + *(__u16 *)(data + 63);
}

SEC("?tc")
int not_loaded(struct __sk_buff *ctx) { return 0; }

char LICENSE[] SEC("license") = "GPL";
