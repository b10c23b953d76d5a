// SPDX-License-Identifier: Apache-2.0

// A page in headless Chromium, for tests.

#ifndef BPFMAP_BENCH_REPORT_BROWSER_H_
#define BPFMAP_BENCH_REPORT_BROWSER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace bpfmap::bench {

struct Rgb {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;
};

struct Image {
  int width = 0;
  int height = 0;
  std::vector<Rgb> pixels;  // row by row

  const Rgb& At(int x, int y) const { return pixels[y * width + x]; }
};

absl::StatusOr<Image> ReadPng(const std::string& path);

// A page as a browser shows it.
struct OpenedPage {
  std::string dom;  // as HTML, after its scripts have run
  Image screenshot;
};

enum class ColorScheme { kDark = 0, kLight = 1 };  // Chromium's numbers

// The path of a Chromium in $PATH, or empty.
std::string FindBrowser();

// Opens `html` in a window of width x height. Writes to `folder`, which exists;
// the page stays there as NAME.html and NAME.png. Works as root and offline.
absl::StatusOr<OpenedPage> OpenPage(const std::string& browser,
                                    const std::string& html,
                                    const std::string& folder,
                                    const std::string& name, ColorScheme scheme,
                                    int width, int height);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_BROWSER_H_
