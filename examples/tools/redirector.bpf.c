// SPDX-License-Identifier: Apache-2.0
//
// redirector: forwards packets from the device of a container by a table of
// routes, without the stack of the host, as the plugins of container networks
// do. It answers ARP requests for the gateway that containers believe in.

#include "examples/tools/redirector.h"

#include <stdbool.h>

#include "examples/packet_cursor.h"
// After the types of bpf.h.
#include <linux/pkt_cls.h>

// The gateway, and a device that gets a copy of all; 0: none.
const volatile __be32 gateway = 0;
const volatile __u8 gateway_mac[ETH_ALEN] = {2, 0, 0, 0, 0, 0xfe};
const volatile __u32 mirror = 0;

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1024);
  __type(key, struct prefix4);
  __type(value, struct hop);
} routes4 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1024);
  __type(key, struct prefix6);
  __type(value, struct hop);
} routes6 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 256);
  __type(key, __u32);  // the device
  __type(value, struct traffic);
} sent SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, DROP_REASONS);
  __type(key, __u32);
  __type(value, __u64);
} drops SEC(".maps");

// Linux's header of it needs those of a C library.
enum { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp_header {
  __be16 hardware;
  __be16 protocol;
  __u8 hardware_size;
  __u8 protocol_size;
  __be16 operation;
};

struct arp_addresses {
  __u8 sender_mac[ETH_ALEN];
  __be32 sender;
  __u8 target_mac[ETH_ALEN];
  __be32 target;
} __attribute__((packed));

static __always_inline int drop(__u32 reason) {
  __u64 *count = bpf_map_lookup_elem(&drops, &reason);
  if (count) *count += 1;
  return TC_ACT_SHOT;
}

static __always_inline void count(__u32 device, __u32 bytes) {
  struct traffic *traffic = bpf_map_lookup_elem(&sent, &device);
  struct traffic first = {.packets = 1, .bytes = bytes};
  if (traffic) {
    traffic->packets += 1;
    traffic->bytes += bytes;
  } else {
    bpf_map_update_elem(&sent, &device, &first, BPF_ANY);
  }
}

// The request becomes its answer, and goes back.
static __always_inline int answer_arp(struct __sk_buff *skb,
                                      struct cursor *cursor,
                                      struct ethhdr *ethernet) {
  struct arp_header *arp = take(cursor, sizeof *arp);
  struct arp_addresses *addresses = take(cursor, sizeof *addresses);
  __be32 asked;
  if (!arp || !addresses) return drop(DROP_MALFORMED);
  asked = addresses->target;
  if (arp->operation != bpf_htons(ARP_REQUEST) || asked != gateway) {
    return TC_ACT_OK;
  }
  arp->operation = bpf_htons(ARP_REPLY);
  __builtin_memcpy(addresses->target_mac, addresses->sender_mac, ETH_ALEN);
  addresses->target = addresses->sender;
  addresses->sender = asked;
  __builtin_memcpy(ethernet->h_dest, ethernet->h_source, ETH_ALEN);
  for (int i = 0; i < ETH_ALEN; i++) {
    addresses->sender_mac[i] = gateway_mac[i];
    ethernet->h_source[i] = gateway_mac[i];
  }
  return bpf_redirect(skb->ifindex, 0);
}

// RFC 1141: the header has one hop less, so its sum has 0x0100 less.
static __always_inline void take_hop4(struct iphdr *ip) {
  __u32 check = ip->check + bpf_htons(0x0100);
  ip->check = check + (check >= 0xffff);
  ip->ttl--;
}

static __always_inline int send(struct __sk_buff *skb, struct ethhdr *ethernet,
                                const struct hop *hop) {
  count(hop->device, skb->len);
  switch (hop->kind) {
    case HOP_NEIGHBOR:
      return bpf_redirect_neigh(hop->device, NULL, 0, 0);
    case HOP_PEER:
      return bpf_redirect_peer(hop->device, 0);
    default:
      __builtin_memcpy(ethernet->h_source, hop->source, ETH_ALEN);
      __builtin_memcpy(ethernet->h_dest, hop->destination, ETH_ALEN);
      return bpf_redirect(hop->device, 0);
  }
}

static __always_inline int forward4(struct __sk_buff *skb,
                                    struct cursor *cursor,
                                    struct ethhdr *ethernet) {
  struct iphdr *ip = take_ipv4(cursor);
  struct prefix4 key = {.length = 32};
  struct hop *hop;
  if (!ip) return drop(DROP_MALFORMED);
  __builtin_memcpy(key.address, &ip->daddr, sizeof key.address);
  hop = bpf_map_lookup_elem(&routes4, &key);
  if (!hop) return TC_ACT_OK;
  if (hop->kind == HOP_NOWHERE) return drop(DROP_NOWHERE);
  if (ip->ttl <= 1) return drop(DROP_HOPS);
  take_hop4(ip);
  return send(skb, ethernet, hop);
}

static __always_inline int forward6(struct __sk_buff *skb,
                                    struct cursor *cursor,
                                    struct ethhdr *ethernet) {
  struct ipv6hdr *ip = take_ipv6(cursor);
  struct prefix6 key = {.length = 128};
  struct hop *hop;
  if (!ip) return drop(DROP_MALFORMED);
  __builtin_memcpy(key.address, &ip->daddr, sizeof key.address);
  hop = bpf_map_lookup_elem(&routes6, &key);
  if (!hop) return TC_ACT_OK;
  if (hop->kind == HOP_NOWHERE) return drop(DROP_NOWHERE);
  if (ip->hop_limit <= 1) return drop(DROP_HOPS);
  ip->hop_limit--;
  return send(skb, ethernet, hop);
}

SEC("tc")
int from_container(struct __sk_buff *skb) {
  struct cursor cursor;
  struct ethhdr *ethernet;
  __be16 type;
  __u16 vlan;

  // Pointers into the packet are read after it: the copy moves the packet.
  if (mirror) bpf_clone_redirect(skb, mirror, 0);
  // Headers may lie in pages of their own, where no program reaches them.
  bpf_skb_pull_data(skb, 0);
  cursor.at = (void *)(long)skb->data;
  cursor.end = (void *)(long)skb->data_end;
  ethernet = take_ethernet(&cursor, &type, &vlan);
  if (!ethernet) return drop(DROP_MALFORMED);
  switch (type) {
    case bpf_htons(ETH_P_ARP):
      return answer_arp(skb, &cursor, ethernet);
    case bpf_htons(ETH_P_IP):
      return forward4(skb, &cursor, ethernet);
    case bpf_htons(ETH_P_IPV6):
      return forward6(skb, &cursor, ethernet);
    default:
      return TC_ACT_OK;
  }
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
