/* SPDX-License-Identifier: Apache-2.0
 *
 * The types that connect.bpf.c shares with its users.
 */

#ifndef EXAMPLES_TOOLS_CONNECT_H_
#define EXAMPLES_TOOLS_CONNECT_H_

#include <linux/types.h>

#define MOST_BACKENDS 16 /* of a service: a power of 2 */

/* Where a socket connects to, or sends to. */
struct endpoint {
  __be32 address;
  __be16 port;
  __u8 protocol;
  __u8 unused;
};

struct service {
  __u32 count;          /* of backends; 0: nobody may connect */
  __u32 sticky_seconds; /* how long a client keeps its backend; 0: not */
  struct endpoint backends[MOST_BACKENDS];
};

/* The service that a socket asked for, where it has a backend in its place. */
struct translation {
  __u64 socket; /* its cookie */
  struct endpoint backend;
};

struct sticky_key {
  __u64 client; /* its network namespace, by the cookie */
  struct endpoint service;
};

struct sticky_backend {
  __u64 until_ns;
  struct endpoint backend;
};

#endif /* EXAMPLES_TOOLS_CONNECT_H_ */
