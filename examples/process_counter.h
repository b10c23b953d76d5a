/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types that process_counter.bpf.c shares with its users, in C and C++.
 */

#ifndef EXAMPLES_PROCESS_COUNTER_H_
#define EXAMPLES_PROCESS_COUNTER_H_

#include <linux/types.h>

/* The value of map openat_counts; its key is the number of the process. */
struct openat_count {
  __u64 calls;
  char comm[16]; /* the name of the process, closed by a 0 */
};

#endif /* EXAMPLES_PROCESS_COUNTER_H_ */
