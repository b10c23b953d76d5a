// SPDX-License-Identifier: Apache-2.0
//
// The chart of README.md: a hash map of this library and the kernel's own, made
// from the tables of RESULTS.md.

#ifndef BPFMAP_BENCH_REPORT_README_CHART_H_
#define BPFMAP_BENCH_REPORT_README_CHART_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bpfmap::bench {

enum class ColorScheme { kLight, kDark };

// A line of the chart: one operation with one number of entries.
struct ReadmeChartRow {
  std::string operation;  // "lookup_hit"
  std::string entries;    // "64K"
  double ours_ns = 0;
  double kernel_ns = 0;
};

// The rows of RESULTS.md, the text of which is `results`, that the chart shows:
// hash maps with keys of 4 and values of 8 bytes, one thread, in a program.
//   NOT_FOUND  `results` lacks one of them, or a number in it
absl::StatusOr<std::vector<ReadmeChartRow>> ReadmeChartRows(
    absl::string_view results);

// A whole SVG file. REQUIRES: rows of one operation stand together.
std::string ReadmeChart(const std::vector<ReadmeChartRow>& rows,
                        ColorScheme scheme);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_README_CHART_H_
