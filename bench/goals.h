// SPDX-License-Identifier: Apache-2.0

// The goals: how many times as fast as the kernel's map in a program a map of
// this library is to be in a program, in the same run.

#ifndef BPFMAP_BENCH_GOALS_H_
#define BPFMAP_BENCH_GOALS_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace bpfmap::bench {

// Nothing where there is no such goal. Of sizes in between, the goal is that of
// the next smaller one. Values of 64 bytes need reach 80% of the goal for those
// of 8.
std::optional<double> GoalOf(absl::string_view map, absl::string_view operation,
                             uint32_t value_size, uint64_t entries,
                             int threads);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_GOALS_H_
