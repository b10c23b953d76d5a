// SPDX-License-Identifier: Apache-2.0
//
// The types of a kernel older than Linux 5.14, for Object::SetKernelTypes(): a
// source of BTF, without a program.

struct gendisk {
  int first_minor;
  int major;
};

struct request_queue {
  int id;
};

struct request {
  unsigned int cmd_flags;
  struct gendisk *rq_disk;
  struct request_queue *q;
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
  volatile long state;
  char comm[16];
  int pid;
  int tgid;
  struct task_struct *real_parent;
  struct nsproxy *nsproxy;
};

// clang writes the types of variables, and only the names of those that they
// point to.
struct gendisk a_disk;
struct request_queue a_queue;
struct request a_request;
struct pid_namespace a_namespace;
struct nsproxy a_proxy;
struct task_struct a_task;
