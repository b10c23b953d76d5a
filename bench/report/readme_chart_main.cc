// SPDX-License-Identifier: Apache-2.0
//
// readme_chart: makes the chart of README.md from RESULTS.md.
//
//   readme_chart light <bench/RESULTS.md >docs/benchmark_light.svg
//
// and the same with `dark`.

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/report/readme_chart.h"

int main(int argc, char** argv) {
  using bpfmap::bench::ColorScheme, bpfmap::bench::ReadmeChartRow;
  const absl::string_view scheme = argc == 2 ? argv[1] : "";
  if (scheme != "light" && scheme != "dark") {
    std::fputs("usage: readme_chart light|dark <RESULTS.md >chart.svg\n",
               stderr);
    return EXIT_FAILURE;
  }
  const std::string results(std::istreambuf_iterator<char>(std::cin), {});
  const absl::StatusOr<std::vector<ReadmeChartRow>> rows =
      bpfmap::bench::ReadmeChartRows(results);
  if (!rows.ok()) {
    std::cerr << "readme_chart: " << rows.status().message() << "\n";
    return EXIT_FAILURE;
  }
  std::cout << bpfmap::bench::ReadmeChart(
      *rows, scheme == "light" ? ColorScheme::kLight : ColorScheme::kDark);
  return std::cout.flush() ? EXIT_SUCCESS : EXIT_FAILURE;
}
