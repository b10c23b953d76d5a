// SPDX-License-Identifier: Apache-2.0

// The charts of a report about memory.

#ifndef BPFMAP_BENCH_REPORT_MEMORY_H_
#define BPFMAP_BENCH_REPORT_MEMORY_H_

#include <string>
#include <vector>

#include "bench/report/rows.h"
#include "bench/report/series.h"

namespace bpfmap::bench {

// For each map and size of keys and values: bytes per entry against entries,
// the largest of all operations. Empty where no row says.
std::string MemoryFigures(const ReportRun& run,
                          const std::vector<Series>& series);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_MEMORY_H_
