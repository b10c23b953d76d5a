// SPDX-License-Identifier: Apache-2.0
//
// mesh_redirect: sends connections to a service on to one of its backends, as a
// service mesh does at the device of a pod.
//
//   mesh_in       a packet of a client: what the policy of its zone says
//   mesh_nat      after it, by tail call: a new destination, which later
//   packets
//                 of the connection keep
//   mesh_back     a packet of a backend: the address of the service again
//   mesh_account  of a cgroup: who sent how much, up to a quota
//   mesh_connect  of a cgroup: connect() goes to the backend at once

#include "examples/mesh_redirect.h"

#include <stdbool.h>

#include "examples/packet_cursor.h"
// After the types of bpf.h.
#include <linux/pkt_cls.h>

#define AF_INET 2

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, struct endpoint);
  __type(value, struct service);
} services SEC(".maps");

// An array of backends for each service, which user space makes.
struct backends {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, struct endpoint);
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
  __uint(max_entries, 64);
  __type(key, __u32);
  __array(values, struct backends);
} backends_of SEC(".maps");

// The addresses that are allowed, for each zone: libbpf puts them in.
struct policy {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 128);
  __type(key, struct prefix);
  __type(value, __u32);
};

struct policy policy_inside SEC(".maps"), policy_outside SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, ZONES);
  __type(key, __u32);
  __array(values, struct policy);
} policies SEC(".maps") = {
    .values =
        {[ZONE_INSIDE] = &policy_inside, [ZONE_OUTSIDE] = &policy_outside},
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, struct connection);
  __type(value, struct connection);
} connections SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 64);
  __type(key, __be32);
  __type(value, struct usage);
} usages SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} denials SEC(".maps");

int mesh_nat(struct __sk_buff *skb);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __array(values, int(void *));
} stages SEC(".maps") = {.values = {(void *)&mesh_nat}};

// The device of the backends; 0: the packet takes its usual way.
const volatile __u32 backend_device = 0;
const volatile __u64 quota = 0;

__u64 new_connections = 0;
__u64 without_backend = 0;

// Where the addresses and ports of a packet are; false: it has none.
struct place {
  __u32 ip;
  __u32 inner;
};

static __always_inline bool parse(struct __sk_buff *skb, struct place *place,
                                  struct connection *connection) {
  void *data = (void *)(long)skb->data;
  struct cursor cursor = {.at = data, .end = (void *)(long)skb->data_end};
  struct iphdr *ip;
  struct udphdr *ports;
  __be16 type;
  __u16 vlan;

  if (!take_ethernet(&cursor, &type, &vlan) || type != bpf_htons(ETH_P_IP)) {
    return false;
  }
  ip = take_ipv4(&cursor);
  if (!ip || is_later_fragment(ip)) return false;
  if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP) return false;
  // Both have their ports first, and UDP has no more than this.
  ports = take_udp(&cursor);
  if (!ports) return false;
  place->ip = (void *)ip - data;
  place->inner = (void *)ports - data;
  connection->from.address = ip->saddr;
  connection->from.port = ports->source;
  connection->from.protocol = ip->protocol;
  connection->to.address = ip->daddr;
  connection->to.port = ports->dest;
  connection->to.protocol = ip->protocol;
  return true;
}

static __always_inline __u32 verdict_of(__u32 zone, __be32 address) {
  struct prefix prefix = {.length = 32, .address = address};
  __u32 *verdict;
  void *policy = bpf_map_lookup_elem(&policies, &zone);
  if (!policy) return VERDICT_DENY;
  verdict = bpf_map_lookup_elem(policy, &prefix);
  return verdict ? *verdict : VERDICT_DENY;
}

SEC("tc")
int mesh_in(struct __sk_buff *skb) {
  struct denial denial = {.zone = skb->mark};
  struct place place;
  __u32 verdict;

  if (bpf_skb_pull_data(skb, 0)) return TC_ACT_SHOT;
  if (!parse(skb, &place, &denial.connection)) return TC_ACT_OK;
  verdict = verdict_of(skb->mark, denial.connection.from.address);
  if (verdict == VERDICT_DENY) {
    bpf_ringbuf_output(&denials, &denial, sizeof denial, 0);
    return TC_ACT_SHOT;
  }
  if (verdict == VERDICT_DIRECT) return TC_ACT_OK;
  skb->cb[0] = place.ip;
  skb->cb[1] = place.inner;
  bpf_tail_call(skb, &stages, 0);
  return TC_ACT_SHOT;
}

// Jenkins' one-at-a-time: the backend is the same on every machine.
static __noinline __u32 hash_of(const struct endpoint *endpoint) {
  __u32 hash = 0;
  if (!endpoint) return 0;
  for (int i = 0; i < 6; i++) {
    hash += ((const __u8 *)endpoint)[i];
    hash += hash << 10;
    hash ^= hash >> 6;
  }
  hash += hash << 3;
  hash ^= hash >> 11;
  return hash + (hash << 15);
}

static __always_inline struct endpoint *backend_of(
    const struct endpoint *service_at, const struct endpoint *client) {
  struct service *service = bpf_map_lookup_elem(&services, service_at);
  void *backends;
  __u32 id, index;
  if (!service || service->backends == 0) return NULL;
  id = service->id;
  index = hash_of(client) % service->backends;
  backends = bpf_map_lookup_elem(&backends_of, &id);
  return backends ? bpf_map_lookup_elem(backends, &index) : NULL;
}

// One end of the packet: its address, its port, and the checksums over both.
static __always_inline int replace(struct __sk_buff *skb,
                                   const struct place *place,
                                   const struct endpoint *old,
                                   const struct endpoint *new, bool source) {
  const __u32 address_at = place->ip + (source ? 12 : 16);
  const __u32 port_at = place->inner + (source ? 0 : 2);
  const bool is_udp = old->protocol == IPPROTO_UDP;
  const __u32 sum_at = place->inner + (is_udp ? 6 : 16);
  const __u64 flags = is_udp ? BPF_F_MARK_MANGLED_0 : 0;

  if (bpf_l4_csum_replace(skb, sum_at, old->address, new->address,
                          flags | BPF_F_PSEUDO_HDR | 4) ||
      bpf_l4_csum_replace(skb, sum_at, old->port, new->port, flags | 2) ||
      bpf_l3_csum_replace(skb, place->ip + 10, old->address, new->address, 4)) {
    return -1;
  }
  if (bpf_skb_store_bytes(skb, address_at, &new->address, 4, 0) ||
      bpf_skb_store_bytes(skb, port_at, &new->port, 2, 0)) {
    return -1;
  }
  return 0;
}

SEC("tc")
int mesh_nat(struct __sk_buff *skb) {
  struct place place = {.ip = skb->cb[0], .inner = skb->cb[1]};
  struct connection connection = {}, translated, reverse, original;
  struct connection *known;
  struct endpoint *backend;

  if (!parse(skb, &place, &connection)) return TC_ACT_SHOT;
  if (place.ip != skb->cb[0]) return TC_ACT_SHOT;
  translated = connection;
  known = bpf_map_lookup_elem(&connections, &connection);
  if (known) {
    translated = *known;
  } else {
    backend = backend_of(&connection.to, &connection.from);
    if (!backend || !backend->port) {
      __sync_fetch_and_add(&without_backend, 1);
      return TC_ACT_OK;
    }
    translated.to = *backend;
    reverse.from = translated.to;
    reverse.to = connection.from;
    original.from = connection.to;
    original.to = connection.from;
    bpf_map_update_elem(&connections, &connection, &translated, BPF_ANY);
    bpf_map_update_elem(&connections, &reverse, &original, BPF_ANY);
    __sync_fetch_and_add(&new_connections, 1);
  }
  if (replace(skb, &place, &connection.to, &translated.to, false)) {
    return TC_ACT_SHOT;
  }
  return backend_device ? bpf_redirect(backend_device, 0) : TC_ACT_OK;
}

SEC("tc")
int mesh_back(struct __sk_buff *skb) {
  struct connection connection = {}, *original;
  struct place place;

  if (!parse(skb, &place, &connection)) return TC_ACT_OK;
  original = bpf_map_lookup_elem(&connections, &connection);
  if (!original) return TC_ACT_OK;
  return replace(skb, &place, &connection.from, &original->from, true)
             ? TC_ACT_SHOT
             : TC_ACT_OK;
}

// Its packets start with their IP header.
SEC("cgroup_skb/egress")
int mesh_account(struct __sk_buff *skb) {
  struct usage *usage, first = {.packets = 1, .bytes = skb->len};
  struct iphdr ip;

  if (skb->protocol != bpf_htons(ETH_P_IP)) return 1;
  if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip)) return 0;
  usage = bpf_map_lookup_elem(&usages, &ip.saddr);
  if (!usage) {
    bpf_map_update_elem(&usages, &ip.saddr, &first, BPF_NOEXIST);
    return 1;
  }
  if (quota && usage->bytes + skb->len > quota) return 0;
  usage->packets += 1;
  usage->bytes += skb->len;
  return 1;
}

SEC("cgroup/connect4")
int mesh_connect(struct bpf_sock_addr *ctx) {
  struct endpoint to = {.address = ctx->user_ip4,
                        .port = (__be16)ctx->user_port,
                        .protocol = ctx->protocol};
  struct endpoint client = {.port = (__be16)bpf_get_prandom_u32()};
  struct endpoint *backend;

  if (ctx->user_family != AF_INET) return 1;
  backend = backend_of(&to, &client);
  if (!backend) return 1;
  ctx->user_ip4 = backend->address;
  ctx->user_port = backend->port;
  return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
