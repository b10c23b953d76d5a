// SPDX-License-Identifier: Apache-2.0
//
// Values that belong to tasks, sockets, inodes and cgroups; and programs that
// give one to the task that runs them.

#include <linux/bpf.h>
// The next header needs the types of bpf.h.
#include <bpf/bpf_helpers.h>

// Newer than the header.
enum { BPF_MAP_TYPE_CGRP_STORAGE = 32 };

struct value {
  __u64 first;
  __u64 second;
};

#define STORAGE(name, storage)            \
  struct {                                \
    __uint(type, BPF_MAP_TYPE_##storage); \
    __uint(map_flags, BPF_F_NO_PREALLOC); \
    __type(key, int);                     \
    __type(value, struct value);          \
  } name SEC(".maps")

STORAGE(sockets, SK_STORAGE);
STORAGE(inodes, INODE_STORAGE);
STORAGE(tasks, TASK_STORAGE);
STORAGE(cgroups, CGRP_STORAGE);

struct task_struct;

struct asked {
  __u64 flags;        // of bpf_task_storage_get()
  __u64 adds;         // to the value that was found
  __u64 has_initial;  // whether it gets {7, 8}
};

// 0: there is no value. Otherwise the first word as it was found, and 1.
SEC("syscall")
int get(struct asked *asked) {
  struct value initial = {7, 8};
  struct task_struct *task = bpf_get_current_task_btf();
  struct value *value =
      asked->has_initial
          ? bpf_task_storage_get(&tasks, task, &initial, asked->flags)
          : bpf_task_storage_get(&tasks, task, 0, asked->flags);
  if (!value) return 0;
  const __u64 found = value->first;
  value->first += asked->adds;
  value->second = 99;
  return found + 1;
}

SEC("syscall")
int drop(void *context) {
  struct task_struct *task = bpf_get_current_task_btf();
  return bpf_task_storage_delete(&tasks, task);
}

char LICENSE[] SEC("license") = "GPL";
