// SPDX-License-Identifier: Apache-2.0

#include "bench/result_table.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
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
  std::optional<double> goal = std::nullopt;  // for a program, to the floor
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
  return name != "kernel" && name != "floor" && name.substr(0, 5) != "cloud" &&
         name.substr(0, 8) != "embedded";
}

std::vector<Group> GroupsOf(const std::vector<Result>& results) {
  std::vector<Group> groups;
  std::map<std::string, size_t> number_of;  // by title
  for (const Result& result : results) {
    std::vector<std::string> parts = absl::StrSplit(result.name, '/');
    if (parts.size() < 4) continue;
    const Line line = {parts[2], parts[3], MedianOf(result.seconds), &result};
    const std::optional<double> goal = GoalOf(parts[0], parts[1]);
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

// The row of `implementation` in the same view.
const Line* Find(const Group& group, absl::string_view implementation,
                 const std::string& view) {
  for (const Line& line : group.lines) {
    if (line.implementation == implementation && line.view == view) {
      return &line;
    }
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

// The goal is about the class of a map, where the compiler knows it as it knows
// the floor's; about the interface where there is no such row.
void AppendVerdict(const Group& group, std::string* out) {
  const Line* const floor = Find(group, "floor", "program");
  const Line* ours = Find(group, "cloud_direct", "program");
  if (ours == nullptr) ours = Find(group, "cloud", "program");
  if (!group.goal || floor == nullptr || ours == nullptr ||
      floor->seconds <= 0 || ours->seconds <= 0) {
    return;
  }
  const double times = ours->seconds / floor->seconds;
  absl::StrAppendFormat(out, "  goal: at most %.1fx of the floor: %s\n",
                        *group.goal, times <= *group.goal ? "met" : "missed");
}

std::string Number(double value, int digits) {
  return value > 0 ? absl::StrFormat("%.*f", digits, value) : "";
}

// How many times as long as `reference` a line takes; or, for a ratio, the
// other way round.
std::string Times(const Line* reference, const Line& line, bool is_ratio) {
  if (reference == nullptr || line.seconds <= 0 || reference->seconds <= 0) {
    return "";
  }
  const double times = line.seconds / reference->seconds;
  const std::string ratio = Number(is_ratio ? 1 / times : times, 2);
  const bool is_rough = reference->result->at_most || line.result->at_most;
  return absl::StrCat(is_rough ? "~" : "", ratio, "x");
}

std::string Ratio(const Line* reference, const Line& line) {
  return Times(reference, line, /*is_ratio=*/true);
}

constexpr char kFormat[] = "  %-34s %9s %9s %9s %9s %8s %9s %9s %9s\n";

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
        Times(Find(group, "floor", line.view), line, /*is_ratio=*/false),
        Ratio(Find(group, "kernel", line.view), line), Ratio(best_peer, line));
  }
  AppendVerdict(group, out);
}

}  // namespace

std::string ResultTable(const std::vector<Result>& results) {
  std::string out = absl::StrFormat(kFormat, "implementation/view", "ns/op",
                                    "p50 ns", "p99 ns", "p99.9 ns", "B/entry",
                                    "floor", "kernel", "best peer");
  for (const Group& group : GroupsOf(results)) Append(group, &out);
  return out;
}

}  // namespace bpfmap::bench
