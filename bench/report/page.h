// SPDX-License-Identifier: Apache-2.0

// A report: one page of HTML that needs nothing else.
//
// It has no script, and a Content-Security-Policy that forbids any, as it does
// everything from elsewhere.
//
// A test can rely on this: a mark in a chart is a <g class="mark"> with
// data-series, the series that it belongs to, and data-row, the name of the
// row; and a series in a legend is an <li> with data-series.

#ifndef BPFMAP_BENCH_REPORT_PAGE_H_
#define BPFMAP_BENCH_REPORT_PAGE_H_

#include <string>

#include "bench/report/rows.h"

namespace bpfmap::bench {

inline constexpr char kReportPolicy[] =
    "default-src 'none'; style-src 'unsafe-inline'";

// `title` is shown above everything else.
std::string ReportPage(const ReportRun& run, const std::string& title);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_PAGE_H_
