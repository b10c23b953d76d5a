// SPDX-License-Identifier: Apache-2.0

// A chart as inline SVG: a line for each series, a column for each x, and in
// each cell a mark with its value beside it. All columns share one scale.

#ifndef BPFMAP_BENCH_REPORT_CHART_H_
#define BPFMAP_BENCH_REPORT_CHART_H_

#include <optional>
#include <string>
#include <vector>

#include "bench/report/series.h"

namespace bpfmap::bench {

struct ChartCell {
  std::optional<double> value;
  std::string full_name;  // of the row that it is from
  std::string tooltip;
  bool failed = false;  // there is a row, without a result
};

struct ChartLine {
  Series series;
  std::vector<ChartCell> cells;  // as many as there are columns
};

struct Chart {
  std::string label;  // for those who cannot see it
  std::vector<std::string> columns;
  std::vector<ChartLine> lines;  // those of one view stand together
  std::string (*format)(double) = nullptr;
};

// The mark of a series, 14 by 14, around (x, y) of an SVG.
std::string Mark(const Series& series, double x, double y);

// Whether its SVG needs the width of the page.
bool IsWide(const Chart& chart);

std::string ChartSvg(const Chart& chart);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_CHART_H_
