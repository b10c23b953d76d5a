// SPDX-License-Identifier: Apache-2.0
//
// tcplife: reports TCP connections when they end: whose they are, how long they
// lasted, how much they carried.
//
// Which process a connection belongs to is known only while that process runs
// in the kernel for it: when it connects, and when it closes. Other changes of
// the state happen in whatever task a packet interrupts.

#include "examples/tools/tcplife.h"

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <linux/in.h>
#include <stdbool.h>

#include "examples/tools/kernel_types.h"

#define AF_INET 2
#define AF_INET6 10

// Of the kernel's net/tcp_states.h.
enum {
  TCP_SYN_SENT = 2,
  TCP_FIN_WAIT1 = 4,
  TCP_CLOSE = 7,
  TCP_LAST_ACK = 9,
};

// The command line.
const volatile __u32 filter_process = 0;
const volatile __u16 filter_family = 0;
const volatile __u16 local_ports[MOST_PORTS] = {};  // any, if there is none
const volatile __u16 remote_ports[MOST_PORTS] = {};

// Connections that found no room, and whose beginning was not seen.
__u64 lost = 0;
__u64 unknown = 0;

struct owner {
  __u32 pid;
  char comm[COMM_LENGTH];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 10240);
  __type(key, __u64);  // the socket, by its address
  __type(value, __u64);
} births SEC(".maps");

// Connections whose end was not seen are forgotten, as they fall out.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 10240);
  __type(key, __u64);
  __type(value, struct owner);
} owners SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 16);
} events SEC(".maps");

static __always_inline bool is_among(const volatile __u16 *ports, __u16 port) {
  if (ports[0] == 0) return true;
  for (int i = 0; i < MOST_PORTS; i++) {
    if (ports[i] == port) return true;
  }
  return false;
}

static __always_inline bool is_wanted(
    const struct trace_event_raw_inet_sock_set_state *ctx) {
  if (ctx->protocol != IPPROTO_TCP) return false;
  if (filter_family && filter_family != ctx->family) return false;
  return is_among(local_ports, ctx->sport) &&
         is_among(remote_ports, ctx->dport);
}

static __always_inline void remember_birth(__u64 socket) {
  __u64 now = bpf_ktime_get_ns();
  if (bpf_map_update_elem(&births, &socket, &now, BPF_ANY)) {
    __sync_fetch_and_add(&lost, 1);
  }
}

static __always_inline void remember_owner(__u64 socket) {
  struct owner owner = {.pid = bpf_get_current_pid_tgid() >> 32};
  bpf_get_current_comm(owner.comm, sizeof owner.comm);
  bpf_map_update_elem(&owners, &socket, &owner, BPF_ANY);
}

static __always_inline void fill_addresses(
    struct tcp_life *life, struct trace_event_raw_inet_sock_set_state *ctx) {
  life->family = ctx->family;
  life->local_port = ctx->sport;
  life->remote_port = ctx->dport;
  if (ctx->family == AF_INET) {
    bpf_probe_read_kernel(life->local, sizeof ctx->saddr, ctx->saddr);
    bpf_probe_read_kernel(life->remote, sizeof ctx->daddr, ctx->daddr);
  } else {
    bpf_probe_read_kernel(life->local, sizeof ctx->saddr_v6, ctx->saddr_v6);
    bpf_probe_read_kernel(life->remote, sizeof ctx->daddr_v6, ctx->daddr_v6);
  }
}

static __always_inline void report(
    struct trace_event_raw_inet_sock_set_state *ctx, __u64 birth) {
  const struct tcp_sock *socket = ctx->skaddr;
  __u64 key = (__u64)socket;
  const struct owner *owner = bpf_map_lookup_elem(&owners, &key);
  struct tcp_life *life;

  if (filter_process && (!owner || owner->pid != filter_process)) return;
  life = bpf_ringbuf_reserve(&events, sizeof *life, 0);
  if (!life) {
    __sync_fetch_and_add(&lost, 1);
    return;
  }
  __builtin_memset(life, 0, sizeof *life);
  life->lasted_ns = bpf_ktime_get_ns() - birth;
  life->sent = BPF_CORE_READ(socket, bytes_acked);
  life->received = BPF_CORE_READ(socket, bytes_received);
  fill_addresses(life, ctx);
  if (owner) {
    life->pid = owner->pid;
    __builtin_memcpy(life->comm, owner->comm, sizeof life->comm);
  }
  bpf_ringbuf_submit(life, 0);
}

SEC("tracepoint/sock/inet_sock_set_state")
int set_state(struct trace_event_raw_inet_sock_set_state *ctx) {
  __u64 socket = (__u64)ctx->skaddr;
  int state = ctx->newstate;
  __u64 *birth;

  if (!is_wanted(ctx)) return 0;
  // The first states are those of a connection that is being made. On the side
  // that connects, the local port is known from TCP_SYN_SENT on.
  if (state < TCP_FIN_WAIT1) remember_birth(socket);
  if (state == TCP_SYN_SENT || state == TCP_LAST_ACK) remember_owner(socket);
  if (state != TCP_CLOSE) return 0;

  birth = bpf_map_lookup_elem(&births, &socket);
  if (birth) {
    report(ctx, *birth);
    bpf_map_delete_elem(&births, &socket);
  } else {
    __sync_fetch_and_add(&unknown, 1);
  }
  bpf_map_delete_elem(&owners, &socket);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
