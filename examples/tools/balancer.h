/* SPDX-License-Identifier: Apache-2.0
 *
 * The types that balancer.bpf.c shares with its users.
 */

#ifndef EXAMPLES_TOOLS_BALANCER_H_
#define EXAMPLES_TOOLS_BALANCER_H_

#include <linux/types.h>

#define MOST_SERVICES 16
#define RING_SIZE 251 /* places of a service's table: a prime number */

struct service_key {
  __be32 address;
  __be16 port;
  __u8 protocol;
  __u8 unused;
};

struct service_info {
  __u32 id;        /* below MOST_SERVICES */
  __u32 by_source; /* whether all of a client's flows go to one backend */
};

struct backend {
  __be32 address; /* 0: there is none */
  __u8 mac[6];    /* of the backend, or of the router to it */
  __u8 unused[2];
};

struct balanced_flow {
  __be32 source;
  __be32 destination;
  __be16 source_port;
  __be16 destination_port;
  __u32 protocol;
};

struct service_count {
  __u64 packets;
  __u64 bytes;
  __u64 remembered; /* packets of flows that had their backend already */
  __u64 dropped;
};

#endif /* EXAMPLES_TOOLS_BALANCER_H_ */
