/* SPDX-License-Identifier: Apache-2.0
 *
 * The types that biolatency.bpf.c shares with its users.
 */

#ifndef EXAMPLES_TOOLS_BIOLATENCY_H_
#define EXAMPLES_TOOLS_BIOLATENCY_H_

#include <linux/types.h>

#include "examples/tools/histogram.h"

/* Which requests a histogram is of; 0 where they are not told apart. */
struct io_kind {
  __u32 device; /* its number, as the kernel has it: major << 20 | minor */
  __u32 flags;  /* the operation, in the low 8 bits, and REQ_* */
};

struct io_histogram {
  __u64 total; /* of all requests, in units */
  __u32 slots[SLOTS];
};

#endif /* EXAMPLES_TOOLS_BIOLATENCY_H_ */
