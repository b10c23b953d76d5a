// SPDX-License-Identifier: Apache-2.0

#include "tests/support/command_flags.h"

#include <cstdint>

#include "absl/flags/flag.h"
#include "tests/support/sanitizer.h"

ABSL_FLAG(uint64_t, seed, 1, "Where the random commands start from.");
ABSL_FLAG(uint64_t, steps, bpfmap::kSanitized ? 100000 : 1000000,
          "How many commands each test gives.");
