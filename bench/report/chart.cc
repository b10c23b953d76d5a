// SPDX-License-Identifier: Apache-2.0

#include "bench/report/chart.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/report/html.h"
#include "bench/report/scale.h"

namespace bpfmap::bench {
namespace {

// In pixels of the SVG.
constexpr double kWidth = 560;
constexpr double kWideWidth = 1160;  // from three columns on
constexpr double kLineHeight = 22;
constexpr double kViewHeight = 24;    // the name of a view, above its lines
constexpr double kHeaderHeight = 20;  // the names of the columns
constexpr double kAxisHeight = 22;
constexpr double kCharacter = 6.9;  // the mean width of one, at 12 pixels
constexpr double kValue = 60;       // a value beside its mark
constexpr double kTick = 40;        // the name of a tick, and space
constexpr double kGap = 14;         // between columns

// UTF-8 is cut between characters.
std::string Shorten(const std::string& text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most - 1;
  while (end > 0 && (text[end] & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart)
      : chart_(chart),
        width_(IsWide(chart) ? kWideWidth : kWidth),
        names_width_(NamesWidth(chart)),
        column_width_((width_ - names_width_) / chart.columns.size()),
        plot_width_(column_width_ - kGap - kValue),
        scale_(Values(chart), plot_width_) {}

  std::string Draw() {
    double y = kHeaderHeight;
    std::string view;
    bool stripe = false;
    for (const ChartLine& line : chart_.lines) {
      if (line.series.view != view) {
        view = line.series.view;
        AddText(back_, 0, y + 16, "view", Escape(view + " view"));
        y += kViewHeight;
        stripe = false;
      }
      if ((stripe = !stripe)) {
        absl::StrAppendFormat(
            &back_,
            "<rect class=\"stripe\" x=\"0\" y=\"%g\" width=\"%g\" "
            "height=\"%g\"/>",
            y, width_, kLineHeight);
      }
      AddLine(front_, line, y + kLineHeight / 2);
      y += kLineHeight;
    }
    const double height = y + kAxisHeight;
    return absl::StrCat(
        absl::StrFormat("<svg class=\"chart\" viewBox=\"0 0 %g %g\" "
                        "width=\"%g\" height=\"%g\" role=\"img\" "
                        "aria-label=\"%s\">\n",
                        width_, height, width_, height, Escape(chart_.label)),
        back_, Axes(y), "\n", front_, "</svg>\n");
  }

 private:
  static double NamesWidth(const Chart& chart) {
    size_t longest = 0;
    for (const ChartLine& line : chart.lines) {
      longest = std::max(longest, line.series.implementation.size());
    }
    return std::clamp(longest * kCharacter + 24, 96.0,
                      IsWide(chart) ? 280.0 : 190.0);
  }

  static std::vector<double> Values(const Chart& chart) {
    std::vector<double> values;
    for (const ChartLine& line : chart.lines) {
      for (const ChartCell& cell : line.cells) {
        if (cell.value) values.push_back(*cell.value);
      }
    }
    return values;
  }

  // `text` is HTML already.
  static void AddText(std::string& out, double x, double y,
                      const std::string& css_class, const std::string& text,
                      const char* anchor = "start") {
    absl::StrAppendFormat(
        &out,
        "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>",
        css_class, x, y, anchor, text);
  }

  double Left(size_t column) const {
    return names_width_ + column * column_width_;
  }

  std::string Axes(double bottom) const {
    std::string out;
    for (size_t i = 0; i < chart_.columns.size(); ++i) {
      AddText(out, Left(i), 13, "column", Escape(chart_.columns[i]));
      for (const double tick : scale_.Ticks(kTick)) {
        const double x = Left(i) + scale_.Position(tick);
        absl::StrAppendFormat(&out,
                              "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" "
                              "y1=\"%g\" y2=\"%g\"/>",
                              x == Left(i) ? "base" : "grid", x, x,
                              kHeaderHeight, bottom + 3);
        AddText(out, x, bottom + 15, "axis",
                tick == 0 ? "0" : Escape(chart_.format(tick)),
                x == Left(i) ? "start" : "middle");
      }
    }
    return out;
  }

  // The best of two or more in a column and a view.
  bool IsBest(const std::string& view, size_t column, double value) const {
    int values = 0;
    for (const ChartLine& line : chart_.lines) {
      const auto& other = line.cells[column].value;
      if (line.series.view != view || !other) continue;
      if (*other < value) return false;
      ++values;
    }
    return values > 1;
  }

  void AddLine(std::string& out, const ChartLine& line, double y) const {
    const auto most = static_cast<size_t>((names_width_ - 24) / kCharacter);
    AddText(out, 8, y + 4, "name",
            absl::StrCat("<title>", Escape(line.series.name), "</title>",
                         Escape(Shorten(line.series.implementation, most))));
    for (size_t i = 0; i < line.cells.size(); ++i) {
      AddCell(out, line.series, line.cells[i], i, y);
    }
    out += "\n";
  }

  void AddCell(std::string& out, const Series& series, const ChartCell& cell,
               size_t column, double y) const {
    const double left = Left(column);
    if (!cell.value) {
      const std::string text =
          absl::StrCat("<title>", Escape(cell.tooltip), "</title>",
                       cell.failed ? "failed" : "–");
      AddText(out, left + 6, y + 4,
              cell.failed ? absl::StrCat("failed c", series.color) : "none",
              text);
      return;
    }
    const double x = left + scale_.Position(*cell.value);
    absl::StrAppend(&out, "<g class=\"mark\" data-series=\"",
                    Escape(series.name), "\" data-row=\"",
                    Escape(cell.full_name), "\"><title>", Escape(cell.tooltip),
                    "</title>");
    absl::StrAppendFormat(&out,
                          "<line class=\"stem c%d\" x1=\"%.1f\" x2=\"%.1f\" "
                          "y1=\"%.1f\" y2=\"%.1f\"/>",
                          series.color, left, x, y, y);
    out += Mark(series, x, y);
    AddText(out, x + 11, y + 4,
            IsBest(series.view, column, *cell.value) ? "value best" : "value",
            chart_.format(*cell.value));
    out += "</g>";
  }

  const Chart& chart_;
  const double width_;
  const double names_width_;
  const double column_width_;
  const double plot_width_;
  const ReportScale scale_;
  std::string back_;
  std::string front_;
};

}  // namespace

std::string Mark(const Series& series, double x, double y) {
  const std::string start =
      absl::StrFormat("<g class=\"c%d%s\">", series.color,
                      series.view == "user" ? " hollow" : "");
  switch (series.role) {
    case Role::kOurs:
      return absl::StrFormat(
          "%s<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/></g>",
          start, x, y);
    case Role::kKernel:
      return absl::StrFormat(
          "%s<rect class=\"dot\" x=\"%.1f\" y=\"%.1f\" width=\"9\" "
          "height=\"9\"/></g>",
          start, x - 4.5, y - 4.5);
    case Role::kFloor:
      return absl::StrFormat(
          "%s<path class=\"dot\" d=\"M%.1f %.1fh11v4h-11z\"/></g>", start,
          x - 5.5, y - 2);
    case Role::kPeer:
      return absl::StrFormat(
          "%s<path class=\"dot\" d=\"M%.1f %.1fl5.5 5.5l-5.5 5.5l-5.5-5.5z\"/>"
          "</g>",
          start, x, y - 5.5);
  }
  return "";
}

bool IsWide(const Chart& chart) { return chart.columns.size() > 2; }

std::string ChartSvg(const Chart& chart) {
  if (chart.columns.empty()) return "";
  return Drawing(chart).Draw();
}

}  // namespace bpfmap::bench
