// SPDX-License-Identifier: Apache-2.0
//
// Programs that attach_test.cc attaches: each appends its letter to `order`.

#include <linux/bpf.h>
#include <linux/ptrace.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct trace_event_raw_sys_enter {
  unsigned long long unused;
  long id;
  unsigned long args[6];
};

char order[64];
unsigned int length;
char path[32];

static void ran(char letter) {
  if (length < sizeof order - 1) order[length++ & 63] = letter;
}

SEC("tracepoint/syscalls/sys_enter_openat")
int open_a(struct trace_event_raw_sys_enter *ctx) {
  bpf_probe_read_user_str(path, sizeof path, (void *)ctx->args[1]);
  ran('a');
  return 1;
}

SEC("tp/syscalls/sys_enter_openat")
int open_b(struct trace_event_raw_sys_enter *ctx) {
  ran('b');
  return ctx->args[2];
}

SEC("kprobe/vfs_read")
int BPF_KPROBE(read_a, void *file, unsigned long size) {
  ran('a');
  return size;
}

SEC("kprobe.multi/vfs_*")
int BPF_KPROBE(any_b, void *file) {
  ran('b');
  return 0;
}

SEC("fentry/vfs_open")
int BPF_PROG(entry_a, int mode) {
  ran('a');
  return 0;
}

SEC("fentry/vfs_open")
int BPF_PROG(entry_b, int mode) {
  ran('b');
  return 0;
}

SEC("lsm/file_open")
int BPF_PROG(may_open_a, int mode) {
  ran('a');
  return mode == 2 ? -1 : 0;
}

SEC("lsm.s/file_open")
int BPF_PROG(may_open_b, int mode) {
  ran('b');
  return mode == 1 ? -13 : 0;
}

SEC("xdp")
int drop(struct xdp_md *ctx) {
  ran('x');
  return XDP_DROP;
}

SEC("tcx/ingress")
int mark(struct __sk_buff *skb) {
  char byte = 'm';
  ran('m');
  bpf_skb_store_bytes(skb, 0, &byte, 1, 0);
  return -1;  // TCX_NEXT
}

SEC("tcx/ingress")
int pass(struct __sk_buff *skb) {
  char byte = 0;
  bpf_skb_load_bytes(skb, 0, &byte, 1);
  ran(byte);
  return 0;
}

SEC("tcx/ingress")
int never(struct __sk_buff *skb) {
  ran('n');
  return 0;
}

SEC("uprobe")
int BPF_KPROBE(call, int a) { return a; }

char LICENSE[] SEC("license") = "GPL";
