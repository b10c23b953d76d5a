// SPDX-License-Identifier: Apache-2.0

// The series of a report, and what is compared with what.
//
// A series is an implementation in a view: "cloud/program". A setting is all
// that is equal where two rows are compared: map, operation, key and value
// size, order of keys, threads, entries.

#ifndef BPFMAP_BENCH_REPORT_SERIES_H_
#define BPFMAP_BENCH_REPORT_SERIES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "bench/report/rows.h"

namespace bpfmap::bench {

enum class Role { kOurs, kFloor, kKernel, kPeer };

// By the first word of the name: "cloud", "embedded" and "cloud_final" are
// ours, "floor" is the floor (bench/floor.h), "kernel" is the kernel, all
// others are peers.
Role RoleOf(absl::string_view implementation);

struct Series {
  std::string name;
  std::string implementation;
  std::string view;
  Role role = Role::kPeer;
  int color = 0;  // an index into kPalette, the same in every view
};

// All series, as they stand in every chart: by view, then ours, the floor, the
// kernel and the peers, then as ordered in the file.
std::vector<Series> AllSeries(const ReportRun& run);

bool SameSetting(const ReportRowName& a, const ReportRowName& b);

// A row of ours beside the rows that it is compared with, which may be null.
struct Comparison {
  const ReportRow* ours = nullptr;
  const ReportRow* floor = nullptr;   // in the same view
  const ReportRow* kernel = nullptr;  // in the same view
  // The fastest in the same view; where no peer has that view, in any.
  const ReportRow* best_peer = nullptr;
};

// One for each row of ours, as ordered in the file. Points into `run`.
std::vector<Comparison> Compare(const ReportRun& run);

// How many times as fast as `other` a row is. Nothing without `other`, or where
// a time is 0.
std::optional<double> TimesAsFast(const ReportRow& row, const ReportRow* other);

// How many times the floor a row takes; the same where there is none.
std::optional<double> TimesTheFloor(const ReportRow& row,
                                    const ReportRow* floor);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_SERIES_H_
