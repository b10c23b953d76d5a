// SPDX-License-Identifier: Apache-2.0

#include "bench/report/rows.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bench/report/machine.h"
#include "nlohmann/json.hpp"

namespace bpfmap::bench {
namespace {

using nlohmann::json;

// Reads "k4v8".
bool ParseSizes(absl::string_view text, ReportRowName& row) {
  if (!absl::ConsumePrefix(&text, "k")) return false;
  const std::pair<absl::string_view, absl::string_view> sizes =
      absl::StrSplit(text, absl::MaxSplits('v', 1));
  return absl::SimpleAtoi(sizes.first, &row.key_size) &&
         absl::SimpleAtoi(sizes.second, &row.value_size);
}

// See PatternName().
bool IsKeyPattern(absl::string_view text) {
  for (const char* pattern : {"uniform", "zipf", "sequential", "multiples",
                              "same_low_bits", "one_hash_range", "one_shard"}) {
    if (text == pattern) return true;
  }
  return false;
}

// The text that Google Benchmark appends to the name of a row, other than
// threads:N.
bool IsSuffix(absl::string_view text) {
  for (const char* exact : {"real_time", "process_time", "manual_time"}) {
    if (text == exact) return true;
  }
  for (const char* prefix :
       {"min_time:", "min_warmup_time:", "iterations:", "repeats:"}) {
    if (absl::StartsWith(text, prefix)) return true;
  }
  return false;
}

// JSON has no number for these, but Google Benchmark writes them.
std::string WithoutNonNumbers(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool in_string = false;
  for (size_t i = 0; i < text.size();) {
    const absl::string_view rest = text.substr(i);
    size_t length = 0;
    if (!in_string) {
      for (const absl::string_view word :
           {"NaN", "-NaN", "Infinity", "-Infinity"}) {
        if (absl::StartsWith(rest, word)) length = word.size();
      }
    }
    if (length > 0) {
      out += "null";
      i += length;
      continue;
    }
    if (in_string && text[i] == '\\' && i + 1 < text.size()) {
      out += text[i++];
    } else if (text[i] == '"') {
      in_string = !in_string;
    }
    out += text[i++];
  }
  return out;
}

std::optional<double> Number(const json& row, const char* key) {
  const auto it = row.find(key);
  if (it == row.end() || !it->is_number()) return std::nullopt;
  return it->get<double>();
}

std::string Text(const json& row, const char* key) {
  const auto it = row.find(key);
  return it != row.end() && it->is_string() ? it->get<std::string>() : "";
}

bool IsTrue(const json& row, const char* key) {
  const auto it = row.find(key);
  return it != row.end() && it->is_boolean() && it->get<bool>();
}

std::optional<double> NsPerOp(const json& row, int threads) {
  if (const auto seconds = Number(row, "time_per_op")) return *seconds * 1e9;
  const auto time = Number(row, "real_time");
  if (!time) return std::nullopt;
  const std::string unit = Text(row, "time_unit");
  const double ns = unit == "s"    ? 1e9
                    : unit == "ms" ? 1e6
                    : unit == "us" ? 1e3
                                   : 1;
  return *time * ns * threads;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle]
                                : (values[middle - 1] + values[middle]) / 2;
}

// All that a file says under one name.
struct Parts {
  std::vector<const json*> repetitions;
  const json* median = nullptr;
  std::vector<std::string> errors;
};

// `key` of the median; where there is none, the median of the repetitions.
std::optional<double> Counter(const Parts& parts, const char* key) {
  if (parts.median != nullptr) return Number(*parts.median, key);
  std::vector<double> values;
  for (const json* repetition : parts.repetitions) {
    if (const auto value = Number(*repetition, key)) values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  return Median(values);
}

std::optional<ReportRow> MakeRow(const std::string& full_name,
                                 const ReportRowName& name,
                                 const Parts& parts) {
  ReportRow row;
  row.full_name = full_name;
  row.name = name;
  std::vector<double> times;
  for (const json* repetition : parts.repetitions) {
    if (const auto ns = NsPerOp(*repetition, name.threads)) {
      times.push_back(*ns);
    }
  }
  if (!times.empty()) {
    row.repetitions = static_cast<int>(times.size());
    row.fastest_ns = *std::min_element(times.begin(), times.end());
    row.slowest_ns = *std::max_element(times.begin(), times.end());
    row.ns_per_op = Median(times);
  }
  if (parts.median != nullptr) {
    const auto ns = NsPerOp(*parts.median, name.threads);
    if (ns) {
      row.ns_per_op = *ns;
    } else if (times.empty()) {
      return std::nullopt;
    }
  } else if (times.empty()) {
    return std::nullopt;
  }
  row.at_most = Counter(parts, "at_most").value_or(0) > 0;
  row.p50 = Counter(parts, "p50");
  row.p99 = Counter(parts, "p99");
  row.p999 = Counter(parts, "p999");
  row.bytes_per_entry = Counter(parts, "bytes_per_entry");
  return row;
}

void AddPart(const json& row, Parts& parts) {
  if (IsTrue(row, "error_occurred")) {
    parts.errors.push_back(Text(row, "error_message"));
  } else if (IsTrue(row, "skipped")) {
    parts.errors.push_back(Text(row, "skip_message"));
  } else if (Text(row, "run_type") != "aggregate") {
    parts.repetitions.push_back(&row);
  } else if (Text(row, "aggregate_name") == "median") {
    parts.median = &row;
  }
}

void AddRow(const std::string& full_name, const Parts& parts, ReportRun& run) {
  const std::optional<ReportRowName> name = ParseRowName(full_name);
  const std::optional<ReportRow> row =
      name ? MakeRow(full_name, *name, parts) : std::nullopt;
  if (row) run.rows.push_back(*row);
  std::vector<std::string> reasons = parts.errors;
  std::sort(reasons.begin(), reasons.end());
  reasons.erase(std::unique(reasons.begin(), reasons.end()), reasons.end());
  if (reasons.empty() && !row) {
    reasons.push_back(name ? "the file has no time for it"
                           : "the name is not that of a row of map_bench");
  }
  for (const std::string& why : reasons) {
    run.without_result.push_back(
        {full_name, name, why.empty() ? "failed without a message" : why});
  }
}

}  // namespace

std::optional<ReportRowName> ParseRowName(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() < 6) return std::nullopt;
  ReportRowName row;
  row.map = std::string(parts[0]);
  row.operation = std::string(parts[1]);
  row.implementation = std::string(parts[2]);
  row.view = std::string(parts[3]);
  absl::string_view entries = parts[5];
  if (row.map.empty() || row.operation.empty() || row.implementation.empty() ||
      row.view.empty() || !ParseSizes(parts[4], row) ||
      !absl::ConsumePrefix(&entries, "n") ||
      !absl::SimpleAtoi(entries, &row.entries)) {
    return std::nullopt;
  }
  for (size_t i = 6; i < parts.size(); ++i) {
    absl::string_view part = parts[i];
    if (absl::ConsumePrefix(&part, "threads:")) {
      if (!absl::SimpleAtoi(part, &row.threads)) return std::nullopt;
    } else if (i == 6 && IsKeyPattern(part)) {
      row.keys = std::string(part);
    } else if (!IsSuffix(part)) {
      return std::nullopt;  // rows that differ there must not become one
    }
  }
  return row;
}

absl::StatusOr<ReportRun> ReadRun(absl::string_view text) {
  const json file = json::parse(WithoutNonNumbers(text), nullptr,
                                /*allow_exceptions=*/false);
  if (file.is_discarded())
    return absl::InvalidArgumentError("not JSON, or cut off");
  const auto rows = file.find("benchmarks");
  if (rows == file.end() || !rows->is_array()) {
    return absl::InvalidArgumentError(
        "no \"benchmarks\" in it: not the JSON of Google Benchmark");
  }
  std::map<std::string, Parts> by_name;
  std::vector<std::string> names;  // in the order of the file
  for (const json& row : *rows) {
    std::string name = Text(row, "run_name");
    if (name.empty()) name = Text(row, "name");
    const auto [it, is_new] = by_name.try_emplace(name);
    if (is_new) names.push_back(name);
    AddPart(row, it->second);
  }
  if (names.empty()) return absl::InvalidArgumentError("no benchmark rows");
  ReportRun run;
  const auto context = file.find("context");
  if (context != file.end()) run.machine = DescribeMachine(*context);
  for (const std::string& name : names) AddRow(name, by_name[name], run);
  return run;
}

}  // namespace bpfmap::bench
