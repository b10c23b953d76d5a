// SPDX-License-Identifier: Apache-2.0
//
// Programs that call functions of the kernel as they must not, for
// kernel_functions_test.cc.

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_helpers.h>

struct bpf_iter_num {
  __u64 opaque;
};

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;

SEC("tc")
int kept(struct __sk_buff *skb) {
  struct bpf_iter_num it;

  return bpf_iter_num_new(&it, 0, 3);
}

SEC("tc")
int none(struct __sk_buff *skb) {
  struct bpf_iter_num it = {};

  return bpf_iter_num_next(&it) != 0;
}

SEC("tc")
int overwritten(struct __sk_buff *skb) {
  struct bpf_iter_num it;

  bpf_iter_num_new(&it, 0, 3);
  *(volatile __u64 *)&it = 3;
  bpf_iter_num_next(&it);
  bpf_iter_num_destroy(&it);
  return 0;
}

SEC("tc")
int written(struct __sk_buff *skb) {
  struct bpf_iter_num it;
  int *next;

  bpf_iter_num_new(&it, 0, 3);
  next = bpf_iter_num_next(&it);
  if (next) *(volatile int *)next = 7;
  bpf_iter_num_destroy(&it);
  return 0;
}

SEC("tc")
int late(struct __sk_buff *skb) {
  struct bpf_iter_num it;
  int *next;

  bpf_iter_num_new(&it, 0, 3);
  next = bpf_iter_num_next(&it);
  bpf_iter_num_destroy(&it);
  return next ? *next : 0;
}

SEC("tc")
int unchecked(struct __sk_buff *skb) {
  struct bpf_iter_num it;
  int next;

  bpf_iter_num_new(&it, 0, 0);
  next = *bpf_iter_num_next(&it);
  bpf_iter_num_destroy(&it);
  return next;
}

SEC("tc")
int locked(struct __sk_buff *skb) {
  bpf_rcu_read_lock();
  return 0;
}

SEC("tc")
int unlocked(struct __sk_buff *skb) {
  bpf_rcu_read_unlock();
  return 0;
}

SEC("tc")
int absent(struct __sk_buff *skb) {
  bpf_obj_drop_impl(0, 0);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
