// SPDX-License-Identifier: Apache-2.0
//
// The types that xdp_edge.bpf.c and its user space share.

#ifndef BPFMAP_EXAMPLES_XDP_EDGE_H_
#define BPFMAP_EXAMPLES_XDP_EDGE_H_

#include <linux/types.h>

struct tally {
  __u64 packets;
  __u64 bytes;
};

// XDP_ABORTED to XDP_REDIRECT.
enum { ACTIONS = 5 };

// In front of a packet that lost its tag.
struct untagged {
  __u32 vlan;
};

#endif  // BPFMAP_EXAMPLES_XDP_EDGE_H_
