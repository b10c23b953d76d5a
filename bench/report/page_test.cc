// SPDX-License-Identifier: Apache-2.0

// The contents of a report: ratios, scales, colours, and text that is hostile.

#include "bench/report/page.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/report/html.h"
#include "bench/report/rows.h"
#include "bench/report/scale.h"
#include "bench/report/series.h"
#include "bench/report/style.h"
#include "bench/report/summary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap::bench {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// A row of hash/update with 1024 entries.
ReportRow Row(const std::string& implementation, const std::string& view,
              double ns) {
  ReportRow row;
  row.name = {"hash", "update", implementation, view, 4, 8, 1024, "", 1};
  row.full_name = absl::StrCat("hash/update/", row.name.Series());
  row.ns_per_op = ns;
  return row;
}

ReportRun RunOf(std::vector<ReportRow> rows) {
  ReportRun run;
  run.rows = std::move(rows);
  return run;
}

TEST(RoleTest, IsInTheFirstWord) {
  EXPECT_EQ(RoleOf("cloud"), Role::kOurs);
  EXPECT_EQ(RoleOf("cloud_final"), Role::kOurs);
  EXPECT_EQ(RoleOf("embedded"), Role::kOurs);
  EXPECT_EQ(RoleOf("kernel"), Role::kKernel);
  EXPECT_EQ(RoleOf("floor"), Role::kFloor);
  EXPECT_EQ(RoleOf("cloudy"), Role::kPeer);
  EXPECT_EQ(RoleOf("kernels"), Role::kPeer);
  EXPECT_EQ(RoleOf(""), Role::kPeer);
}

TEST(CompareTest, EachViewWithTheKernelInThatView) {
  const ReportRun run =
      RunOf({Row("cloud", "program", 10), Row("cloud", "user", 20),
             Row("kernel", "user", 400), Row("kernel", "program", 50)});
  const auto all = Compare(run);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(TimesAsFast(*all[0].ours, all[0].kernel), 5);
  EXPECT_EQ(TimesAsFast(*all[1].ours, all[1].kernel), 20);
  EXPECT_EQ(TimesAsFast(*all[1].ours, all[1].best_peer), std::nullopt);
}

TEST(CompareTest, EachViewWithTheFloorInThatView) {
  const ReportRun run =
      RunOf({Row("cloud", "program", 10), Row("cloud", "user", 20),
             Row("floor", "user", 8), Row("floor", "program", 5)});
  const auto all = Compare(run);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(TimesTheFloor(*all[0].ours, all[0].floor), 2);
  EXPECT_EQ(TimesTheFloor(*all[1].ours, all[1].floor), 2.5);
  EXPECT_EQ(all[1].best_peer, nullptr);
  EXPECT_EQ(TimesTheFloor(*all[1].ours, nullptr), std::nullopt);
  EXPECT_THAT(SummaryTables(run), HasSubstr("of the floor"));
}

TEST(CompareTest, TheBestPeerIsOfTheSameViewIfThereIsOne) {
  const ReportRun run =
      RunOf({Row("cloud", "program", 10), Row("cloud", "user", 20),
             Row("absl", "user", 60), Row("tbb", "user", 50),
             Row("embedded", "user", 1)});
  const auto all = Compare(run);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].best_peer, &run.rows[3]);  // no peer has the program view
  EXPECT_EQ(all[1].best_peer, &run.rows[3]);
  ReportRun more = run;
  more.rows.push_back(Row("std", "program", 70));
  EXPECT_EQ(Compare(more)[0].best_peer, &more.rows[5]);
}

TEST(CompareTest, OnlyWithTheSameSetting) {
  for (const auto change : std::vector<void (*)(ReportRowName&)>{
           [](ReportRowName& name) { name.map = "array"; },
           [](ReportRowName& name) { name.operation = "lookup"; },
           [](ReportRowName& name) { name.key_size = 5; },
           [](ReportRowName& name) { name.value_size = 5; },
           [](ReportRowName& name) { name.entries = 5; },
           [](ReportRowName& name) { name.keys = "zipf"; },
           [](ReportRowName& name) { name.threads = 5; }}) {
    ReportRun run = RunOf({Row("cloud", "user", 10), Row("kernel", "user", 50),
                           Row("tbb", "user", 50)});
    change(run.rows[1].name);
    change(run.rows[2].name);
    EXPECT_EQ(Compare(run)[0].kernel, nullptr);
    EXPECT_EQ(Compare(run)[0].best_peer, nullptr);
  }
}

TEST(CompareTest, ATimeOf0HasNoRatio) {
  const ReportRow row = Row("cloud", "user", 0);
  EXPECT_EQ(TimesAsFast(row, &row), std::nullopt);
}

TEST(SummaryTest, TheMeanIsGeometric) {
  ReportRun run = RunOf({Row("cloud", "user", 10), Row("kernel", "user", 20)});
  run.rows.push_back(Row("cloud", "user", 10));
  run.rows.push_back(Row("kernel", "user", 80));
  run.rows[2].name.threads = run.rows[3].name.threads = 2;
  const std::string tiles = SummaryTiles(run);
  EXPECT_THAT(tiles, HasSubstr("<b>4.0×</b>"));
  EXPECT_THAT(tiles, HasSubstr("geometric mean of 2 rows"));
  EXPECT_THAT(tiles, Not(HasSubstr("peer")));
}

TEST(SeriesTest, OursThenTheKernelThenPeersInEachView) {
  std::vector<std::string> names;
  for (const Series& series : AllSeries(
           RunOf({Row("tbb", "user", 1), Row("kernel", "user", 1),
                  Row("cloud", "user", 1), Row("kernel", "program", 1),
                  Row("cloud", "program", 1), Row("cloud", "user", 1)}))) {
    names.push_back(series.name);
  }
  EXPECT_THAT(names, ElementsAre("cloud/program", "kernel/program",
                                 "cloud/user", "kernel/user", "tbb/user"));
}

TEST(SeriesTest, ColorsDifferAsLongAsThereAreSome) {
  std::vector<ReportRow> rows;
  rows.reserve(kPaletteSize);
  for (int i = 0; i < kPaletteSize - 3; ++i) {
    rows.push_back(Row(absl::StrCat("peer", i), "user", 1));
  }
  for (const char* name : {"kernel", "embedded", "cloud"}) {
    rows.push_back(Row(name, "user", 1));
  }
  std::set<int> colors;
  for (const Series& one : AllSeries(RunOf(rows))) colors.insert(one.color);
  EXPECT_EQ(colors.size(), static_cast<size_t>(kPaletteSize));
}

// https://www.w3.org/TR/WCAG21/#dfn-relative-luminance
double Luminance(const std::string& color) {
  double channels[3];
  for (int i = 0; i < 3; ++i) {
    const std::string digits = color.substr(1 + 2 * i, 2);
    const double value = std::strtol(digits.c_str(), nullptr, 16) / 255.0;
    channels[i] = value <= 0.03928 ? value / 12.92
                                   : std::pow((value + 0.055) / 1.055, 2.4);
  }
  return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2];
}

double Contrast(const std::string& a, const std::string& b) {
  const auto [low, high] = std::minmax({Luminance(a), Luminance(b)});
  return (high + 0.05) / (low + 0.05);
}

TEST(PaletteTest, ContrastsWithThePaper) {
  EXPECT_THAT(Contrast("#ffffff", "#000000"), DoubleNear(21, 1e-9));
  for (const Color& color : kPalette) {
    EXPECT_GE(Contrast(color.light, kPaper.light), 3) << color.light;
    EXPECT_GE(Contrast(color.dark, kPaper.dark), 3) << color.dark;
  }
}

TEST(ScaleTest, IsLinearWhereValuesAreNear) {
  const ReportScale scale({5, 10, 0}, 100);
  EXPECT_FALSE(scale.logarithmic());
  EXPECT_EQ(scale.Position(5), 50);
  EXPECT_EQ(scale.Position(0), 0);
  EXPECT_THAT(scale.Ticks(40), ElementsAre(0, 5, 10));
}

TEST(ScaleTest, IsLogarithmicWhereTheyAreNot) {
  const ReportScale scale({12, 1000}, 100);
  EXPECT_TRUE(scale.logarithmic());
  EXPECT_THAT(scale.Position(100), DoubleNear(50, 1e-9));
  EXPECT_EQ(scale.Position(1), 0);
  EXPECT_THAT(scale.Ticks(40), ElementsAre(10, 100, 1000));
}

TEST(ScaleTest, NeedsNoValues) {
  for (const std::vector<double>& values :
       {std::vector<double>{}, std::vector<double>{0}}) {
    const ReportScale scale(values, 100);
    EXPECT_EQ(scale.Position(0), 0);
    EXPECT_FALSE(scale.Ticks(40).empty());
  }
}

TEST(FormatTest, ThreeDigitsAndAUnit) {
  EXPECT_EQ(FormatNs(8.126), "8.13 ns");
  EXPECT_EQ(FormatNs(450), "450 ns");
  EXPECT_EQ(FormatNs(999.7), "1 µs");
  EXPECT_EQ(FormatNs(1.43e6), "1.43 ms");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatRatio(0.824), "0.82×");
  EXPECT_EQ(FormatRatio(3.44), "3.4×");
  EXPECT_EQ(FormatRatio(12.1), "12×");
  EXPECT_EQ(FormatEntries(65536), "64K");
  EXPECT_EQ(FormatEntries(1000), "1000");
}

TEST(EscapeTest, NoTextIsMarkup) {
  EXPECT_EQ(Escape("<a b=\"c\" d='e'>&"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
  EXPECT_EQ(Escape(std::string("\0", 1)), "\uFFFD");
  EXPECT_EQ(Escape("µ"), "µ");
}

TEST(EscapeTest, APageOfHostileTextHasNoMarkupOfIts) {
  const std::string evil = "</title><script>alert(1)</script>\"'><img src=x>";
  ReportRow ours = Row("cloud " + evil, evil, 1);
  ours.name.map = ours.name.operation = ours.name.keys = ours.full_name = evil;
  ours.p99 = ours.bytes_per_entry = 1;
  ReportRow peer = ours;
  peer.name.implementation = evil;
  ReportRun run = RunOf({ours, peer});
  run.machine = {{evil, evil}};
  run.without_result = {{evil, std::nullopt, evil}, {evil, peer.name, evil}};
  const std::string page = ReportPage(run, evil);
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  for (const char* markup : {"<script", "<img", "\"'>"}) {
    EXPECT_THAT(page, Not(HasSubstr(markup)));
  }
}

}  // namespace
}  // namespace bpfmap::bench
