// SPDX-License-Identifier: Apache-2.0

// The goals: how many times the floor (floor.h) a map of this library may take
// in a program, in the same run. A ratio to the kernel's map says more about
// the kernel and the machine than about the map.

#ifndef BPFMAP_BENCH_GOALS_H_
#define BPFMAP_BENCH_GOALS_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace bpfmap::bench {

// Nothing where there is no such goal.
std::optional<double> GoalOf(absl::string_view map,
                             absl::string_view operation);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_GOALS_H_
