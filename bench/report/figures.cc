// SPDX-License-Identifier: Apache-2.0

#include "bench/report/figures.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/report/chart.h"
#include "bench/report/html.h"
#include "bench/report/summary.h"

namespace bpfmap::bench {
namespace {

using Rows = std::vector<const ReportRow*>;

std::string Tooltip(const ReportRow& row) {
  std::string out =
      absl::StrCat(row.name.Series(), ", ", row.name.entries, " entries, ",
                   DescribeSetting(row.name), ": ", FormatNs(row.ns_per_op));
  if (row.repetitions > 1) {
    absl::StrAppend(&out, " (median of ", row.repetitions, ": ",
                    FormatNs(row.fastest_ns), " to ", FormatNs(row.slowest_ns),
                    ")");
  }
  return out;
}

// The table of what a figure shows.
std::string ValueTable(const Rows& rows) {
  std::string out =
      "<details><summary>Values</summary><div class=\"scroll\"><table><thead>"
      "<tr><th class=\"l\">series</th><th>entries</th><th>per operation</th>"
      "<th>fastest to slowest</th><th>p50</th><th>p99</th><th>p99.9</th>"
      "<th>bytes per entry</th></tr></thead><tbody>\n";
  const auto cell = [&](const std::optional<double>& value,
                        std::string (*format)(double)) {
    absl::StrAppend(&out, "<td>", value ? format(*value) : "–", "</td>");
  };
  for (const ReportRow* row : rows) {
    absl::StrAppend(&out, "<tr><th class=\"l\">", Escape(row->name.Series()),
                    "</th><td>", row->name.entries, "</td><td>",
                    FormatNs(row->ns_per_op), "</td><td>");
    if (row->repetitions > 1) {
      absl::StrAppend(&out, FormatNs(row->fastest_ns), " to ",
                      FormatNs(row->slowest_ns));
    } else {
      out += "–";
    }
    out += "</td>";
    cell(row->p50, FormatNs);
    cell(row->p99, FormatNs);
    cell(row->p999, FormatNs);
    cell(row->bytes_per_entry, FormatBytes);
    out += "</tr>\n";
  }
  return absl::StrCat(out, "</tbody></table></div></details>\n");
}

// `caption` is HTML, `rows` are those of the table.
std::string Figure(const std::string& caption, const Chart& chart,
                   const Rows& rows) {
  return absl::StrCat(IsWide(chart) ? "<figure class=\"wide\">" : "<figure>",
                      "<figcaption>", caption,
                      "</figcaption>\n<div class=\"scroll\">", ChartSvg(chart),
                      "</div>\n", ValueTable(rows), "</figure>\n");
}

// Where two rows are in the same figure.
using FigureKey =
    std::tuple<uint32_t, uint32_t, std::string, int>;  // sizes, keys, threads

FigureKey KeyOf(const ReportRowName& name) {
  return {name.key_size, name.value_size, name.keys, name.threads};
}

ChartCell CellOf(const ReportSection& section, const FigureKey& key,
                 const Series& series, uint64_t entries) {
  const auto here = [&](const ReportRowName& name) {
    return KeyOf(name) == key && name.entries == entries &&
           name.Series() == series.name;
  };
  for (const ReportRow* row : section.rows) {
    if (here(row->name)) {
      return {row->ns_per_op, row->full_name, Tooltip(*row)};
    }
  }
  for (const RowWithoutResult* row : section.without_result) {
    if (here(*row->name)) return {{}, row->full_name, row->why, true};
  }
  return {{}, "", series.name + " has no such row"};
}

std::string TimeFigure(const ReportSection& section, const FigureKey& key,
                       const std::vector<Series>& series) {
  std::set<uint64_t> entries;
  std::set<std::string> names;
  Rows rows;
  std::optional<ReportRowName> any;
  const auto add = [&](const ReportRowName& name) {
    entries.insert(name.entries);
    names.insert(name.Series());
    any = name;
  };
  for (const ReportRow* row : section.rows) {
    if (KeyOf(row->name) != key) continue;
    add(row->name);
    rows.push_back(row);
  }
  for (const RowWithoutResult* row : section.without_result) {
    if (KeyOf(*row->name) == key) add(*row->name);
  }
  Chart chart;
  chart.format = FormatNs;
  chart.label = absl::StrCat("Time per operation: ", section.map, " ",
                             section.operation, ", ", DescribeSetting(*any));
  for (const uint64_t count : entries) {
    chart.columns.push_back(FormatEntries(count) + " entries");
  }
  for (const Series& one : series) {
    if (!names.contains(one.name)) continue;
    ChartLine line{one, {}};
    for (const uint64_t count : entries) {
      line.cells.push_back(CellOf(section, key, one, count));
    }
    chart.lines.push_back(std::move(line));
  }
  return Figure(absl::StrCat(Escape(DescribeSetting(*any)),
                             " <span>time per operation</span>"),
                chart, rows);
}

// One figure for rows that are equal but for their series.
std::string LatencyFigure(const Rows& rows, const std::vector<Series>& series) {
  const ReportRowName& name = rows[0]->name;
  Chart chart;
  chart.format = FormatNs;
  chart.columns = {"p50", "p99", "p99.9"};
  chart.label = absl::StrCat("Latency percentiles: ", name.map, " ",
                             name.operation, ", ", DescribeSetting(name));
  for (const Series& one : series) {
    for (const ReportRow* row : rows) {
      if (row->name.Series() != one.name) continue;
      ChartLine line{one, {}};
      for (const auto& value : {row->p50, row->p99, row->p999}) {
        line.cells.push_back({value, row->full_name, Tooltip(*row)});
      }
      chart.lines.push_back(std::move(line));
    }
  }
  return Figure(absl::StrCat(Escape(DescribeSetting(name)), " · ",
                             FormatEntries(name.entries),
                             " entries <span>latency percentiles</span>"),
                chart, rows);
}

std::string LatencyFigures(const ReportSection& section,
                           const std::vector<Series>& series) {
  std::map<std::pair<FigureKey, uint64_t>, Rows> figures;
  for (const ReportRow* row : section.rows) {
    if (!row->p50 && !row->p99 && !row->p999) continue;
    figures[{KeyOf(row->name), row->name.entries}].push_back(row);
  }
  std::string out;
  for (const auto& [key, rows] : figures) out += LatencyFigure(rows, series);
  return out;
}

std::string Legend(const ReportSection& section,
                   const std::vector<Series>& series) {
  std::set<std::string> names;
  for (const auto* row : section.rows) names.insert(row->name.Series());
  for (const auto* row : section.without_result) {
    names.insert(row->name->Series());
  }
  std::string out = "<ul class=\"legend\">\n";
  for (const Series& one : series) {
    if (!names.contains(one.name)) continue;
    absl::StrAppend(&out, "<li data-series=\"", Escape(one.name),
                    "\"><svg width=\"14\" height=\"14\" aria-hidden=\"true\">",
                    Mark(one, 7, 7), "</svg>", Escape(one.name), "</li>\n");
  }
  return absl::StrCat(out, "</ul>\n");
}

}  // namespace

std::vector<ReportSection> Sections(const ReportRun& run) {
  std::vector<ReportSection> sections;
  const auto of = [&](const ReportRowName& name) -> ReportSection& {
    for (ReportSection& section : sections) {
      if (section.map == name.map && section.operation == name.operation) {
        return section;
      }
    }
    return sections.emplace_back(
        ReportSection{name.map, name.operation, {}, {}});
  };
  for (const ReportRow& row : run.rows) of(row.name).rows.push_back(&row);
  for (const RowWithoutResult& row : run.without_result) {
    if (row.name) of(*row.name).without_result.push_back(&row);
  }
  return sections;
}

std::string TimeFigures(const ReportSection& section,
                        const std::vector<Series>& series) {
  std::set<FigureKey> keys;
  for (const auto* row : section.rows) keys.insert(KeyOf(row->name));
  for (const auto* row : section.without_result) {
    keys.insert(KeyOf(*row->name));
  }
  std::string out = Legend(section, series) + "<div class=\"figures\">\n";
  for (const FigureKey& key : keys) out += TimeFigure(section, key, series);
  return absl::StrCat(out, LatencyFigures(section, series), "</div>\n");
}

}  // namespace bpfmap::bench
