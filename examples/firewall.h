/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types that the firewall shares with its users, in C and C++.
 */

#ifndef EXAMPLES_FIREWALL_H_
#define EXAMPLES_FIREWALL_H_

#include <linux/types.h>

/* A rule for packets of one address. */
struct rule {
  __u64 until_ns; /* blocked until then, by bpf_ktime_get_ns() */
};

/* The report of a packet that was dropped. */
struct event {
  __be32 source;
  __u32 bytes;
  __u32 reason; /* enum reason */
};

enum reason {
  REASON_BLOCKED = 1, /* its address has a rule */
  REASON_TOO_MANY = 2 /* its address sends more than `burst` in a second */
};

#endif /* EXAMPLES_FIREWALL_H_ */
