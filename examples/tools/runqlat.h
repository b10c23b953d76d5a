/* SPDX-License-Identifier: Apache-2.0
 *
 * The types that runqlat.bpf.c shares with its users.
 */

#ifndef EXAMPLES_TOOLS_RUNQLAT_H_
#define EXAMPLES_TOOLS_RUNQLAT_H_

#include <linux/types.h>

#include "examples/tools/histogram.h"

#define COMM_LENGTH 16

/* The subject of a histogram. */
enum run_group {
  GROUP_NONE = 0, /* one for all */
  GROUP_PROCESS,
  GROUP_THREAD,
  GROUP_PID_NAMESPACE
};

struct run_histogram {
  __u32 slots[SLOTS];
  char comm[COMM_LENGTH]; /* of the first thread that it counted */
};

#endif /* EXAMPLES_TOOLS_RUNQLAT_H_ */
