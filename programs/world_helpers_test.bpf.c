// SPDX-License-Identifier: Apache-2.0
//
// Programs that ask the World, for world_helpers_test.cc.

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_helpers.h>
#include <linux/ptrace.h>

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
} counters SEC(".maps");

__u64 stack[4] = {};
__u64 flags = 0;
struct bpf_perf_event_value value = {};
struct bpf_tunnel_key key = {};
__u32 length = 0;

SEC("kprobe/any")
int read_stack(struct pt_regs *ctx) {
  return bpf_get_stack(ctx, stack, sizeof stack, flags);
}

SEC("tc")
int read_counter(struct __sk_buff *skb) {
  long error =
      bpf_perf_event_read_value(&counters, flags, &value, sizeof value);
  return error ?: bpf_perf_event_read(&counters, flags);
}

SEC("tc")
int answer_tunnel(struct __sk_buff *skb) {
  long error = bpf_skb_get_tunnel_key(skb, &key, sizeof key, 0);
  if (error) return error;
  key.tunnel_id++;
  return bpf_skb_set_tunnel_key(skb, &key, sizeof key, 0);
}

SEC("tc")
int check_mtu(struct __sk_buff *skb) {
  return bpf_check_mtu(skb, 0, &length, 0, 0);
}

SEC("tc")
int find_socket(struct __sk_buff *skb) {
  struct bpf_sock_tuple tuple = {};
  struct bpf_sock *socket =
      bpf_sk_lookup_tcp(skb, &tuple, sizeof tuple.ipv4, BPF_F_CURRENT_NETNS, 0);
  if (!socket) return 7;
  bpf_sk_release(socket);
  return 0;
}

SEC("cgroup/connect4")
int set_option(struct bpf_sock_addr *ctx) {
  int mark = 5;
  if (bpf_setsockopt(ctx, 1, 36, &mark, sizeof mark)) return 0;
  mark = 0;
  if (bpf_getsockopt(ctx, 1, 36, &mark, sizeof mark)) return 0;
  if (bpf_get_retval() == 0) bpf_set_retval(-mark);
  return 1;
}

char LICENSE[] SEC("license") = "GPL";
