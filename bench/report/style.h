// SPDX-License-Identifier: Apache-2.0

// How a report looks: its colours and its style sheet.

#ifndef BPFMAP_BENCH_REPORT_STYLE_H_
#define BPFMAP_BENCH_REPORT_STYLE_H_

#include <string>

namespace bpfmap::bench {

struct Color {
  const char* light;  // on kPaper.light
  const char* dark;   // on kPaper.dark
};

// The background of every chart.
inline constexpr Color kPaper = {"#ffffff", "#161b22"};

// Of implementations: cloud, embedded, the kernel, then peers as they come.
// Each has a contrast of at least 3:1 to kPaper (WCAG 2.1, 1.4.11). The first
// three differ for every kind of colour blindness; and no reader depends on
// colours, for every line of a chart has its name, and each role its shape.
inline constexpr Color kPalette[] = {
    {"#0072b2", "#58a6ff"},  // blue
    {"#00807a", "#3fc6b8"},  // teal
    {"#c2410c", "#ff9257"},  // vermilion
    {"#9a3e8f", "#d98bd0"},  // purple
    {"#7a7000", "#d2c64a"},  // olive
    {"#4b3fa7", "#a79bff"},  // indigo
    {"#be4b63", "#ff8fa3"},  // rose
    {"#80552b", "#c9a27e"},  // brown
    {"#2f7a33", "#7bc96f"},  // green
    {"#5b6675", "#a9b4c0"},  // slate
    {"#7d1f4b", "#e07ba8"},  // wine
};
inline constexpr int kPaletteSize = sizeof(kPalette) / sizeof(kPalette[0]);

// The content of the page's <style>.
std::string StyleSheet();

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_STYLE_H_
