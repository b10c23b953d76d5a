#include "tests/command_flags.h"

#include <cstdint>

#include "absl/flags/flag.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSteps = 100000;
#else
constexpr uint64_t kSteps = 1000000;
#endif

ABSL_FLAG(uint64_t, seed, 1, "Where the random commands start from.");
ABSL_FLAG(uint64_t, steps, kSteps, "How many commands each test gives.");
