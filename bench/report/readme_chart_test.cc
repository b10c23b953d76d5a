// SPDX-License-Identifier: Apache-2.0

#include "bench/report/readme_chart.h"

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap::bench {
namespace {

using testing::HasSubstr;

std::string ReadFile(const std::string& name) {
  std::ifstream file(name);
  EXPECT_TRUE(file.is_open()) << name;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

TEST(ReadmeChartTest, CheckedInChartsAreThoseOfResults) {
  const auto rows = ReadmeChartRows(ReadFile("bench/RESULTS.md"));
  ASSERT_TRUE(rows.ok()) << rows.status();
  const char again[] =
      "Make it anew: see \"RESULTS.md\" in bench/README.md. File: ";
  EXPECT_EQ(ReadFile("docs/benchmark_light.svg"),
            ReadmeChart(*rows, ColorScheme::kLight))
      << again << "docs/benchmark_light.svg";
  EXPECT_EQ(ReadFile("docs/benchmark_dark.svg"),
            ReadmeChart(*rows, ColorScheme::kDark))
      << again << "docs/benchmark_dark.svg";
}

TEST(ReadmeChartTest, ReadsTimesOfOneThread) {
  const auto rows = ReadmeChartRows(ReadFile("bench/RESULTS.md"));
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 12u);
  for (const ReadmeChartRow& row : *rows) {
    EXPECT_GT(row.ours_ns, 0) << row.operation << " " << row.entries;
    EXPECT_GT(row.kernel_ns, 0) << row.operation << " " << row.entries;
  }
  EXPECT_EQ(rows->front().operation, "lookup_hit");
  EXPECT_EQ(rows->front().entries, "1K");
}

TEST(ReadmeChartTest, NamesRowThatIsMissing) {
  const std::string without = absl::StrReplaceAll(
      ReadFile("bench/RESULTS.md"), {{"| update | 1 | 64K |", "| gone |"}});
  const absl::Status status = ReadmeChartRows(without).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.ToString(), HasSubstr("| update | 1 | 64K |"));
  EXPECT_EQ(ReadmeChartRows("").status().code(), absl::StatusCode::kNotFound);
}

TEST(ReadmeChartTest, ShowsTimesAndRatio) {
  const std::string chart =
      ReadmeChart({{"update", "64K", 10, 45}}, ColorScheme::kLight);
  EXPECT_THAT(chart, HasSubstr(">10.0<"));
  EXPECT_THAT(chart, HasSubstr(">45.0<"));
  EXPECT_THAT(chart, HasSubstr(">4.5×<"));
}

}  // namespace
}  // namespace bpfmap::bench
