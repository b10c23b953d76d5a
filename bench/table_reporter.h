// SPDX-License-Identifier: Apache-2.0

// TableReporter: shows on stderr how far a run is, and at its end the table on
// stdout.

#ifndef BPFMAP_BENCH_TABLE_REPORTER_H_
#define BPFMAP_BENCH_TABLE_REPORTER_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "bench/result_table.h"
#include "benchmark/benchmark.h"

namespace bpfmap::bench {

class TableReporter final : public benchmark::BenchmarkReporter {
 public:
  // For a run of so many rows.
  explicit TableReporter(size_t rows);

  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

 private:
  using Clock = std::chrono::steady_clock;

  void ShowProgress(const std::string& name);

  const size_t rows_;
  const bool is_terminal_;  // stderr
  const Clock::time_point start_ = Clock::now();
  Clock::time_point next_line_ = start_;
  std::vector<Result> results_;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_TABLE_REPORTER_H_
