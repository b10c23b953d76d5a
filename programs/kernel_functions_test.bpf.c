// SPDX-License-Identifier: Apache-2.0
//
// Programs that call functions of the kernel, for kernel_functions_test.cc and
// the kernel itself.

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
extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;
extern void bpf_throw(__u64 cookie) __ksym;

// As the macros bpf_for() and bpf_repeat() of newer libbpf do.
#define FOR(i, start, end)                                                \
  for (struct bpf_iter_num it                                             \
       __attribute__((aligned(8), cleanup(bpf_iter_num_destroy))),        \
       *unused                                                            \
       __attribute__((unused)) = (bpf_iter_num_new(&it, (start), (end)),  \
                                  (void)bpf_iter_num_destroy, (void *)0); \
       ({                                                                 \
         int *next = bpf_iter_num_next(&it);                              \
         (i) = next ? *next : 0;                                          \
         next;                                                            \
       });)

struct range {
  int start, end;
};

struct range range = {};
__u64 sum = 0;
__u32 turns = 0;
int wrong = 0;

SEC("tc")
int add(struct __sk_buff *skb) {
  int i;

  sum = turns = 0;
  FOR(i, range.start, range.end) {
    sum += i;
    turns++;
  }
  return 0;
}

SEC("tc")
int result_of_new(struct __sk_buff *skb) {
  struct bpf_iter_num it __attribute__((aligned(8)));
  int result = bpf_iter_num_new(&it, range.start, range.end);

  if (!bpf_iter_num_next(&it)) result += 1000;
  bpf_iter_num_destroy(&it);
  return result;
}

SEC("tc")
int nested(struct __sk_buff *skb) {
  int i, j;

  sum = turns = 0;
  FOR(i, 0, range.end) {
    FOR(j, i, range.end) {
      if (j == 7) break;
      sum += j;
      turns++;
    }
  }
  return turns;
}

SEC("tc")
int sections(struct __sk_buff *skb) {
  bpf_rcu_read_lock();
  bpf_preempt_disable();
  sum = skb->len;
  bpf_preempt_enable();
  bpf_rcu_read_unlock();
  return 3;
}

__noinline int throw_more_than(int most) {
  if (turns > most) bpf_throw(44);
  return turns;
}

SEC("tc")
int thrown(struct __sk_buff *skb) {
  turns = skb->mark;
  throw_more_than(5);
  return 1;
}

// Jumps until the kernel has enough: `may_goto` has no name in this compiler.
SEC("tc")
int may_goto(struct __sk_buff *skb) {
  turns = 0;
  for (;;) {
    asm volatile goto(
        "1: .byte 0xe5; .byte 0;"
        ".long ((%l[out] - 1b - 8) / 8) & 0xffff; .short 0" ::
            :
        : out);
    if (++turns == 200000) break;
  }
out:
  return turns == 200000;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
