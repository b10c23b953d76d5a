// SPDX-License-Identifier: Apache-2.0
//
// guard: a policy for files: who may read, write and execute what lies under a
// path, by the longest path that has a rule; and which files nobody may remove.
//
// It denies what other policies of Linux allow, and allows nothing that they
// deny.

#include "examples/tools/guard.h"

#include <linux/bpf.h>
#include <linux/errno.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>

#include "examples/tools/kernel_types.h"

// Of open(2).
#define ACCESS_MODE 3
#define READ_ONLY 0
#define WRITE_ONLY 1
#define TRUNCATE 01000

// Whether denials are reported only.
const volatile bool is_permissive = false;
// A process that may do all: the one that keeps the rules.
const volatile __u32 keeper = 0;

__u64 denials = 0;
__u64 lost_events = 0;
__u64 nameless = 0;

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1024);
  __type(key, struct path_prefix);
  __type(value, struct path_rule);
} rules SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct file_id);
  __type(value, __u32);
} kept_files SEC(".maps");

// The path that is looked at, which is too large for the stack.
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct path_prefix);
} scratch SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 16);
} events SEC(".maps");

static __always_inline bool is_keeper(void) {
  return keeper && keeper == bpf_get_current_pid_tgid() >> 32;
}

static __always_inline struct path_prefix *new_path(void) {
  __u32 first = 0;
  struct path_prefix *path = bpf_map_lookup_elem(&scratch, &first);
  if (path) __builtin_memset(path, 0, sizeof *path);
  return path;
}

static __always_inline void report(const char *path, __u32 access,
                                   bool is_denied) {
  struct guard_event *event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (!event) {
    __sync_fetch_and_add(&lost_events, 1);
    return;
  }
  event->pid = bpf_get_current_pid_tgid() >> 32;
  event->uid = (__u32)bpf_get_current_uid_gid();
  event->access = access;
  event->is_denied = is_denied;
  bpf_get_current_comm(event->comm, sizeof event->comm);
  __builtin_memcpy(event->path, path, sizeof event->path);
  bpf_ringbuf_submit(event, 0);
}

static __always_inline int deny(const char *path, __u32 access) {
  __sync_fetch_and_add(&denials, 1);
  report(path, access, true);
  return is_permissive ? 0 : -EPERM;
}

// The result of the rules for a path, of which `length` bytes are known.
static __always_inline int judge(struct path_prefix *path, long length,
                                 __u32 access) {
  struct path_rule *rule;
  if (length <= 0) {
    // Files without a path, such as pipes, have no rule.
    __sync_fetch_and_add(&nameless, 1);
    return 0;
  }
  path->length = PATH_LENGTH * 8;
  rule = bpf_map_lookup_elem(&rules, path);
  if (!rule || rule->user == (__u32)bpf_get_current_uid_gid()) return 0;
  if (rule->denied & access) return deny(path->text, access);
  if (rule->audited & access) report(path->text, access, false);
  return 0;
}

static __always_inline __u32 access_of(const struct file *file) {
  __u32 flags = file->f_flags, access = 0;
  if ((flags & ACCESS_MODE) != WRITE_ONLY) access |= ACCESS_READ;
  if ((flags & ACCESS_MODE) != READ_ONLY || (flags & TRUNCATE)) {
    access |= ACCESS_WRITE;
  }
  return access;
}

SEC("lsm/file_open")
int BPF_PROG(on_open, struct file *file, int result) {
  struct path_prefix *path;
  if (result || is_keeper()) return result;
  path = new_path();
  if (!path) return 0;
  return judge(path, bpf_d_path(&file->f_path, path->text, PATH_LENGTH),
               access_of(file));
}

SEC("lsm/bprm_check_security")
int BPF_PROG(on_execute, struct linux_binprm *program, int result) {
  struct path_prefix *path;
  if (result || is_keeper()) return result;
  path = new_path();
  if (!path) return 0;
  return judge(
      path,
      bpf_probe_read_kernel_str(path->text, PATH_LENGTH, program->filename),
      ACCESS_EXECUTE);
}

SEC("lsm/inode_unlink")
int BPF_PROG(on_unlink, struct inode *folder, struct dentry *entry,
             int result) {
  struct file_id id = {};
  struct path_prefix *path;
  if (result || is_keeper()) return result;
  id.inode = entry->d_inode->i_ino;
  id.device = entry->d_inode->i_sb->s_dev;
  if (!bpf_map_lookup_elem(&kept_files, &id)) return 0;
  path = new_path();
  if (!path) return -EPERM;
  bpf_probe_read_kernel_str(path->text, PATH_LENGTH, entry->d_name.name);
  return deny(path->text, ACCESS_WRITE);
}

char LICENSE[] SEC("license") = "GPL";
