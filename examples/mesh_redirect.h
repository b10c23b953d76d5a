// SPDX-License-Identifier: Apache-2.0
//
// The types that mesh_redirect.bpf.c and its user space share. Addresses and
// ports are as in a packet.

#ifndef BPFMAP_EXAMPLES_MESH_REDIRECT_H_
#define BPFMAP_EXAMPLES_MESH_REDIRECT_H_

#include <linux/types.h>

struct endpoint {
  __be32 address;
  __be16 port;
  __u8 protocol;
  __u8 padding;  // 0
};

struct service {
  __u32 id;
  __u32 backends;  // in the map of this service
};

// The key of an LPM trie of addresses that are allowed.
struct prefix {
  __u32 length;
  __be32 address;
};

enum verdict { VERDICT_ALLOW, VERDICT_DENY, VERDICT_DIRECT };

// Both directions of a connection have an entry.
struct connection {
  struct endpoint from;
  struct endpoint to;
};

enum { ZONE_INSIDE, ZONE_OUTSIDE, ZONES };

// The mark of a packet says where it is from: the zone.

struct denial {
  struct connection connection;
  __u32 zone;
};

struct usage {
  __u64 packets;
  __u64 bytes;
};

#endif  // BPFMAP_EXAMPLES_MESH_REDIRECT_H_
