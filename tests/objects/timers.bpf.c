// SPDX-License-Identifier: Apache-2.0
//
// Timers in the values of maps: each run does one step with one timer.

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_helpers.h>

#include "timers.h"

struct element {
  __u64 fired;
  struct bpf_timer timer;
  __u64 mode;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, struct element);
} in_array SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, struct element);
} in_hash SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, struct element);
} in_lru SEC(".maps");

__u32 step = 0;
__u32 key = 0;
__u64 number = 0;
__u64 flags = 0;

__s64 result = 0;
__s64 fired_result = 0;
__u32 fired_key = 0;
__u32 fired_other = 0;

static __always_inline int fire(void *map, const __u32 *at,
                                struct element *element) {
  element->fired++;
  fired_key = *at;
  switch (element->mode) {
    case MODE_AGAIN:
      if (element->fired < 3) bpf_timer_start(&element->timer, 1000, 0);
      break;
    case MODE_CANCEL:
      fired_result = bpf_timer_cancel(&element->timer);
      break;
    case MODE_DELETE:
      fired_result = bpf_map_delete_elem(map, at);
      break;
    case MODE_INIT:
      fired_result = bpf_timer_init(&element->timer, map, 1);
      break;
    default:
      break;
  }
  return 0;
}

static int fire_in_array(void *map, __u32 *at, struct element *element) {
  return fire(&in_array, at, element);
}
static int fire_in_hash(void *map, __u32 *at, struct element *element) {
  return fire(&in_hash, at, element);
}
static int fire_in_lru(void *map, __u32 *at, struct element *element) {
  return fire(&in_lru, at, element);
}
static int fire_other(void *map, __u32 *at, struct element *element) {
  fired_other++;
  return 0;
}

#define STEPS(name)                                                           \
  SEC("tc")                                                                   \
  int on_##name(struct __sk_buff *skb) {                                      \
    struct element *element;                                                  \
    __u32 at = key;                                                           \
                                                                              \
    element = bpf_map_lookup_elem(&name, &at);                                \
    if (!element) return -1;                                                  \
    switch (step) {                                                           \
      case STEP_INIT:                                                         \
        result = bpf_timer_init(&element->timer, &name, flags);               \
        break;                                                                \
      case STEP_SET_CALLBACK:                                                 \
        result = bpf_timer_set_callback(&element->timer, fire_##name);        \
        break;                                                                \
      case STEP_SET_OTHER:                                                    \
        result = bpf_timer_set_callback(&element->timer, fire_other);         \
        break;                                                                \
      case STEP_START:                                                        \
        result = bpf_timer_start(&element->timer, number, flags);             \
        break;                                                                \
      case STEP_START_AT:                                                     \
        result =                                                              \
            bpf_timer_start(&element->timer, bpf_ktime_get_ns() + number, 1); \
        break;                                                                \
      case STEP_CANCEL:                                                       \
        result = bpf_timer_cancel(&element->timer);                           \
        break;                                                                \
      case STEP_SET_MODE:                                                     \
        element->mode = number;                                               \
        break;                                                                \
      default:                                                                \
        break;                                                                \
    }                                                                         \
    return 0;                                                                 \
  }

STEPS(in_array)
STEPS(in_hash)
STEPS(in_lru)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
