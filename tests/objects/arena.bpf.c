// SPDX-License-Identifier: Apache-2.0
//
// Programs that share an arena with arena.cc.

#include <linux/bpf.h>
// The next header needs the types of bpf.h.
#include <bpf/bpf_helpers.h>

#include "arena.h"

struct {
  __uint(type, 33);  // BPF_MAP_TYPE_ARENA
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, kPages);
} arena SEC(".maps");

extern void *bpf_arena_alloc_pages(void *map, void *address, __u32 pages,
                                   int node, __u64 flags) __ksym;
extern void bpf_arena_free_pages(void *map, void *address, __u32 pages) __ksym;

// The instruction addr_space_cast on the register of a variable, for compilers
// that do not know it: rX = addr_space_cast(rX, spaces >> 16, spaces & 0xffff).
#define CAST(variable, spaces)                  \
  asm volatile(                                 \
      ".byte 0xbf\n"                            \
      ".ifc %[reg], r0\n .byte 0x00\n .endif\n" \
      ".ifc %[reg], r1\n .byte 0x11\n .endif\n" \
      ".ifc %[reg], r2\n .byte 0x22\n .endif\n" \
      ".ifc %[reg], r3\n .byte 0x33\n .endif\n" \
      ".ifc %[reg], r4\n .byte 0x44\n .endif\n" \
      ".ifc %[reg], r5\n .byte 0x55\n .endif\n" \
      ".ifc %[reg], r6\n .byte 0x66\n .endif\n" \
      ".ifc %[reg], r7\n .byte 0x77\n .endif\n" \
      ".ifc %[reg], r8\n .byte 0x88\n .endif\n" \
      ".ifc %[reg], r9\n .byte 0x99\n .endif\n" \
      ".short 1\n"                              \
      ".long %[operand]\n"                      \
      : [reg] "+r"(variable)                    \
      : [operand] "i"(spaces))
#define TO_KERNEL(variable) CAST(variable, 1)
#define TO_USER(variable) CAST(variable, 1 << 16)

// What a run is asked for, and what it answers.
struct Request request = {};

SEC("syscall")
int allocate(void *context) {
  request.address =
      (__u64)bpf_arena_alloc_pages(&arena, (void *)request.address,
                                   request.pages, request.node, request.flags);
  return 0;
}

SEC("syscall")
int release(void *context) {
  bpf_arena_free_pages(&arena, (void *)request.address, request.pages);
  return 0;
}

// Builds a list of nodes from an address on; the answer is its head.
SEC("syscall")
int build(void *context) {
  __u64 next = 0;
  for (int i = 0; i < kNodes; ++i) {
    struct Node *node = (struct Node *)request.address + i;
    TO_KERNEL(node);
    node->next = (struct Node *)next;
    node->value = i * i;
    TO_USER(node);
    next = (__u64)node;
  }
  request.address = next;
  // The verifier knows the arena of a program by its map.
  return bpf_arena_alloc_pages(&arena, 0, 0, -1, 0) != 0;
}

// Adds up the values of a list.
SEC("syscall")
int sum(void *context) {
  __u64 next = request.address;
  __u64 result = 0;
  for (int i = 0; i < 2 * kNodes; ++i) {
    if (next == 0) break;
    struct Node *node = (struct Node *)next;
    TO_KERNEL(node);
    result += node->value;
    next = (__u64)node->next;
  }
  request.value = result;
  return bpf_arena_alloc_pages(&arena, 0, 0, -1, 0) != 0;
}

// Stores a value and loads it again.
SEC("syscall")
int store(void *context) {
  __u64 *at = (__u64 *)request.address;
  TO_KERNEL(at);
  *(volatile __u64 *)at = request.value;
  request.value = *(volatile __u64 *)at;
  return bpf_arena_alloc_pages(&arena, 0, 0, -1, 0) != 0;
}

char LICENSE[] SEC("license") = "GPL";
