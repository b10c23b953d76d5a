/* SPDX-License-Identifier: Apache-2.0
 *
 * For BPF programs: those members of the kernel's structs that the tools read,
 * in place of a whole vmlinux.h. libbpf, and bpfmap where it is given the types
 * of a kernel, find out where that kernel has them (CO-RE).
 *
 * A struct NAME___ANYTHING is another version of NAME.
 */

#ifndef EXAMPLES_TOOLS_KERNEL_TYPES_H_
#define EXAMPLES_TOOLS_KERNEL_TYPES_H_

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), \
                             apply_to = record)

struct trace_entry {
  unsigned short type;
  unsigned char flags;
  unsigned char preempt_count;
  int pid;
};

struct trace_event_raw_sys_enter {
  struct trace_entry ent;
  long id;
  unsigned long args[6];
};

struct trace_event_raw_sys_exit {
  struct trace_entry ent;
  long id;
  long ret;
};

struct task_struct {
  int pid;
  int tgid;
  struct task_struct *real_parent;
  char comm[16];
};

#pragma clang attribute pop

#endif /* EXAMPLES_TOOLS_KERNEL_TYPES_H_ */
