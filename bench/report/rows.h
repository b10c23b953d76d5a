// SPDX-License-Identifier: Apache-2.0

// The rows of a benchmark run, read from the JSON of Google Benchmark.
//
// Nothing that the file says is dropped silently: what has no time, or a name
// of another form, comes back as a RowWithoutResult.

#ifndef BPFMAP_BENCH_REPORT_ROWS_H_
#define BPFMAP_BENCH_REPORT_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bpfmap::bench {

// The parts of the name of a row.
struct ReportRowName {
  std::string map;        // "hash"
  std::string operation;  // "lookup_hit"
  std::string implementation;
  std::string view;  // "program" or "user"
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  uint64_t entries = 0;
  std::string
      keys;  // "uniform", "zipf", ...; empty where the name does not say
  int threads = 1;

  std::string Series() const { return implementation + "/" + view; }

  friend bool operator==(const ReportRowName&, const ReportRowName&) = default;
};

// Reads MAP/OPERATION/IMPLEMENTATION/VIEW/kKEYvVALUE/nENTRIES[/KEYS], followed
// by what Google Benchmark appends: real_time, repeats:N, threads:N and so on.
std::optional<ReportRowName> ParseRowName(absl::string_view name);

struct ReportRow {
  std::string full_name;
  ReportRowName name;

  // Nanoseconds that one operation takes one thread: the median of the
  // repetitions.
  double ns_per_op = 0;

  // Of the repetitions, where the file has them one by one.
  int repetitions = 0;
  double fastest_ns = 0;
  double slowest_ns = 0;

  bool at_most = false;  // ns_per_op is more than the truth: see timed_loop.h

  // Latency percentiles, in nanoseconds.
  std::optional<double> p50, p99, p999;
  std::optional<double> bytes_per_entry;
};

struct RowWithoutResult {
  std::string full_name;
  std::optional<ReportRowName> name;
  std::string why;
};

struct ReportRun {
  // Label and value, in the order in which they are shown.
  std::vector<std::pair<std::string, std::string>> machine;
  std::vector<ReportRow> rows;  // as ordered in the file
  std::vector<RowWithoutResult> without_result;
};

// kInvalidArgument, with a message of one line, where `json` is not JSON, is
// not of Google Benchmark, or holds no row at all.
absl::StatusOr<ReportRun> ReadRun(absl::string_view json);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_ROWS_H_
