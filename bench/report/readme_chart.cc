// SPDX-License-Identifier: Apache-2.0

#include "bench/report/readme_chart.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bench/report/html.h"
#include "bench/report/scale.h"
#include "bench/report/style.h"

namespace bpfmap::bench {
namespace {

constexpr absl::string_view kSection =
    "\n### hash, key/value 4/8 bytes, in a program\n";

struct Operation {
  absl::string_view name;   // in RESULTS.md
  absl::string_view title;  // in the chart
};
constexpr Operation kOperations[] = {{"lookup_hit", "lookup, found"},
                                     {"lookup_miss", "lookup, absent"},
                                     {"update", "update"},
                                     {"insert_delete", "insert + delete"}};
constexpr absl::string_view kEntries[] = {"1K", "64K", "1M"};

// The cells of a row of a table; none of another line.
std::vector<std::string> Cells(absl::string_view line) {
  std::vector<std::string> cells;
  if (!absl::ConsumePrefix(&line, "|") || !absl::ConsumeSuffix(&line, "|")) {
    return cells;
  }
  for (const absl::string_view cell : absl::StrSplit(line, '|')) {
    cells.emplace_back(absl::StripAsciiWhitespace(cell));
  }
  return cells;
}

// "17.7", or "<1.2" of a time that is no more than this.
bool ReadNs(absl::string_view cell, double* ns) {
  absl::ConsumePrefix(&cell, "<");
  return absl::SimpleAtod(cell, ns) && *ns > 0;
}

// In pixels.
constexpr double kWidth = 760;
constexpr double kNames = 190;  // the operation and the entries
constexpr double kPlot = 430;   // from the first to the last value
constexpr double kTop = 78;     // the title and the legend
constexpr double kLine = 24;    // one row
constexpr double kGap = 12;     // between operations
constexpr double kBottom = 52;  // the axis and the footer
constexpr double kInset = 40;   // the value before the first mark
constexpr double kTick = 30;

struct Theme {
  const char* ink;
  const char* soft;
  const char* grid;
  const char* ours;
  const char* kernel;
};
constexpr Theme kLight = {"#1f2328", "#59636e", "#d8dee4", kPalette[0].light,
                          kPalette[2].light};
constexpr Theme kDark = {"#e6edf3", "#9198a1", "#30363d", kPalette[0].dark,
                         kPalette[2].dark};

class Drawing {
 public:
  Drawing(const std::vector<ReadmeChartRow>& rows, const Theme& theme)
      : rows_(rows), theme_(theme), scale_(Values(rows), kPlot) {}

  std::string Draw() {
    double y = kTop;
    std::string operation;
    for (const ReadmeChartRow& row : rows_) {
      if (row.operation != operation) {
        if (!operation.empty()) y += kGap;
        operation = row.operation;
        Text(8, y + 16, theme_.ink, "bold", Title(operation));
      }
      Row(row, y + kLine / 2);
      y += kLine;
    }
    return absl::StrCat(Head(y + kBottom), Grid(y), body_, Foot(y), "</svg>\n");
  }

 private:
  static std::vector<double> Values(const std::vector<ReadmeChartRow>& rows) {
    std::vector<double> values;
    for (const ReadmeChartRow& row : rows) {
      values.push_back(row.ours_ns);
      values.push_back(row.kernel_ns);
    }
    return values;
  }

  static std::string Title(const std::string& operation) {
    for (const Operation& known : kOperations) {
      if (known.name == operation) return std::string(known.title);
    }
    return operation;
  }

  double X(double ns) const { return kNames + kInset + scale_.Position(ns); }

  static std::string TextElement(double x, double y, const char* color,
                                 const char* style, const std::string& text,
                                 const char* anchor) {
    return absl::StrFormat(
        "<text x=\"%.1f\" y=\"%.1f\" fill=\"%s\" font-weight=\"%s\" "
        "text-anchor=\"%s\">%s</text>\n",
        x, y, color, style, anchor, Escape(text));
  }
  void Text(double x, double y, const char* color, const char* style,
            const std::string& text, const char* anchor = "start") {
    body_ += TextElement(x, y, color, style, text, anchor);
  }

  static std::string Circle(double x, double y, const char* color) {
    return absl::StrFormat(
        "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5.5\" fill=\"%s\"/>\n", x, y,
        color);
  }
  static std::string Square(double x, double y, const char* color) {
    return absl::StrFormat(
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"10\" height=\"10\" "
        "fill=\"%s\"/>\n",
        x - 5, y - 5, color);
  }

  void Row(const ReadmeChartRow& row, double y) {
    const double ours = X(row.ours_ns);
    const double kernel = X(row.kernel_ns);
    absl::StrAppendFormat(&body_,
                          "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
                          "y2=\"%.1f\" stroke=\"%s\" stroke-width=\"3\"/>\n",
                          ours, kernel, y, y, theme_.grid);
    absl::StrAppend(&body_, Circle(ours, y, theme_.ours),
                    Square(kernel, y, theme_.kernel));
    Text(kNames - 8, y + 4, theme_.soft, "normal", row.entries, "end");
    Text(std::min(ours, kernel) - 10, y + 4, theme_.ink, "normal",
         Ns(std::min(row.ours_ns, row.kernel_ns)), "end");
    Text(std::max(ours, kernel) + 11, y + 4, theme_.ink, "normal",
         Ns(std::max(row.ours_ns, row.kernel_ns)));
    Text(kWidth - 8, y + 4, theme_.ours, "bold",
         FormatRatio(row.kernel_ns / row.ours_ns), "end");
  }

  static std::string Ns(double ns) {
    return ns < 99.95 ? absl::StrFormat("%.1f", ns)
                      : absl::StrFormat("%.0f", ns);
  }

  std::string Head(double height) const {
    std::string head = absl::StrFormat(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" "
        "width=\"%g\" height=\"%g\" role=\"img\" font-family=\"system-ui, "
        "-apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif\" "
        "font-size=\"12.5\">\n"
        "<title>Time of an operation on a hash map, bpfmap and the kernel"
        "</title>\n",
        kWidth, height, kWidth, height);
    absl::StrAppendFormat(
        &head, "<g font-size=\"16\">%s</g>\n",
        TextElement(8, 24, theme_.ink, "bold",
                    "A hash map, as a BPF program uses it", "start"));
    absl::StrAppend(
        &head,
        TextElement(8, 44, theme_.soft, "normal",
                    "Nanoseconds per operation; less is better", "start"),
        Circle(kNames + kInset, 61, theme_.ours),
        TextElement(kNames + kInset + 11, 65, theme_.ink, "normal", "bpfmap",
                    "start"),
        Square(kNames + kInset + 86, 61, theme_.kernel),
        TextElement(kNames + kInset + 98, 65, theme_.ink, "normal",
                    "the kernel's map, in a BPF program", "start"),
        TextElement(kNames - 8, 65, theme_.soft, "normal", "entries", "end"),
        TextElement(kWidth - 8, 65, theme_.soft, "normal", "faster", "end"));
    return head;
  }

  std::string Grid(double bottom) const {
    std::string grid;
    for (const double tick : scale_.Ticks(kTick)) {
      absl::StrAppendFormat(&grid,
                            "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
                            "y2=\"%.1f\" stroke=\"%s\"/>\n",
                            X(tick), X(tick), kTop - 4, bottom + 4,
                            theme_.grid);
      grid += TextElement(X(tick), bottom + 18, theme_.soft, "normal",
                          absl::StrFormat("%g", tick), "middle");
    }
    return grid;
  }

  std::string Foot(double bottom) const {
    return TextElement(
        8, bottom + 42, theme_.soft, "normal",
        absl::StrCat("One thread, keys of 4 and values of 8 bytes, medians",
                     scale_.logarithmic() ? "; logarithmic scale" : ""),
        "start");
  }

  const std::vector<ReadmeChartRow>& rows_;
  const Theme& theme_;
  const ReportScale scale_;
  std::string body_;
};

}  // namespace

absl::StatusOr<std::vector<ReadmeChartRow>> ReadmeChartRows(
    absl::string_view results) {
  const size_t start = results.find(kSection);
  if (start == absl::string_view::npos) {
    return absl::NotFoundError(absl::StrCat(
        "no section \"", absl::StripAsciiWhitespace(kSection), "\""));
  }
  absl::string_view section = results.substr(start + kSection.size());
  section = section.substr(0, section.find("\n### "));

  std::vector<ReadmeChartRow> rows;
  for (const Operation& operation : kOperations) {
    for (const absl::string_view entries : kEntries) {
      ReadmeChartRow row{std::string(operation.name), std::string(entries)};
      // operation | threads | entries | cloud | cloud_direct | kernel | ...
      const std::string begin =
          absl::StrCat("| ", operation.name, " | 1 | ", entries, " |");
      for (const absl::string_view line : absl::StrSplit(section, '\n')) {
        if (!absl::StartsWith(line, begin)) continue;
        const std::vector<std::string> cells = Cells(line);
        if (cells.size() > 5 && ReadNs(cells[3], &row.ours_ns) &&
            ReadNs(cells[5], &row.kernel_ns)) {
          rows.push_back(row);
        }
        break;
      }
      if (rows.empty() || rows.back().operation != row.operation ||
          rows.back().entries != row.entries) {
        return absl::NotFoundError(
            absl::StrCat("no times in a row \"", begin, "\""));
      }
    }
  }
  return rows;
}

std::string ReadmeChart(const std::vector<ReadmeChartRow>& rows,
                        ColorScheme scheme) {
  return Drawing(rows, scheme == ColorScheme::kLight ? kLight : kDark).Draw();
}

}  // namespace bpfmap::bench
