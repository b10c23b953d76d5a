// SPDX-License-Identifier: Apache-2.0
//
// Work that is done later, bpf_wq, in the values of maps, and loops of
// iterators: functions of the kernel. Each run does one step.

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_helpers.h>

struct bpf_wq {
  __u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_iter_num {
  __u64 opaque;
} __attribute__((aligned(8)));

extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;
extern int bpf_wq_set_callback_impl(struct bpf_wq *wq,
                                    int(callback)(void *map, int *key,
                                                  void *value),
                                    unsigned int flags, void *aux) __ksym;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;

struct element {
  __u64 done;
  struct bpf_wq work;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __type(key, int);
  __type(value, struct element);
} hash SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 8);
  __type(key, int);
  __type(value, struct element);
} array SEC(".maps");

int step = 0;
int key = 0;
unsigned int flags = 0;
int result = 0;
__u64 seen_key = 0;
__u64 times = 0;

static int work(void *map, int *key, void *value) {
  seen_key = *key;
  __sync_fetch_and_add(&((struct element *)value)->done, 1);
  __sync_fetch_and_add(&times, 1);
  return 0;
}

#define STEPS(map)                                                         \
  SEC("tc")                                                                \
  int do_##map(struct __sk_buff *skb) {                                    \
    int at = key;                                                          \
    struct element *element = bpf_map_lookup_elem(&map, &at);              \
                                                                           \
    if (!element) return 1;                                                \
    switch (step) {                                                        \
      case 0:                                                              \
        result = bpf_wq_init(&element->work, &map, flags);                 \
        break;                                                             \
      case 1:                                                              \
        result = bpf_wq_set_callback_impl(&element->work, work, flags, 0); \
        break;                                                             \
      case 2:                                                              \
        result = bpf_wq_start(&element->work, flags);                      \
        break;                                                             \
    }                                                                      \
    return 0;                                                              \
  }

STEPS(hash)
STEPS(array)

// The sum of the numbers below `key`.
SEC("tc")
int add(struct __sk_buff *skb) {
  struct bpf_iter_num it;
  int *next;

  result = 0;
  bpf_iter_num_new(&it, 0, key);
  while ((next = bpf_iter_num_next(&it))) result += *next;
  bpf_iter_num_destroy(&it);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
