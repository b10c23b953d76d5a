// SPDX-License-Identifier: Apache-2.0

// The charts of a report, each with a table of its values below.

#ifndef BPFMAP_BENCH_REPORT_FIGURES_H_
#define BPFMAP_BENCH_REPORT_FIGURES_H_

#include <string>
#include <vector>

#include "bench/report/rows.h"
#include "bench/report/series.h"

namespace bpfmap::bench {

// One map and one operation. Points into a ReportRun.
struct ReportSection {
  std::string map;
  std::string operation;
  std::vector<const ReportRow*> rows;
  std::vector<const RowWithoutResult*> without_result;
};

// As ordered in the file.
std::vector<ReportSection> Sections(const ReportRun& run);

// The legend of a section and its charts: for each setting the time against
// entries, and the latency percentiles of every row that has them.
std::string TimeFigures(const ReportSection& section,
                        const std::vector<Series>& series);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_FIGURES_H_
