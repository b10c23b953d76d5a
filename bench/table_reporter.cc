// SPDX-License-Identifier: Apache-2.0

#include "bench/table_reporter.h"

#include <unistd.h>

#include <cstdio>
#include <ostream>

namespace bpfmap::bench {
namespace {

double CounterOf(const benchmark::BenchmarkReporter::Run& run,
                 const char* name) {
  const auto found = run.counters.find(name);
  return found == run.counters.end() ? 0 : found->second.value;
}

// Of the repetitions of a row, the last one's percentiles count.
void Take(const benchmark::BenchmarkReporter::Run& run, Result* result) {
  result->name = run.run_name.str();
  if (run.error_occurred) result->error = run.error_message;
  result->seconds.push_back(CounterOf(run, "time_per_op"));
  result->p50 = CounterOf(run, "p50");
  result->p99 = CounterOf(run, "p99");
  result->p999 = CounterOf(run, "p999");
  result->bytes_per_entry = CounterOf(run, "bytes_per_entry");
  result->at_most = CounterOf(run, "at_most") > 0;
}

}  // namespace

TableReporter::TableReporter(size_t rows)
    : rows_(rows), is_terminal_(isatty(STDERR_FILENO) != 0) {}

bool TableReporter::ReportContext(const Context& context) {
  PrintBasicContext(&GetErrorStream(), context);
  return true;
}

void TableReporter::ReportRuns(const std::vector<Run>& runs) {
  Result result;
  for (const Run& run : runs) {
    if (run.run_type == Run::RT_Iteration) Take(run, &result);
  }
  // Aggregates come in a call of their own. They are needed only with
  // --benchmark_report_aggregates_only, as then they come alone.
  for (const Run& run : runs) {
    if (run.aggregate_name != "median") continue;
    const bool is_known =
        !results_.empty() && results_.back().name == run.run_name.str();
    if (!is_known) Take(run, &result);
  }
  if (result.name.empty()) return;
  ShowProgress(result.name);
  if (!result.error.empty()) {
    std::fprintf(stderr, "\n%s: ERROR: %s\n", result.name.c_str(),
                 result.error.c_str());
  }
  results_.push_back(result);
}

// A line that is written over, or in a file one every ten seconds.
void TableReporter::ShowProgress(const std::string& name) {
  const auto now = Clock::now();
  const size_t done = results_.size() + 1;
  if (!is_terminal_ && now < next_line_ && done < rows_) return;
  next_line_ = now + std::chrono::seconds(10);
  const long long elapsed =
      std::chrono::duration_cast<std::chrono::seconds>(now - start_).count();
  std::fprintf(stderr, "%srow %zu of %zu, %lld:%02lld elapsed: %s%s",
               is_terminal_ ? "\r\033[K" : "", done, rows_, elapsed / 60,
               elapsed % 60, name.c_str(),
               is_terminal_ && done < rows_ ? "" : "\n");
}

void TableReporter::Finalize() {
  GetOutputStream() << ResultTable(results_) << std::flush;
}

}  // namespace bpfmap::bench
