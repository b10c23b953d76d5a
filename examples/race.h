/* SPDX-License-Identifier: Apache-2.0 */

/* Shared by race.bpf.c and race_test.cc. */

#ifndef EXAMPLES_RACE_H_
#define EXAMPLES_RACE_H_

#include <linux/bpf.h>
#include <linux/types.h>

struct account {
  __u64 packets;
  __u64 bytes;
};

struct locked_account {
  struct bpf_spin_lock lock;
  struct account account;
};

#endif /* EXAMPLES_RACE_H_ */
