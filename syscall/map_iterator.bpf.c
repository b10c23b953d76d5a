// SPDX-License-Identifier: Apache-2.0
//
// A program of an iterator: a line for each element of a map, which it counts
// up, and one after the last.

#include <linux/bpf.h>
// The next header needs the types of bpf.h.
#include <bpf/bpf_helpers.h>

struct seq_file;

struct bpf_map {
  __u32 max_entries;
  __u32 key_size;
} __attribute__((preserve_access_index));

struct bpf_iter_meta {
  struct seq_file *seq;
  __u64 seq_num;
} __attribute__((preserve_access_index));

struct bpf_iter__bpf_map_elem {
  struct bpf_iter_meta *meta;
  struct bpf_map *map;
  void *key;
  void *value;
} __attribute__((preserve_access_index));

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
} hash SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u64);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_QUEUE);
  __uint(max_entries, 8);
  __uint(value_size, 8);
} queue SEC(".maps");

SEC("iter/bpf_map_elem")
int dump(struct bpf_iter__bpf_map_elem *ctx) {
  static const char element[] = "%llu: %u is %llu\n";
  static const char end[] = "%llu: of %u, keys of %u\n";
  static const char line[] = "--\n";
  struct seq_file *seq = ctx->meta->seq;
  __u64 numbers[3];
  __u32 *key = ctx->key;
  __u64 *value = ctx->value;

  numbers[0] = ctx->meta->seq_num;
  if (!key || !value) {
    numbers[1] = ctx->map->max_entries;
    numbers[2] = ctx->map->key_size;
    bpf_seq_printf(seq, end, sizeof end, numbers, sizeof numbers);
    bpf_seq_write(seq, line, sizeof line - 1);
    return 0;
  }
  numbers[1] = *key;
  numbers[2] = *value;
  *value += 1;
  bpf_seq_printf(seq, element, sizeof element, numbers, sizeof numbers);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
