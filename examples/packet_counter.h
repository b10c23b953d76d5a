// SPDX-License-Identifier: Apache-2.0
//
// The types that packet_counter.bpf.c and its user space share.

#ifndef BPFMAP_EXAMPLES_PACKET_COUNTER_H_
#define BPFMAP_EXAMPLES_PACKET_COUNTER_H_

#include <linux/types.h>

struct service {
  __u16 port;
  __u8 protocol;
  __u8 unused;
};

struct traffic {
  __u64 packets;
  __u64 bytes;
};

struct drop {
  struct service service;
  __u32 size;
};

// Where in the array of programs the rules are.
enum { STAGE_RULES = 1 };

#endif  // BPFMAP_EXAMPLES_PACKET_COUNTER_H_
