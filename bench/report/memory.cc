// SPDX-License-Identifier: Apache-2.0

#include "bench/report/memory.h"

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/report/chart.h"
#include "bench/report/html.h"

namespace bpfmap::bench {
namespace {

// Map, key size, value size.
using FigureKey = std::tuple<std::string, uint32_t, uint32_t>;

// By series and entries, the row with the most bytes per entry.
using Rows = std::map<std::pair<std::string, uint64_t>, const ReportRow*>;

ChartCell CellOf(const ReportRow* row, const std::string& series) {
  if (row == nullptr) return {{}, "", series + " has no such row"};
  return {row->bytes_per_entry, row->full_name,
          absl::StrCat(series, ", ", row->name.entries, " entries: ",
                       FormatBytes(*row->bytes_per_entry), " per entry")};
}

Chart MakeChart(const std::string& label, const Rows& rows,
                const std::vector<Series>& series) {
  std::set<uint64_t> entries;
  std::set<std::string> names;
  for (const auto& [key, row] : rows) {
    names.insert(key.first);
    entries.insert(key.second);
  }
  Chart chart;
  chart.label = "Memory: " + label;
  chart.format = FormatBytes;
  for (const uint64_t count : entries) {
    chart.columns.push_back(FormatEntries(count) + " entries");
  }
  for (const Series& one : series) {
    if (!names.contains(one.name)) continue;
    ChartLine line{one, {}};
    for (const uint64_t count : entries) {
      const auto it = rows.find({one.name, count});
      line.cells.push_back(
          CellOf(it == rows.end() ? nullptr : it->second, one.name));
    }
    chart.lines.push_back(std::move(line));
  }
  return chart;
}

std::string Table(const Chart& chart) {
  std::string out =
      "<details><summary>Values</summary><div class=\"scroll\"><table><thead>"
      "<tr><th class=\"l\">series</th>";
  for (const std::string& column : chart.columns) {
    absl::StrAppend(&out, "<th>", Escape(column), "</th>");
  }
  out += "</tr></thead><tbody>\n";
  for (const ChartLine& line : chart.lines) {
    absl::StrAppend(&out, "<tr><th class=\"l\">", Escape(line.series.name),
                    "</th>");
    for (const ChartCell& cell : line.cells) {
      absl::StrAppend(&out, "<td>", cell.value ? FormatBytes(*cell.value) : "–",
                      "</td>");
    }
    out += "</tr>\n";
  }
  return absl::StrCat(out, "</tbody></table></div></details>\n");
}

}  // namespace

std::string MemoryFigures(const ReportRun& run,
                          const std::vector<Series>& series) {
  std::map<FigureKey, Rows> figures;
  for (const ReportRow& row : run.rows) {
    if (!row.bytes_per_entry) continue;
    const ReportRowName& name = row.name;
    const ReportRow*& most = figures[{name.map, name.key_size, name.value_size}]
                                    [{name.Series(), name.entries}];
    if (most == nullptr || *row.bytes_per_entry > *most->bytes_per_entry) {
      most = &row;
    }
  }
  std::string out;
  for (const auto& [key, rows] : figures) {
    const auto& [map, key_size, value_size] = key;
    const std::string label =
        absl::StrFormat("%s · key %d B, value %d B", map, key_size, value_size);
    const Chart chart = MakeChart(label, rows, series);
    absl::StrAppend(&out,
                    IsWide(chart) ? "<figure class=\"wide\">" : "<figure>",
                    "<figcaption>", Escape(label),
                    " <span>bytes per entry</span></figcaption>\n"
                    "<div class=\"scroll\">",
                    ChartSvg(chart), "</div>\n", Table(chart), "</figure>\n");
  }
  return out;
}

}  // namespace bpfmap::bench
