// SPDX-License-Identifier: Apache-2.0
//
// conntrack: lets packets out, and lets in what answers them: a firewall that
// keeps the state of TCP and UDP connections. ICMP errors come in if they are
// about a packet of such a connection.
//
// Linux's own netfilter does the same with more states, and looks at sequence
// numbers, too.

#include "examples/tools/conntrack.h"

#include <stdbool.h>

#include "examples/packet_cursor.h"
// After the types of bpf.h.
#include <linux/pkt_cls.h>

#define SECOND 1000000000ULL
#define ICMP_TIME_EXCEEDED 11

#define STATES 8  // a power of 2, so that the verifier sees indices that fit

// How long a connection is remembered after its last packet, in seconds.
const volatile __u32 tcp_timeouts[STATES] = {
    [STATE_NEW] = 20,      [STATE_ANSWERED] = 20, [STATE_ESTABLISHED] = 7200,
    [STATE_CLOSING] = 120, [STATE_CLOSED] = 10,
};
const volatile __u32 udp_timeout = 30;
const volatile __u32 udp_answered_timeout = 180;

__u64 lost_events = 0;

// Not an LRU map: values of those have no locks.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, struct flow);
  __type(value, struct connection);
} connections SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, struct open_port);
  __type(value, __u32);
} open_ports SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 16);
} events SEC(".maps");

// A packet, as far as a connection goes.
struct parsed {
  struct flow flow;
  __u32 bytes;
  bool is_syn, is_ack, is_fin, is_rst;
  bool is_error;  // ICMP: the flow is that of the packet that it is about
};

static __always_inline struct flow reverse_of(const struct flow *flow) {
  struct flow reverse = {
      .source = flow->destination,
      .destination = flow->source,
      .source_port = flow->destination_port,
      .destination_port = flow->source_port,
      .protocol = flow->protocol,
  };
  return reverse;
}

// The addresses of a header, and the ports after it. Fragments that have none
// are no part of a connection.
static __always_inline bool parse_flow(struct cursor *cursor,
                                       struct parsed *packet) {
  struct iphdr *ip = take_ipv4(cursor);
  struct tcphdr *tcp;
  struct udphdr *udp;
  if (!ip || is_later_fragment(ip)) return false;
  packet->flow.source = ip->saddr;
  packet->flow.destination = ip->daddr;
  packet->flow.protocol = ip->protocol;
  if (ip->protocol == IPPROTO_UDP || packet->is_error) {
    // An error has the first 8 bytes only, which are the same of UDP and TCP as
    // far as ports go.
    udp = take_udp(cursor);
    if (!udp) return false;
    packet->flow.source_port = udp->source;
    packet->flow.destination_port = udp->dest;
  } else if (ip->protocol == IPPROTO_TCP) {
    tcp = take_tcp(cursor);
    if (!tcp) return false;
    packet->flow.source_port = tcp->source;
    packet->flow.destination_port = tcp->dest;
    packet->is_syn = tcp->syn;
    packet->is_ack = tcp->ack;
    packet->is_fin = tcp->fin;
    packet->is_rst = tcp->rst;
  }
  return true;
}

static __always_inline bool parse(struct __sk_buff *skb,
                                  struct parsed *packet) {
  struct cursor cursor = {(void *)(long)skb->data, (void *)(long)skb->data_end};
  struct icmp_header *icmp;
  __be16 type;
  __u16 vlan;
  packet->bytes = skb->len;
  if (!take_ethernet(&cursor, &type, &vlan) || type != bpf_htons(ETH_P_IP) ||
      !parse_flow(&cursor, packet)) {
    return false;
  }
  if (packet->flow.protocol != IPPROTO_ICMP) {
    return packet->flow.protocol == IPPROTO_TCP ||
           packet->flow.protocol == IPPROTO_UDP;
  }
  icmp = take(&cursor, sizeof *icmp);
  if (!icmp ||
      (icmp->type != ICMP_UNREACHABLE && icmp->type != ICMP_TIME_EXCEEDED)) {
    return false;
  }
  packet->is_error = true;
  return parse_flow(&cursor, packet);
}

static __noinline int report(const struct flow *flow, __u32 state) {
  struct connection_event *event;
  if (!flow) return 0;
  event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (!event) {
    __sync_fetch_and_add(&lost_events, 1);
    return 0;
  }
  event->flow = *flow;
  event->state = state;
  bpf_ringbuf_submit(event, 0);
  return 0;
}

static __always_inline __u64 timeout_of(const struct parsed *packet,
                                        __u32 state) {
  if (packet->flow.protocol == IPPROTO_UDP) {
    return (state == STATE_NEW ? udp_timeout : udp_answered_timeout) * SECOND;
  }
  return tcp_timeouts[state & (STATES - 1)] * SECOND;
}

// RFC 9293, figure 5, as seen from the middle.
static __always_inline __u32 next_state(const struct connection *connection,
                                        const struct parsed *packet,
                                        enum direction direction) {
  __u32 state = connection->state;
  if (packet->flow.protocol == IPPROTO_UDP) {
    return direction == BACK ? STATE_ESTABLISHED : state;
  }
  if (packet->is_rst) return STATE_CLOSED;
  if (connection->has_ended[FORWARD] && connection->has_ended[BACK]) {
    return STATE_CLOSED;
  }
  if (packet->is_fin) return STATE_CLOSING;
  if (state == STATE_NEW && direction == BACK && packet->is_syn &&
      packet->is_ack) {
    return STATE_ANSWERED;
  }
  if (state == STATE_ANSWERED && direction == FORWARD && packet->is_ack) {
    return STATE_ESTABLISHED;
  }
  return state;
}

static __always_inline void advance(struct connection *connection,
                                    const struct parsed *packet,
                                    const struct flow *flow,
                                    enum direction direction, __u64 now) {
  __u32 before, after;
  bpf_spin_lock(&connection->lock);
  before = connection->state;
  if (packet->is_fin) connection->has_ended[direction] = 1;
  after = next_state(connection, packet, direction);
  connection->state = after;
  connection->packets[direction] += 1;
  connection->bytes[direction] += packet->bytes;
  connection->until_ns = now + timeout_of(packet, after);
  bpf_spin_unlock(&connection->lock);
  if (after == STATE_CLOSED && before != STATE_CLOSED) report(flow, after);
}

static __always_inline struct connection *find(const struct flow *flow,
                                               __u64 now) {
  struct connection *connection = bpf_map_lookup_elem(&connections, flow);
  if (connection && connection->until_ns <= now) {
    bpf_map_delete_elem(&connections, flow);
    return NULL;
  }
  return connection;
}

// Returns whether the packet belongs to a connection, of which it is counted.
static __always_inline bool follow(const struct parsed *packet, __u64 now) {
  struct flow reverse = reverse_of(&packet->flow);
  struct connection *connection = find(&packet->flow, now);
  enum direction direction = FORWARD;
  if (!connection) {
    connection = find(&reverse, now);
    direction = BACK;
  }
  if (!connection) return false;
  if (packet->is_error) return true;
  // A client that uses its port again makes a new connection.
  if (connection->state == STATE_CLOSED && packet->is_syn && !packet->is_ack) {
    return false;
  }
  advance(connection, packet, direction == FORWARD ? &packet->flow : &reverse,
          direction, now);
  return true;
}

static __always_inline int begin(const struct parsed *packet, __u64 now) {
  struct connection first = {
      .state = STATE_NEW,
      .packets = {1, 0},
      .bytes = {packet->bytes, 0},
      .until_ns = now + timeout_of(packet, STATE_NEW),
  };
  if (packet->is_error) return TC_ACT_SHOT;
  // The middle of a connection whose beginning nobody saw.
  if (packet->flow.protocol == IPPROTO_TCP &&
      (!packet->is_syn || packet->is_ack)) {
    return TC_ACT_SHOT;
  }
  if (bpf_map_update_elem(&connections, &packet->flow, &first, BPF_ANY)) {
    return TC_ACT_SHOT;
  }
  report(&packet->flow, STATE_NEW);
  return TC_ACT_OK;
}

SEC("tc/egress")
int to_outside(struct __sk_buff *skb) {
  struct parsed packet = {};
  __u64 now = bpf_ktime_get_ns();
  if (!parse(skb, &packet)) return TC_ACT_OK;
  return follow(&packet, now) ? TC_ACT_OK : begin(&packet, now);
}

SEC("tc/ingress")
int from_outside(struct __sk_buff *skb) {
  struct parsed packet = {};
  struct open_port port = {};
  __u64 now = bpf_ktime_get_ns();
  if (!parse(skb, &packet)) return TC_ACT_SHOT;
  if (follow(&packet, now)) return TC_ACT_OK;
  port.port = packet.flow.destination_port;
  port.protocol = packet.flow.protocol;
  if (!bpf_map_lookup_elem(&open_ports, &port)) return TC_ACT_SHOT;
  return begin(&packet, now);
}

char LICENSE[] SEC("license") = "GPL";
