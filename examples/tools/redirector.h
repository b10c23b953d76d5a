/* SPDX-License-Identifier: Apache-2.0
 *
 * The types that redirector.bpf.c shares with its users.
 */

#ifndef EXAMPLES_TOOLS_REDIRECTOR_H_
#define EXAMPLES_TOOLS_REDIRECTOR_H_

#include <linux/types.h>

/* Addresses that begin so: the keys of tries. */
struct prefix4 {
  __u32 length; /* bits */
  __u8 address[4];
};

struct prefix6 {
  __u32 length;
  __u8 address[16];
};

enum hop_kind {
  HOP_DEVICE = 0, /* to the device, with the addresses of `hop` */
  HOP_NEIGHBOR,   /* to the device, with addresses that Linux finds out */
  HOP_PEER,       /* into the namespace of the other end of a veth pair */
  HOP_NOWHERE     /* dropped */
};

/* Where packets go. */
struct hop {
  __u32 kind;
  __u32 device;
  __u8 source[6]; /* of Ethernet */
  __u8 destination[6];
};

struct traffic {
  __u64 packets;
  __u64 bytes;
};

enum drop_reason {
  DROP_MALFORMED = 0,
  DROP_HOPS, /* too many */
  DROP_NOWHERE,
  DROP_REASONS
};

#endif /* EXAMPLES_TOOLS_REDIRECTOR_H_ */
