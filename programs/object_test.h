/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types that object_test.bpf.c shares with object_test.cc.
 */

#ifndef BPFMAP_PROGRAMS_OBJECT_TEST_H_
#define BPFMAP_PROGRAMS_OBJECT_TEST_H_

#include <linux/types.h>

struct settings {
  __u64 limit;
  __u32 weights[3];
  char name[12];
};

struct sample {
  __u32 cpu;
  __u32 pid;
  char comm[16];
};

#endif /* BPFMAP_PROGRAMS_OBJECT_TEST_H_ */
