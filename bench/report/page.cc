// SPDX-License-Identifier: Apache-2.0

#include "bench/report/page.h"

#include <cstddef>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/report/figures.h"
#include "bench/report/html.h"
#include "bench/report/memory.h"
#include "bench/report/series.h"
#include "bench/report/style.h"
#include "bench/report/summary.h"

namespace bpfmap::bench {
namespace {

std::string Machine(const ReportRun& run) {
  if (run.machine.empty()) return "";
  std::string out = "<dl class=\"machine\">\n";
  for (const auto& [label, value] : run.machine) {
    absl::StrAppend(&out, "<div><dt>", Escape(label), "</dt><dd>",
                    Escape(value), "</dd></div>\n");
  }
  return absl::StrCat(out, "</dl>\n");
}

std::string SectionName(const ReportSection& section) {
  return absl::StrCat("<span class=\"map\">", Escape(section.map), "</span> ",
                      Escape(section.operation));
}

std::string Navigation(const std::vector<ReportSection>& sections,
                       bool has_memory, bool has_failures) {
  std::string out = "<nav aria-label=\"Contents\">";
  out += "<a href=\"#summary\">summary</a>\n";
  for (size_t i = 0; i < sections.size(); ++i) {
    absl::StrAppend(&out, "<a href=\"#section", i, "\">",
                    SectionName(sections[i]), "</a>\n");
  }
  if (has_memory) out += "<a href=\"#memory\">memory</a>\n";
  if (has_failures) {
    out += "<a href=\"#without\">rows without a result</a>\n";
  }
  return absl::StrCat(out, "</nav>\n");
}

std::string RowsWithoutResult(const ReportRun& run) {
  if (run.without_result.empty()) return "";
  std::string out = absl::StrCat(
      "<section id=\"without\"><h2>Rows without a result</h2>\n<p>",
      run.without_result.size(),
      " in the file. They count in no mean.</p><div class=\"scroll\"><table>"
      "<thead><tr><th class=\"l\">row</th><th class=\"l\">why</th></tr>"
      "</thead><tbody>\n");
  for (const RowWithoutResult& row : run.without_result) {
    absl::StrAppend(&out, "<tr><td class=\"l why\"><code>",
                    Escape(row.full_name), "</code></td><td class=\"l why\">",
                    Escape(row.why), "</td></tr>\n");
  }
  return absl::StrCat(out, "</tbody></table></div></section>\n");
}

// "24 rows of 5 series, medians of 5 repetitions".
std::string Lead(const ReportRun& run, size_t series) {
  std::set<int> repetitions;
  for (const ReportRow& row : run.rows) repetitions.insert(row.repetitions);
  repetitions.erase(0);
  std::string out =
      absl::StrCat(run.rows.size(), " rows of ", series, " series");
  if (repetitions.size() == 1 && *repetitions.begin() > 1) {
    absl::StrAppend(&out, ", medians of ", *repetitions.begin(),
                    " repetitions");
  } else if (repetitions.size() == 1) {
    out += ", measured once";
  } else {
    out += ", medians";
  }
  return out;
}

constexpr char kSummaryText[] = R"(
<p class="soft">How many times as fast as another: 2× is half the time, and
less than 1× is slower. The program view, which hands out pointers into the map,
is compared with the kernel inside a BPF program; the user view, which copies,
with the system call bpf(2). The best peer is the fastest map in that row that
is neither ours nor the kernel's; where no peer has the view, of any view.</p>
)";

constexpr char kChartText[] = R"(
<p class="soft">Time is what one operation takes one thread: less is better, and
the best of each view is bold. Filled marks are the program view, hollow ones
the user view; circles are ours, squares the kernel, diamonds the peers. The
columns of a chart share one scale: it is logarithmic unless it starts at 0.</p>
)";

}  // namespace

std::string ReportPage(const ReportRun& run, const std::string& title) {
  const std::vector<Series> series = AllSeries(run);
  const std::vector<ReportSection> sections = Sections(run);
  const std::string memory = MemoryFigures(run, series);
  std::string out = absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"",
      kReportPolicy,
      "\">\n<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">"
      "\n<title>",
      Escape(title), "</title>\n<style>", StyleSheet(),
      "</style>\n</head>\n<body>\n<header>\n<h1>", Escape(title),
      "</h1>\n<p class=\"lead\">", Lead(run, series.size()), "</p>\n");
  absl::StrAppend(
      &out, Machine(run),
      Navigation(sections, !memory.empty(), !run.without_result.empty()),
      "</header>\n<main>\n");
  absl::StrAppend(&out, "<section id=\"summary\"><h2>Summary</h2>",
                  kSummaryText, SummaryTiles(run), SummaryTables(run),
                  "</section>\n");
  for (size_t i = 0; i < sections.size(); ++i) {
    absl::StrAppend(&out, "<section id=\"section", i, "\"><h2>",
                    SectionName(sections[i]), "</h2>\n",
                    i == 0 ? kChartText : "", TimeFigures(sections[i], series),
                    "</section>\n");
  }
  if (!memory.empty()) {
    absl::StrAppend(&out, "<section id=\"memory\"><h2>Memory</h2>\n",
                    "<div class=\"figures\">\n", memory, "</div></section>\n");
  }
  absl::StrAppend(&out, RowsWithoutResult(run),
                  "</main>\n<footer>Made by //bench/report of bpfmap from the "
                  "JSON of Google Benchmark.</footer>\n</body>\n</html>\n");
  return out;
}

}  // namespace bpfmap::bench
