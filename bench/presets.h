// SPDX-License-Identifier: Apache-2.0

// Presets: which rows a run has.

#ifndef BPFMAP_BENCH_PRESETS_H_
#define BPFMAP_BENCH_PRESETS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/row_spec.h"

namespace bpfmap::bench {

enum class Preset {
  kSmoke,    // every contender and operation, on small maps, for a moment
  kGoals,    // hash and array, compared with the kernel: some minutes
  kTypes,    // the other types, in the same way
  kAttacks,  // this library's hash map, with keys against weak hash functions
  kFull,     // all there is but the attacks: hours
};

std::optional<Preset> PresetOf(const std::string& name);

// All rows, without the contender, in the order in which they run.
std::vector<RowSpec> RowsOf(Preset preset);

// Whether a contender has rows.
bool TakesPart(Preset preset, const std::string& contender);

// The least time for a row, in seconds, where nothing else is asked for; empty
// where it is Google Benchmark's own.
std::string MinTimeOf(Preset preset);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_PRESETS_H_
