/* SPDX-License-Identifier: Apache-2.0
 *
 * For BPF programs and their users: a histogram by powers of 2. Slot n counts
 * values from 2^n to 2^(n+1) - 1, slot 0 also 0; the last one all that are
 * larger.
 */

#ifndef EXAMPLES_TOOLS_HISTOGRAM_H_
#define EXAMPLES_TOOLS_HISTOGRAM_H_

#include <linux/types.h>

#define SLOTS 27

#ifdef __bpf__

static __always_inline __u32 slot_of(__u64 value) {
  __u32 slot = 0;
#pragma unroll
  for (__u32 step = 32; step != 0; step /= 2) {
    if (value >> step) {
      value >>= step;
      slot += step;
    }
  }
  return slot < SLOTS ? slot : SLOTS - 1;
}

#else

#include <stdio.h>

static inline void print_histogram(const __u32 slots[SLOTS], const char *unit) {
  __u32 most = 1;
  int last = -1;
  for (int i = 0; i < SLOTS; i++) {
    if (slots[i] != 0) last = i;
    if (slots[i] > most) most = slots[i];
  }
  printf("%21s : %-7s distribution\n", unit, "count");
  for (int i = 0; i <= last; i++) {
    const int stars = (int)(40ULL * slots[i] / most);
    printf("%9llu -> %-9llu: %-7u |%-40.*s|\n", i == 0 ? 0ULL : 1ULL << i,
           (2ULL << i) - 1, slots[i], stars,
           "****************************************");
  }
}

#endif /* __bpf__ */

#endif /* EXAMPLES_TOOLS_HISTOGRAM_H_ */
