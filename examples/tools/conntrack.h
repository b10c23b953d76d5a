/* SPDX-License-Identifier: Apache-2.0
 *
 * The types that conntrack.bpf.c shares with its users.
 */

#ifndef EXAMPLES_TOOLS_CONNTRACK_H_
#define EXAMPLES_TOOLS_CONNTRACK_H_

#include <linux/bpf.h>
#include <linux/types.h>

/* Of the side that sent the first packet, to the other one. */
struct flow {
  __be32 source;
  __be32 destination;
  __be16 source_port;
  __be16 destination_port;
  __u8 protocol;
  __u8 unused[3];
};

enum connection_state {
  STATE_NEW = 0,  /* packets of one side only; of TCP: SYN */
  STATE_ANSWERED, /* TCP: SYN and ACK */
  STATE_ESTABLISHED,
  STATE_CLOSING, /* TCP: one side sent FIN */
  STATE_CLOSED   /* both did, or one sent RST */
};

enum direction { FORWARD = 0, BACK = 1 };

struct connection {
  struct bpf_spin_lock lock; /* of all that follows */
  __u32 state;
  __u64 until_ns;   /* it is forgotten then, by bpf_ktime_get_ns() */
  __u64 packets[2]; /* of each direction */
  __u64 bytes[2];
  __u32 has_ended[2]; /* which side sent FIN */
};

/* A service that may be reached from outside. */
struct open_port {
  __be16 port;
  __u8 protocol;
  __u8 unused;
};

/* A connection that was made, or that reached its end. */
struct connection_event {
  struct flow flow;
  __u32 state;
};

#endif /* EXAMPLES_TOOLS_CONNTRACK_H_ */
