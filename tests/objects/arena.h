// SPDX-License-Identifier: Apache-2.0
//
// What arena.bpf.c and arena.cc share.

#ifndef BPFMAP_TESTS_OBJECTS_ARENA_H_
#define BPFMAP_TESTS_OBJECTS_ARENA_H_

#include <linux/types.h>

enum { kPages = 8, kNodes = 16 };

struct Node {
  struct Node *next;
  __u64 value;
};

struct Request {
  __u64 address;
  __u64 value;
  __u64 flags;
  __u32 pages;
  int node;
};

#endif  // BPFMAP_TESTS_OBJECTS_ARENA_H_
