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

struct trace_event_raw_inet_sock_set_state {
  struct trace_entry ent;
  const void *skaddr;
  int oldstate;
  int newstate;
  __u16 sport;
  __u16 dport;
  __u16 family;
  __u16 protocol;
  __u8 saddr[4];
  __u8 daddr[4];
  __u8 saddr_v6[16];
  __u8 daddr_v6[16];
};

struct ns_common {
  unsigned int inum;
};

struct pid_namespace {
  struct ns_common ns;
};

struct nsproxy {
  struct pid_namespace *pid_ns_for_children;
};

struct task_struct {
  unsigned int __state;
  int pid;
  int tgid;
  struct task_struct *real_parent;
  struct nsproxy *nsproxy;
  char comm[16];
};

/* Before Linux 5.14. */
struct task_struct___old {
  volatile long state;
};

struct gendisk {
  int major;
  int first_minor;
};

struct request_queue {
  struct gendisk *disk;
};

struct request {
  struct request_queue *q;
  unsigned int cmd_flags;
};

/* Before Linux 5.17. */
struct request___old {
  struct gendisk *rq_disk;
};

struct super_block {
  __u32 s_dev;
};

struct inode {
  unsigned long i_ino;
  struct super_block *i_sb;
};

struct qstr {
  const unsigned char *name;
};

struct dentry {
  struct dentry *d_parent;
  struct qstr d_name;
  struct inode *d_inode;
};

struct path {
  struct dentry *dentry;
};

struct file {
  unsigned int f_flags;
  struct path f_path;
  struct inode *f_inode;
};

struct linux_binprm {
  struct file *file;
  const char *filename;
};

struct tcp_sock {
  __u64 bytes_received;
  __u64 bytes_acked;
};

#pragma clang attribute pop

#endif /* EXAMPLES_TOOLS_KERNEL_TYPES_H_ */
