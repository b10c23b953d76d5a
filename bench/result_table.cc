// SPDX-License-Identifier: Apache-2.0

#include "bench/result_table.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "bench/goals.h"

namespace bpfmap::bench {
namespace {

// A result whose name was taken apart.
struct Line {
  std::string implementation, view;
  double seconds = 0;  // the median; 0 where there is none
  const Result* result = nullptr;
};

struct Group {
  std::string title;
  std::vector<Line> lines;
  std::optional<double> goal = std::nullopt;  // for a program, to the kernel
};

double MedianOf(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle =
      values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 != 0) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

bool IsPeer(const Line& line) {
  const absl::string_view name = line.implementation;
  return name != "kernel" && name.substr(0, 5) != "cloud" &&
         name.substr(0, 8) != "embedded";
}

// `parts` are those of a whole name.
std::optional<double> GoalOf(const std::vector<std::string>& parts) {
  uint32_t value_size = 0;
  uint64_t entries = 0;
  int threads = 1;
  if (parts.size() < 6) return std::nullopt;
  const size_t value = parts[4].find('v');
  if (value == std::string::npos ||
      !absl::SimpleAtoi(parts[4].substr(value + 1), &value_size) ||
      !absl::SimpleAtoi(absl::StripPrefix(parts[5], "n"), &entries)) {
    return std::nullopt;
  }
  absl::string_view last = parts.back();
  if (absl::ConsumePrefix(&last, "threads:") &&
      !absl::SimpleAtoi(last, &threads)) {
    return std::nullopt;
  }
  return bench::GoalOf(parts[0], parts[1], value_size, entries, threads);
}

std::vector<Group> GroupsOf(const std::vector<Result>& results) {
  std::vector<Group> groups;
  std::map<std::string, size_t> number_of;  // by title
  for (const Result& result : results) {
    std::vector<std::string> parts = absl::StrSplit(result.name, '/');
    if (parts.size() < 4) continue;
    const Line line = {parts[2], parts[3], MedianOf(result.seconds), &result};
    const std::optional<double> goal = GoalOf(parts);
    std::erase_if(parts, [&](const std::string& part) {
      return part == line.implementation || part == line.view ||
             part == "real_time" || part == "manual_time";
    });
    const std::string title = absl::StrJoin(parts, " ");
    const auto [found, is_new] = number_of.emplace(title, groups.size());
    if (is_new) groups.push_back({title, {}, goal});
    groups[found->second].lines.push_back(line);
  }
  return groups;
}

const Line* KernelOf(const Group& group, const std::string& view) {
  for (const Line& line : group.lines) {
    if (line.implementation == "kernel" && line.view == view) return &line;
  }
  return nullptr;
}

const Line* BestPeerOf(const Group& group) {
  const Line* best = nullptr;
  for (const Line& line : group.lines) {
    if (!IsPeer(line) || line.seconds <= 0) continue;
    if (best == nullptr || line.seconds < best->seconds) best = &line;
  }
  return best;
}

// The line of ours that a goal is about: through the interface, if it has one.
const Line* OursOf(const Group& group) {
  const Line* direct = nullptr;
  for (const Line& line : group.lines) {
    if (line.view != "program") continue;
    if (line.implementation == "cloud") return &line;
    if (line.implementation == "cloud_direct") direct = &line;
  }
  return direct;
}

void AppendVerdict(const Group& group, std::string* out) {
  const Line* const kernel = KernelOf(group, "program");
  const Line* const ours = OursOf(group);
  if (!group.goal || kernel == nullptr || ours == nullptr ||
      kernel->seconds <= 0 || ours->seconds <= 0) {
    return;
  }
  const double ratio = kernel->seconds / ours->seconds;
  absl::StrAppendFormat(out, "  goal: %.1fx of the kernel in a program: %s\n",
                        *group.goal, ratio >= *group.goal ? "met" : "missed");
}

std::string Number(double value, int digits) {
  return value > 0 ? absl::StrFormat("%.*f", digits, value) : "";
}

std::string Ratio(const Line* reference, const Line& line) {
  if (reference == nullptr || line.seconds <= 0) return "";
  const std::string ratio = Number(reference->seconds / line.seconds, 2);
  if (ratio.empty()) return "";
  const bool is_rough = reference->result->at_most || line.result->at_most;
  return absl::StrCat(is_rough ? "~" : "", ratio, "x");
}

constexpr char kFormat[] = "  %-34s %9s %9s %9s %9s %8s %9s %9s\n";

void Append(const Group& group, std::string* out) {
  const Line* const best_peer = BestPeerOf(group);
  absl::StrAppend(out, "\n", group.title);
  if (best_peer != nullptr) {
    absl::StrAppend(out, "   (best peer: ", best_peer->implementation, ")");
  }
  absl::StrAppend(out, "\n");
  for (const Line& line : group.lines) {
    const Result& result = *line.result;
    const std::string name = absl::StrCat(line.implementation, "/", line.view);
    if (!result.error.empty()) {
      absl::StrAppend(out, "  ", name, " ERROR: ", result.error, "\n");
      continue;
    }
    absl::StrAppendFormat(
        out, kFormat, name,
        absl::StrCat(result.at_most ? "<" : "", Number(line.seconds * 1e9, 1)),
        Number(result.p50, 0), Number(result.p99, 0), Number(result.p999, 0),
        Number(result.bytes_per_entry, 1),
        Ratio(KernelOf(group, line.view), line), Ratio(best_peer, line));
  }
  AppendVerdict(group, out);
}

}  // namespace

std::string ResultTable(const std::vector<Result>& results) {
  std::string out =
      absl::StrFormat(kFormat, "implementation/view", "ns/op", "p50 ns",
                      "p99 ns", "p99.9 ns", "B/entry", "kernel", "best peer");
  for (const Group& group : GroupsOf(results)) Append(group, &out);
  return out;
}

}  // namespace bpfmap::bench
