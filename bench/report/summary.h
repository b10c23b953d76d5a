// SPDX-License-Identifier: Apache-2.0

// The parts of a report that compare ours with the kernel and the peers.

#ifndef BPFMAP_BENCH_REPORT_SUMMARY_H_
#define BPFMAP_BENCH_REPORT_SUMMARY_H_

#include <string>

#include "bench/report/rows.h"

namespace bpfmap::bench {

// "key 4 B, value 8 B · 2 threads · zipf keys".
std::string DescribeSetting(const ReportRowName& name);

// For each map and series of ours: how many times as fast, on average.
std::string SummaryTiles(const ReportRun& run);

// For each map and series of ours: a table of every setting. Tables of the
// profile "cloud" are open, all others closed.
std::string SummaryTables(const ReportRun& run);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_SUMMARY_H_
