// SPDX-License-Identifier: Apache-2.0

#include "bench/report/summary.h"

#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "bench/report/html.h"
#include "bench/report/series.h"

namespace bpfmap::bench {
namespace {

// The comparisons of one map and one series of ours.
struct Group {
  std::string map;
  Series series;
  std::vector<Comparison> comparisons;

  std::string Title() const { return absl::StrCat(map, " · ", series.name); }
};

// Maps as ordered in the file, series as in AllSeries().
std::vector<Group> Groups(const ReportRun& run) {
  const std::vector<Comparison> comparisons = Compare(run);
  std::vector<std::string> maps;
  std::set<std::string> done;
  for (const Comparison& one : comparisons) {
    const std::string& map = one.ours->name.map;
    if (done.insert(map).second) maps.push_back(map);
  }
  std::vector<Group> groups;
  for (const std::string& map : maps) {
    for (const Series& series : AllSeries(run)) {
      Group group{map, series, {}};
      for (const Comparison& one : comparisons) {
        const ReportRowName& name = one.ours->name;
        if (name.map == map && name.Series() == series.name) {
          group.comparisons.push_back(one);
        }
      }
      if (!group.comparisons.empty()) groups.push_back(std::move(group));
    }
  }
  return groups;
}

// Rows of one group over all of its entries.
using TableRow = std::map<uint64_t, const Comparison*>;

// The geometric mean: 2× and 0.5× make 1×.
class Mean {
 public:
  void Add(std::optional<double> ratio) {
    if (!ratio) return;
    sum_ += std::log(*ratio);
    ++count_;
  }
  int count() const { return count_; }
  double value() const { return std::exp(sum_ / count_); }

 private:
  double sum_ = 0;
  int count_ = 0;
};

void AddTile(std::string& out, const Group& group, const Mean& mean,
             absl::string_view other) {
  if (mean.count() == 0) return;
  absl::StrAppend(&out, "<div class=\"tile\"><span class=\"name\">",
                  Escape(group.Title()), "</span><b>",
                  FormatRatio(mean.value()), "</b><span>as fast as ",
                  Escape(other), ", geometric mean of ", mean.count(),
                  mean.count() == 1 ? " row" : " rows", "</span></div>\n");
}

absl::string_view RatioClass(double ratio) {
  return ratio >= 4      ? "win2"
         : ratio >= 1.05 ? "win"
         : ratio < 0.95  ? "lose"
                         : "";
}

// "4/8 B · 2 threads · zipf".
std::string ShortSetting(const ReportRowName& name) {
  std::string out =
      absl::StrFormat("%d/%d B · %d thread%s", name.key_size, name.value_size,
                      name.threads, name.threads == 1 ? "" : "s");
  if (!name.keys.empty()) absl::StrAppend(&out, " · ", name.keys);
  return out;
}

// `other` is what `ours` is compared with. Its name stands below the ratio
// where it is not the same in every row.
void AddRatio(std::string& out, const ReportRow& ours, const ReportRow* other,
              bool with_name) {
  const auto ratio = TimesAsFast(ours, other);
  if (!ratio) {
    out += "<td>–</td>";
    return;
  }
  absl::StrAppend(&out, "<td class=\"", RatioClass(*ratio), "\" title=\"",
                  Escape(absl::StrCat(other->name.Series(), ": ",
                                      FormatNs(other->ns_per_op))),
                  "\">", FormatRatio(*ratio));
  if (with_name) {
    const bool same_view = other->name.view == ours.name.view;
    absl::StrAppend(
        &out, "<small>",
        Escape(same_view ? other->name.implementation : other->name.Series()),
        "</small>");
  }
  out += "</td>";
}

// As a multiple of the floor.
void AddTimes(std::string& out, const ReportRow& ours, const ReportRow* floor) {
  const auto times = TimesTheFloor(ours, floor);
  if (!times) {
    out += "<td>–</td>";
    return;
  }
  absl::StrAppend(&out, "<td title=\"",
                  Escape(absl::StrCat(floor->name.Series(), ": ",
                                      FormatNs(floor->ns_per_op))),
                  "\">", FormatRatio(*times), "</td>");
}

void AddTable(std::string& out, const Group& group) {
  std::set<uint64_t> entries;
  std::vector<std::pair<const ReportRowName*, TableRow>> rows;
  std::map<std::tuple<std::string, std::string>, size_t> index;
  bool has_peers = false;
  bool has_floor = false;
  for (const Comparison& one : group.comparisons) {
    const ReportRowName& name = one.ours->name;
    entries.insert(name.entries);
    has_peers |= one.best_peer != nullptr;
    has_floor |= one.floor != nullptr;
    const auto [it, is_new] =
        index.try_emplace({name.operation, DescribeSetting(name)}, rows.size());
    if (is_new) rows.emplace_back(&name, TableRow());
    rows[it->second].second[name.entries] = &one;
  }
  const int columns = 2 + (has_floor ? 1 : 0) + (has_peers ? 1 : 0);
  out +=
      "<div class=\"scroll\"><table class=\"summary\"><thead><tr>"
      "<th class=\"l\" rowspan=\"2\">operation</th>"
      "<th class=\"l\" rowspan=\"2\">key/value</th>";
  for (const uint64_t count : entries) {
    absl::StrAppend(&out, "<th class=\"first\" colspan=\"", columns, "\">",
                    FormatEntries(count), " entries</th>");
  }
  out += "</tr><tr>";
  for (size_t i = 0; i < entries.size(); ++i) {
    absl::StrAppend(&out, "<th class=\"first\">ours</th>",
                    has_floor ? "<th>of the floor</th>" : "",
                    "<th>to kernel</th>",
                    has_peers ? "<th>to best peer</th>" : "");
  }
  out += "</tr></thead><tbody>\n";
  for (const auto& [name, cells] : rows) {
    absl::StrAppend(&out, "<tr><th class=\"l\">", Escape(name->operation),
                    "</th><td class=\"l\">", Escape(ShortSetting(*name)),
                    "</td>");
    for (const uint64_t count : entries) {
      const auto it = cells.find(count);
      if (it == cells.end()) {
        absl::StrAppend(&out, "<td class=\"first\" colspan=\"", columns,
                        "\">–</td>");
        continue;
      }
      const Comparison& one = *it->second;
      absl::StrAppend(&out, "<td class=\"first\">",
                      FormatNs(one.ours->ns_per_op), "</td>");
      if (has_floor) AddTimes(out, *one.ours, one.floor);
      AddRatio(out, *one.ours, one.kernel, /*with_name=*/false);
      if (has_peers) AddRatio(out, *one.ours, one.best_peer, true);
    }
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
}

}  // namespace

std::string DescribeSetting(const ReportRowName& name) {
  std::string out = absl::StrFormat("key %d B, value %d B · %d thread%s",
                                    name.key_size, name.value_size,
                                    name.threads, name.threads == 1 ? "" : "s");
  if (!name.keys.empty()) absl::StrAppend(&out, " · ", name.keys, " keys");
  return out;
}

std::string SummaryTiles(const ReportRun& run) {
  std::string out = "<div class=\"tiles\">\n";
  for (const Group& group : Groups(run)) {
    if (group.series.implementation != "cloud") continue;
    Mean kernel, peer;
    for (const Comparison& one : group.comparisons) {
      kernel.Add(TimesAsFast(*one.ours, one.kernel));
      peer.Add(TimesAsFast(*one.ours, one.best_peer));
    }
    AddTile(out, group, kernel,
            group.series.view == "user"
                ? "the kernel by system call"
                : absl::StrCat("the kernel, ", group.series.view, " view"));
    AddTile(out, group, peer, "the best peer of each row");
  }
  return absl::StrCat(out, "</div>\n");
}

std::string SummaryTables(const ReportRun& run) {
  std::string out = "<div class=\"tables\">\n";
  for (const Group& group : Groups(run)) {
    absl::StrAppend(&out, "<details",
                    group.series.implementation == "cloud" ? " open" : "",
                    "><summary>", Escape(group.Title()),
                    " <span class=\"soft\">beside kernel/",
                    Escape(group.series.view), "</span></summary>\n");
    AddTable(out, group);
    out += "</details>\n";
  }
  return absl::StrCat(out, "</div>\n");
}

}  // namespace bpfmap::bench
