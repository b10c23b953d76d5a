// SPDX-License-Identifier: Apache-2.0
//
// The types that call_latency.bpf.c and its user space share.

#ifndef BPFMAP_EXAMPLES_CALL_LATENCY_H_
#define BPFMAP_EXAMPLES_CALL_LATENCY_H_

#include <linux/types.h>

enum { SLOTS = 20, COMM_LENGTH = 16, LINE_LENGTH = 64 };

// Of a system call. slots[i] counts those that took 2^i to 2^(i+1) units.
struct call {
  __u64 count;
  __u64 failed;
  __u64 total_ns;
  __u32 slots[SLOTS];
};

struct failure {
  __u32 call;
  __u32 error;
};

// One that was slow.
struct event {
  __u64 duration_ns;
  __s64 result;
  __u32 process;
  __u32 thread;
  __u32 call;
  char comm[COMM_LENGTH];
};

// The context of summarize.
struct summary {
  __u32 percent;  // in: 50 is the median
  __u32 calls;    // out: how many there are
  __u32 slowest;  // the one with the largest mean
  __u32 slot;     // of that, in which `percent` of the calls end
  __u64 count;    // of all
};

#endif  // BPFMAP_EXAMPLES_CALL_LATENCY_H_
