/* SPDX-License-Identifier: Apache-2.0
 *
 * The types that guard.bpf.c shares with its users.
 */

#ifndef EXAMPLES_TOOLS_GUARD_H_
#define EXAMPLES_TOOLS_GUARD_H_

#include <linux/types.h>

#define COMM_LENGTH 16
#define PATH_LENGTH 128

/* A path that begins so: the key of a trie. */
struct path_prefix {
  __u32 length; /* bits */
  char text[PATH_LENGTH];
};

enum access { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_EXECUTE = 4 };

/* The rule for paths under a prefix. */
struct path_rule {
  __u32 denied;  /* of enum access */
  __u32 audited; /* the same: reported, and allowed */
  __u32 user;    /* who may do all */
};

/* A file, by its number, which nobody may remove. */
struct file_id {
  __u64 inode;
  __u32 device;
  __u32 unused;
};

struct guard_event {
  __u32 pid;
  __u32 uid;
  __u32 access;
  __u32 is_denied;
  char comm[COMM_LENGTH];
  char path[PATH_LENGTH];
};

#endif /* EXAMPLES_TOOLS_GUARD_H_ */
