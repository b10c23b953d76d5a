// SPDX-License-Identifier: Apache-2.0
//
// A congestion control that does nothing, for struct_ops.cc.

#include <linux/bpf.h>
// The next header needs the types of bpf.h.
#include <bpf/bpf_helpers.h>

struct sock {
  int unused;
} __attribute__((preserve_access_index));

struct tcp_congestion_ops {
  __u32 (*ssthresh)(struct sock *);
  void (*cong_avoid)(struct sock *, __u32, __u32);
  __u32 (*undo_cwnd)(struct sock *);
  char name[16];
};

SEC("struct_ops/threshold")
__u32 threshold(__u64 *context) { return 5; }

SEC("struct_ops/avoid")
void avoid(__u64 *context) {}

SEC("struct_ops/undo")
__u32 undo(__u64 *context) { return 7; }

SEC(".struct_ops")
struct tcp_congestion_ops control = {
    .ssthresh = (void *)threshold,
    .cong_avoid = (void *)avoid,
    .undo_cwnd = (void *)undo,
    .name = "bpfmap_control",
};

SEC(".struct_ops")
struct tcp_congestion_ops twin = {
    .ssthresh = (void *)threshold,
    .cong_avoid = (void *)avoid,
    .undo_cwnd = (void *)undo,
    .name = "bpfmap_control",
};

SEC(".struct_ops")
struct tcp_congestion_ops lacking = {
    .ssthresh = (void *)threshold,
    .name = "bpfmap_lacking",
};

SEC(".struct_ops")
struct tcp_congestion_ops reserved = {
    .ssthresh = (void *)threshold,
    .cong_avoid = (void *)avoid,
    .undo_cwnd = (void *)undo,
    .name = "reno",
};

char LICENSE[] SEC("license") = "GPL";
