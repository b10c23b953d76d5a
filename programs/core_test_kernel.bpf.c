// SPDX-License-Identifier: Apache-2.0
//
// The types of the kernel that core_test.cc gives to core_test.bpf.c.

// Headers of libbpf need the types of Linux.
// clang-format off
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
// clang-format on

enum state { STATE_NEW, STATE_OLD, STATE_GONE = 7 };

struct inner {
  long before[2];
  int value;
  int more;
};

struct task {
  long before;
  struct {
    struct inner *inner;
    int slots[8];
  };
  unsigned char other : 4;
  unsigned char nice : 3;
  long pid;
};

struct task task;
enum state state;
struct inner inner;

SEC("raw_tp/a")
int unused(void *ctx) {
  state = STATE_GONE;
  return task.pid + inner.more;
}
