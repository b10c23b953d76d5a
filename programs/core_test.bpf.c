// SPDX-License-Identifier: Apache-2.0
//
// Reads of a struct that the kernel of core_test_kernel.bpf.c has laid out
// otherwise.

// Headers of libbpf need the types of Linux.
// clang-format off
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
// clang-format on

enum state { STATE_RUNNING, STATE_GONE };

#pragma clang attribute push(__attribute__((preserve_access_index)), \
                             apply_to = record)
struct inner {
  int unused;
  int value;
};
struct task {
  int pid;
  struct inner *inner;
  long state;
  unsigned char nice : 3;
  int slots[4];
  int missing;
};
struct task___old {
  int only_old;
};
struct task___new {
  int pid;
};
#pragma clang attribute pop

SEC("raw_tp/a")
int read_value(struct bpf_raw_tracepoint_args *ctx) {
  struct task *task = (void *)ctx->args[0];
  return BPF_CORE_READ(task, inner, value) + BPF_CORE_READ(task, slots[2]);
}

SEC("raw_tp/b")
int read_state(struct bpf_raw_tracepoint_args *ctx) {
  struct task *task = (void *)ctx->args[0];
  return BPF_CORE_READ_BITFIELD_PROBED(task, nice);
}

SEC("raw_tp/c")
int which_exist(struct bpf_raw_tracepoint_args *ctx) {
  struct task *task = 0;
  struct task___old *old = 0;
  struct task___new *new = 0;
  return bpf_core_field_exists(task->pid) |
         bpf_core_field_exists(task->missing) << 1 |
         bpf_core_field_exists(old->only_old) << 2 |
         bpf_core_field_exists(new->pid) << 3 |
         bpf_core_enum_value_exists(enum state, STATE_GONE) << 4;
}

SEC("raw_tp/d")
int sizes(struct bpf_raw_tracepoint_args *ctx) {
  struct task *task = 0;
  return bpf_core_type_size(struct inner) +
         100 * bpf_core_field_size(task->pid) +
         1000 * bpf_core_enum_value(enum state, STATE_GONE);
}

SEC("raw_tp/e")
int read_missing(struct bpf_raw_tracepoint_args *ctx) {
  struct task *task = (void *)ctx->args[0];
  return BPF_CORE_READ(task, missing);
}

char LICENSE[] SEC("license") = "GPL";
