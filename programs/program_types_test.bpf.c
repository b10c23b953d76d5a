// SPDX-License-Identifier: Apache-2.0
//
// A program of each type, for program_types_test.cc. Each returns something of
// what it is called with.

// Headers of libbpf need the types of Linux.
// clang-format off
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/ptrace.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
// clang-format on

#pragma clang attribute push(__attribute__((preserve_access_index)), \
                             apply_to = record)
struct task_struct {
  int pid;
  int tgid;
  struct task_struct *real_parent;
  char comm[16];
};
struct file {
  unsigned int f_flags;
};
struct trace_event_raw_sys_enter {
  unsigned long long unused;
  long id;
  unsigned long args[6];
};
struct trace_event_raw_exec {
  unsigned long long unused;
  __u32 __data_loc_filename;
  int pid;
};
struct nf_hook_state {
  unsigned char hook;
};
struct bpf_nf_ctx {
  const struct nf_hook_state *state;
  void *skb;
};
#pragma clang attribute pop

char seen[32];

SEC("tracepoint/syscalls/sys_enter_openat")
int on_openat(struct trace_event_raw_sys_enter *ctx) {
  bpf_probe_read_user_str(seen, sizeof seen, (void *)ctx->args[1]);
  return ctx->args[2];
}

SEC("tp/sched/sched_process_exec")
int on_exec(struct trace_event_raw_exec *ctx) {
  unsigned offset = ctx->__data_loc_filename & 0xffff;
  bpf_probe_read_kernel_str(seen, sizeof seen, (void *)ctx + offset);
  return ctx->pid;
}

SEC("kprobe/do_unlinkat")
int BPF_KPROBE(on_unlink, int fd, const char *name) {
  bpf_probe_read_user_str(seen, sizeof seen, name);
  return fd;
}

SEC("kretprobe/do_unlinkat")
int BPF_KRETPROBE(on_unlinked, long result) { return result; }

SEC("uprobe")
int BPF_KPROBE(on_call, int a, int b) { return a * b; }

SEC("perf_event")
int on_sample(struct bpf_perf_event_data *ctx) { return ctx->sample_period; }

SEC("raw_tp/sched_switch")
int on_switch(struct bpf_raw_tracepoint_args *ctx) {
  struct task_struct *next = (void *)ctx->args[2];
  return BPF_CORE_READ(next, real_parent, tgid);
}

SEC("raw_tp.w/nbd_send_request")
int on_request(struct bpf_raw_tracepoint_args *ctx) { return ctx->args[1]; }

SEC("tp_btf/sched_switch")
int BPF_PROG(on_btf_switch, int preempt, struct task_struct *prev,
             struct task_struct *next) {
  __builtin_memcpy(seen, "", 1);
  return next->real_parent->tgid + prev->pid;
}

SEC("fentry/vfs_open")
int BPF_PROG(on_vfs_open, void *path, struct file *file) {
  return file->f_flags;
}

SEC("fexit/vfs_open")
int BPF_PROG(on_vfs_opened, void *path, struct file *file, int result) {
  return file ? result : -1;
}

SEC("lsm/file_open")
int BPF_PROG(may_open, struct file *file) {
  struct task_struct *task = (void *)bpf_get_current_task_btf();
  return task->tgid == 7 && (file->f_flags & 1) ? -1 : 0;
}

SEC("cgroup/connect4")
int on_connect(struct bpf_sock_addr *ctx) {
  if (ctx->user_ip4 != 0x0100007f) return 0;
  ctx->user_port = 99;
  return 1;
}

SEC("cgroup/sock_create")
int on_socket(struct bpf_sock *ctx) { return ctx->family == 2; }

SEC("cgroup/dev")
int on_device(struct bpf_cgroup_dev_ctx *ctx) { return ctx->major == 1; }

SEC("cgroup/sysctl")
int on_sysctl(struct bpf_sysctl *ctx) { return !ctx->write; }

SEC("cgroup/getsockopt")
int on_getsockopt(struct bpf_sockopt *ctx) {
  char *value = ctx->optval;
  if (value + 2 > (char *)ctx->optval_end) return 0;
  value[1] = value[0] + 1;
  ctx->retval = 0;
  return ctx->level == 1;
}

SEC("sockops")
int on_socket_event(struct bpf_sock_ops *ctx) {
  ctx->reply = ctx->op;
  return 1;
}

SEC("sk_msg")
int on_message(struct sk_msg_md *ctx) {
  char *data = ctx->data;
  if (data + 1 > (char *)ctx->data_end) return SK_DROP;
  return data[0] == 'G' ? SK_PASS : SK_DROP;
}

SEC("sk_skb/stream_verdict")
int on_stream(struct __sk_buff *ctx) {
  char *data = (void *)(long)ctx->data;
  if (data + 2 > (char *)(long)ctx->data_end) return SK_DROP;
  return data[1] == 'E' && ctx->len == 3 ? SK_PASS : SK_DROP;
}

SEC("sk_reuseport")
int choose_socket(struct sk_reuseport_md *ctx) {
  return ctx->len == 3 ? SK_PASS : SK_DROP;
}

SEC("sk_lookup")
int lookup_socket(struct bpf_sk_lookup *ctx) {
  return ctx->local_port == 80 ? SK_PASS : SK_DROP;
}

SEC("netfilter")
int on_hook(struct bpf_nf_ctx *ctx) { return ctx->state->hook; }

SEC("lwt_seg6local")
int on_segment(struct __sk_buff *ctx) { return ctx->len; }

SEC("syscall")
int run_here(struct bpf_cgroup_dev_ctx *ctx) {
  ctx->minor = 5;
  return ctx->major;
}

SEC("socket")
int filter(struct __sk_buff *ctx) { return ctx->len; }

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *ctx) { return ctx->mark == 3; }

SEC("lwt_xmit")
int on_transmit(struct __sk_buff *ctx) { return ctx->len == 40 ? 0 : 2; }

SEC("flow_dissector")
int dissect(struct __sk_buff *ctx) {
  ctx->flow_keys->thoff = 34;
  return 0;
}

SEC("freplace/other")
int replace(int a) { return 4; }

SEC("struct_ops/init")
int on_init(unsigned long long *ctx) { return ctx[0]; }

SEC("lirc_mode2")
int on_infrared(unsigned int *sample) { return *sample; }

char LICENSE[] SEC("license") = "GPL";
