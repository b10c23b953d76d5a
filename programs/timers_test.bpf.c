// SPDX-License-Identifier: Apache-2.0
//
// Programs with timers, for timers_test.cc.

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_helpers.h>

#define SECOND 1000000000ULL

struct flow {
  __u64 packets;
  struct bpf_timer idle;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16);
  __type(key, __u32);
  __type(value, struct flow);
} flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, struct flow);
} ticks SEC(".maps");

__u64 ended_at = 0;
__u32 wrong = 0;

static int end_flow(void *map, __u32 *key, struct flow *flow) {
  ended_at = bpf_ktime_get_ns();
  bpf_map_delete_elem(&flows, key);
  return 0;
}

// Ends flow `mark` 30 seconds after its last packet.
SEC("tc")
int count(struct __sk_buff *skb) {
  static const struct flow none;
  __u32 key = skb->mark;
  struct flow *flow = bpf_map_lookup_elem(&flows, &key);

  if (!flow) {
    bpf_map_update_elem(&flows, &key, &none, BPF_NOEXIST);
    flow = bpf_map_lookup_elem(&flows, &key);
    if (!flow) return -1;
    bpf_timer_init(&flow->idle, &flows, 1);
    bpf_timer_set_callback(&flow->idle, end_flow);
  }
  flow->packets++;
  return bpf_timer_start(&flow->idle, 30 * SECOND, 0);
}

static int tick(void *map, __u32 *key, struct flow *flow) {
  flow->packets++;
  bpf_timer_start(&flow->idle, *key == 1 ? SECOND : 0, 0);
  return 0;
}

// Element `mark` ticks: 1, each second; 0, without end.
SEC("tc")
int start_ticks(struct __sk_buff *skb) {
  __u32 key = skb->mark;
  struct flow *flow = bpf_map_lookup_elem(&ticks, &key);

  if (!flow) return -1;
  bpf_timer_init(&flow->idle, &ticks, 1);
  bpf_timer_set_callback(&flow->idle, tick);
  return bpf_timer_start(&flow->idle, 0, 0);
}

static int fault(void *map, __u32 *key, struct flow *flow) {
  if (wrong == 1) *key = 7;
  if (wrong == 2) return ((__u32 *)key)[1];
  return 0;
}

SEC("tc")
int start_fault(struct __sk_buff *skb) {
  __u32 key = 0;
  struct flow *flow = bpf_map_lookup_elem(&ticks, &key);

  if (!flow) return -1;
  // The verifier refuses this one.
  if (skb->mark == 3) return *(volatile __u64 *)&flow->idle;
  if (skb->mark == 4) return bpf_timer_init(&flow->idle, &flows, 1);
  if (skb->mark == 5) return bpf_timer_init((void *)&flow->packets, &ticks, 1);
  bpf_timer_init(&flow->idle, &ticks, 1);
  bpf_timer_set_callback(&flow->idle, fault);
  return bpf_timer_start(&flow->idle, SECOND, 0);
}

// Maps with keys and values of other sizes.
#define SIZES(name, map_type, key_size, value_size)                     \
  struct name##_value {                                                 \
    struct bpf_timer timer;                                             \
    char rest[value_size];                                              \
  };                                                                    \
  struct name##_key {                                                   \
    unsigned char bytes[key_size];                                      \
  };                                                                    \
  struct {                                                              \
    __uint(type, map_type);                                             \
    __uint(max_entries, 16);                                            \
    __type(key, struct name##_key);                                     \
    __type(value, struct name##_value);                                 \
  } name SEC(".maps");                                                  \
  static int fire_##name(void *map, struct name##_key *key,             \
                         struct name##_value *value) {                  \
    value->rest[0] = key->bytes[0] + key->bytes[sizeof key->bytes - 1]; \
    return 0;                                                           \
  }                                                                     \
  SEC("tc")                                                             \
  int start_##name(struct __sk_buff *skb) {                             \
    static const struct name##_value none;                              \
    struct name##_key key = {};                                         \
    struct name##_value *value;                                         \
                                                                        \
    key.bytes[0] = key.bytes[sizeof key.bytes - 1] = skb->mark;         \
    bpf_map_update_elem(&name, &key, &none, BPF_ANY);                   \
    value = bpf_map_lookup_elem(&name, &key);                           \
    if (!value) return -1;                                              \
    bpf_timer_init(&value->timer, &name, 1);                            \
    bpf_timer_set_callback(&value->timer, fire_##name);                 \
    return bpf_timer_start(&value->timer, SECOND, 0);                   \
  }                                                                     \
  SEC("tc")                                                             \
  int look_##name(struct __sk_buff *skb) {                              \
    struct name##_key key = {};                                         \
    struct name##_value *value;                                         \
                                                                        \
    key.bytes[0] = key.bytes[sizeof key.bytes - 1] = skb->mark;         \
    value = bpf_map_lookup_elem(&name, &key);                           \
    return value ? value->rest[0] : -1;                                 \
  }

SIZES(hash_1, BPF_MAP_TYPE_HASH, 1, 8)
SIZES(hash_12, BPF_MAP_TYPE_HASH, 12, 8)
SIZES(hash_8_large, BPF_MAP_TYPE_HASH, 8, 300)
SIZES(lru_1, BPF_MAP_TYPE_LRU_HASH, 1, 8)
SIZES(lru_5, BPF_MAP_TYPE_LRU_HASH, 5, 8)
SIZES(lru_8, BPF_MAP_TYPE_LRU_HASH, 8, 300)
SIZES(lru_12, BPF_MAP_TYPE_LRU_HASH, 12, 8)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
