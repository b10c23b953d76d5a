/* SPDX-License-Identifier: Apache-2.0
 *
 * The types that execsnoop.bpf.c shares with its users.
 */

#ifndef EXAMPLES_TOOLS_EXECSNOOP_H_
#define EXAMPLES_TOOLS_EXECSNOOP_H_

#include <linux/types.h>

#define COMM_LENGTH 16
#define ARGUMENT_LENGTH 128 /* of one, with its end */
#define MOST_ARGUMENTS 20
#define ARGUMENTS_LENGTH (ARGUMENT_LENGTH * MOST_ARGUMENTS)

/* A call of execve(2). A record ends after args_size bytes of `args`. */
struct exec_event {
  __u32 pid;
  __u32 ppid;
  __u32 uid;
  __s32 result; /* 0, or minus an errno */
  __u32 args_count;
  __u32 args_size;
  __u32 has_more_args; /* there were more than args_count */
  char comm[COMM_LENGTH];
  char args[ARGUMENTS_LENGTH]; /* the file, then arguments from 1 on; each ends
                                  with a 0 */
};

#endif /* EXAMPLES_TOOLS_EXECSNOOP_H_ */
