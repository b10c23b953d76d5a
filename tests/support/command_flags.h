// SPDX-License-Identifier: Apache-2.0

// The flags of tests that give random commands:
//
//   --seed=1         where the commands start from
//   --steps=1000000  how many commands each test gives
//
// Under a sanitizer, a tenth of the steps is the default.

#ifndef BPFMAP_TESTS_SUPPORT_COMMAND_FLAGS_H_
#define BPFMAP_TESTS_SUPPORT_COMMAND_FLAGS_H_

#include <cstdint>

#include "absl/flags/declare.h"

ABSL_DECLARE_FLAG(uint64_t, seed);
ABSL_DECLARE_FLAG(uint64_t, steps);

#endif  // BPFMAP_TESTS_SUPPORT_COMMAND_FLAGS_H_
