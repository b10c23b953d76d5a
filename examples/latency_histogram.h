/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types that latency_histogram shares with its users, in C and C++.
 */

#ifndef EXAMPLES_LATENCY_HISTOGRAM_H_
#define EXAMPLES_LATENCY_HISTOGRAM_H_

#include <linux/types.h>

/* Slot n counts what took 2^n us and more, up to twice that; slot 0 what took
   less, too, and the last one what took longer. */
#define LATENCY_SLOTS 27

/* The fate of the calls. */
struct totals {
  __u64 calls; /* that gave bytes, or the end of the file */
  __u64 bytes; /* that they gave */
  __u64 failed;
};

#endif /* EXAMPLES_LATENCY_HISTOGRAM_H_ */
