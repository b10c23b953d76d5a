/* SPDX-License-Identifier: Apache-2.0 */

/* What race.bpf.c and race_test.cc share. */

#ifndef EXAMPLES_RACE_H_
#define EXAMPLES_RACE_H_

#include <linux/types.h>

struct account {
  __u64 packets;
  __u64 bytes;
};

#endif /* EXAMPLES_RACE_H_ */
