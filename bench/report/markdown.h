// SPDX-License-Identifier: Apache-2.0

// The tables of RESULTS.md, from the rows of one run or of several.

#ifndef BPFMAP_BENCH_REPORT_MARKDOWN_H_
#define BPFMAP_BENCH_REPORT_MARKDOWN_H_

#include <string>

#include "absl/strings/string_view.h"
#include "bench/report/rows.h"

namespace bpfmap::bench {

// The line of RESULTS.md after which all is made by MarkdownTables().
inline constexpr char kTablesBegin[] =
    "<!-- From here on: bench/report --markdown -->\n";

// The machine, and a table for each map and size: ours in the program view
// beside the kernel in a program, with the goal; then the user view, other
// libraries, percentiles and memory; and keys that collide.
std::string MarkdownTables(const ReportRun& run);

// `text` up to kTablesBegin, and `tables`. Where it has no such line, it comes
// at its end.
std::string ReplaceTables(absl::string_view text, absl::string_view tables);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_MARKDOWN_H_
