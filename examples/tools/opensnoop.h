/* SPDX-License-Identifier: Apache-2.0
 *
 * The types that opensnoop.bpf.c shares with its users.
 */

#ifndef EXAMPLES_TOOLS_OPENSNOOP_H_
#define EXAMPLES_TOOLS_OPENSNOOP_H_

#include <linux/types.h>

#define COMM_LENGTH 16
#define NAME_LENGTH 255
#define PREFIX_LENGTH 32

/* A file that was opened, or was not. */
struct open_event {
  __u64 took_ns;
  __u32 pid;
  __u32 uid;
  __s32 result; /* the descriptor, or minus an errno */
  __u32 flags;  /* of open(2) */
  __u32 mode;   /* for a file that it makes */
  char comm[COMM_LENGTH];
  char name[NAME_LENGTH];
};

#endif /* EXAMPLES_TOOLS_OPENSNOOP_H_ */
