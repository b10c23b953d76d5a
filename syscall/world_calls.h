/* SPDX-License-Identifier: Apache-2.0 */
/* The view of world_calls.bpf.c, for its test in C. */

#ifndef SYSCALL_WORLD_CALLS_H_
#define SYSCALL_WORLD_CALLS_H_

#include <linux/types.h>

/* NOLINTNEXTLINE(readability-identifier-naming) */
struct seen {
  __u64 now;
  __u64 pid_tgid;
  __u64 uid_gid;
  __u64 cgroup;
  __u32 random;
  __u32 cpu;
  __s32 update;  /* what bpf_map_update_elem() returned */
  __s32 read;    /* what bpf_probe_read_user_str() returned */
  char text[16]; /* and read, from args[0] */
  char comm[16];
};

#endif /* SYSCALL_WORLD_CALLS_H_ */
