// SPDX-License-Identifier: Apache-2.0

#include "bench/report/series.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "bench/report/style.h"

namespace bpfmap::bench {
namespace {

bool StartsWithWord(absl::string_view text, absl::string_view word) {
  if (text.substr(0, word.size()) != word) return false;
  return text.size() == word.size() ||
         std::isalnum(static_cast<unsigned char>(text[word.size()])) == 0;
}

int OrderOfView(absl::string_view view) {
  return view == "program" ? 0 : view == "user" ? 1 : 2;
}

// Those that every report has keep their colours in every report.
std::map<std::string, int> Colors(const std::vector<ReportRowName>& names) {
  std::map<std::string, int> colors = {
      {"cloud", 0}, {"embedded", 1}, {"kernel", 2}};
  int others = 0;
  for (const ReportRowName& name : names) {
    const int next = 3 + others % (kPaletteSize - 3);
    if (colors.try_emplace(name.implementation, next).second) ++others;
  }
  return colors;
}

using Setting = std::tuple<std::string, std::string, uint32_t, uint32_t,
                           std::string, int, uint64_t>;

Setting SettingOf(const ReportRowName& name) {
  return {name.map,  name.operation, name.key_size, name.value_size,
          name.keys, name.threads,   name.entries};
}

// The fastest of `rows` that is a peer and, unless `view` is null, in it.
const ReportRow* FastestPeer(const std::vector<const ReportRow*>& rows,
                             const std::string* view) {
  const ReportRow* best = nullptr;
  for (const ReportRow* row : rows) {
    if (RoleOf(row->name.implementation) != Role::kPeer) continue;
    if (view != nullptr && row->name.view != *view) continue;
    if (best == nullptr || row->ns_per_op < best->ns_per_op) best = row;
  }
  return best;
}

}  // namespace

Role RoleOf(absl::string_view implementation) {
  if (StartsWithWord(implementation, "cloud")) return Role::kOurs;
  if (StartsWithWord(implementation, "embedded")) return Role::kOurs;
  if (StartsWithWord(implementation, "floor")) return Role::kFloor;
  if (StartsWithWord(implementation, "kernel")) return Role::kKernel;
  return Role::kPeer;
}

std::vector<Series> AllSeries(const ReportRun& run) {
  std::vector<ReportRowName> names;
  for (const ReportRow& row : run.rows) names.push_back(row.name);
  for (const RowWithoutResult& row : run.without_result) {
    if (row.name) names.push_back(*row.name);
  }
  const std::map<std::string, int> colors = Colors(names);
  std::vector<Series> all;
  std::set<std::string> done;
  for (const ReportRowName& name : names) {
    if (!done.insert(name.Series()).second) continue;
    all.push_back({.name = name.Series(),
                   .implementation = name.implementation,
                   .view = name.view,
                   .role = RoleOf(name.implementation),
                   .color = colors.at(name.implementation)});
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tuple(OrderOfView(a.view), a.view, a.role) <
           std::tuple(OrderOfView(b.view), b.view, b.role);
  });
  return all;
}

bool SameSetting(const ReportRowName& a, const ReportRowName& b) {
  return SettingOf(a) == SettingOf(b);
}

std::vector<Comparison> Compare(const ReportRun& run) {
  std::map<Setting, std::vector<const ReportRow*>> settings;
  std::set<std::string> peer_views;
  for (const ReportRow& row : run.rows) {
    settings[SettingOf(row.name)].push_back(&row);
    if (RoleOf(row.name.implementation) == Role::kPeer) {
      peer_views.insert(row.name.view);
    }
  }
  std::vector<Comparison> all;
  for (const ReportRow& row : run.rows) {
    if (RoleOf(row.name.implementation) != Role::kOurs) continue;
    const auto& rows = settings[SettingOf(row.name)];
    Comparison comparison{.ours = &row};
    for (const ReportRow* other : rows) {
      if (other->name.view != row.name.view) continue;
      const Role role = RoleOf(other->name.implementation);
      if (role == Role::kFloor) comparison.floor = other;
      if (role == Role::kKernel) comparison.kernel = other;
    }
    const bool same_view = peer_views.contains(row.name.view);
    comparison.best_peer =
        FastestPeer(rows, same_view ? &row.name.view : nullptr);
    all.push_back(comparison);
  }
  return all;
}

std::optional<double> TimesAsFast(const ReportRow& row,
                                  const ReportRow* other) {
  if (other == nullptr || row.ns_per_op <= 0 || other->ns_per_op <= 0) {
    return std::nullopt;
  }
  return other->ns_per_op / row.ns_per_op;
}

std::optional<double> TimesTheFloor(const ReportRow& row,
                                    const ReportRow* floor) {
  const std::optional<double> ratio = TimesAsFast(row, floor);
  if (!ratio) return std::nullopt;
  return 1 / *ratio;
}

}  // namespace bpfmap::bench
