/* SPDX-License-Identifier: Apache-2.0
 *
 * The types that tcplife.bpf.c shares with its users.
 */

#ifndef EXAMPLES_TOOLS_TCPLIFE_H_
#define EXAMPLES_TOOLS_TCPLIFE_H_

#include <linux/types.h>

#define COMM_LENGTH 16
#define MOST_PORTS 8

/* A connection that ended. */
struct tcp_life {
  __u64 lasted_ns;
  __u64 sent; /* bytes that the other side acknowledged */
  __u64 received;
  __u32 pid;
  __u16 family; /* AF_INET or AF_INET6 */
  __u16 local_port;
  __u16 remote_port;
  __u8 local[16]; /* the address; 4 bytes of AF_INET */
  __u8 remote[16];
  char comm[COMM_LENGTH];
};

#endif /* EXAMPLES_TOOLS_TCPLIFE_H_ */
