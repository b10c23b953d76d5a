// SPDX-License-Identifier: Apache-2.0

// RandomSeed: where the random numbers of a test start.
//
// Link a test that uses it with :random_seed in place of gtest_main.

#ifndef BPFMAP_TESTS_SUPPORT_RANDOM_SEED_H_
#define BPFMAP_TESTS_SUPPORT_RANDOM_SEED_H_

#include <cstdint>

namespace bpfmap {

// --seed=N where it was given, else another number in every run. Printed at the
// start of the run, so that a run can be repeated as far as chance goes; what
// the threads of a test do at the same time is not part of it.
uint64_t RandomSeed();

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_RANDOM_SEED_H_
