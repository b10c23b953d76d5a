// SPDX-License-Identifier: Apache-2.0

// Opens a report in headless Chromium, light and dark, and looks for every row
// and every series among the pixels of a screenshot.
//
// Where the mark of a row should be is asked of the browser, by a script that
// only the tested copy of the page has. That it is there is seen in the
// screenshot: enough pixels of its colour.

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "bench/report/browser.h"
#include "bench/report/figures.h"
#include "bench/report/page.h"
#include "bench/report/rows.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace bpfmap::bench {
namespace {

using nlohmann::json;

constexpr char kSample[] = "bench/report/testdata/sample.json";
constexpr int kWidth = 1280;
constexpr int kHeight = 6000;  // more than the page needs

// A mark is at least this many pixels of its colour, give or take kTolerance
// in each of red, green and blue: its edge is blended with what lies behind.
constexpr int kPixels = 12;
constexpr int kTolerance = 16;

// Writes into the page where its marks are, which texts of a chart overlap or
// are cut off, and how large all of it is.
constexpr char kProbe[] = R"html(<script>
const marks = [], problems = [];
for (const e of document.querySelectorAll('[data-series]')) {
  const dot = e.querySelector('.dot'), box = dot.getBoundingClientRect();
  marks.push({kind: e.localName, series: e.dataset.series,
              row: e.dataset.row || '', x: box.x + scrollX, y: box.y + scrollY,
              w: box.width, h: box.height,
              color: getComputedStyle(dot).stroke.match(/\d+/g).map(Number)});
}
for (const chart of document.querySelectorAll('svg.chart')) {
  const frame = chart.getBoundingClientRect();
  const texts = [...chart.querySelectorAll('text')].map(
      e => ({text: e.textContent, box: e.getBoundingClientRect()}));
  texts.forEach((a, i) => {
    if (a.box.left < frame.left - 1 || a.box.right > frame.right + 1 ||
        a.box.top < frame.top - 1 || a.box.bottom > frame.bottom + 1) {
      problems.push('cut off: ' + a.text);
    }
    for (const b of texts.slice(i + 1)) {
      if (a.box.left < b.box.right && b.box.left < a.box.right &&
          a.box.top + 2 < b.box.bottom && b.box.top + 2 < a.box.bottom) {
        problems.push('overlap: ' + a.text + ' and ' + b.text);
      }
    }
  });
}
const out = document.createElement('script');
out.type = 'application/json';
out.id = 'probe';
const root = document.documentElement;
out.textContent = JSON.stringify({marks, problems, width: root.scrollWidth,
    height: root.scrollHeight}).replaceAll('<', '\\u003c');
document.body.append(out);
</script></body>)html";

ReportRun ReadSample() {
  std::stringstream text;
  text << std::ifstream(kSample).rdbuf();
  auto run = ReadRun(text.str());
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? *run : ReportRun();
}

json ReadProbe(const std::string& dom) {
  constexpr absl::string_view kStart =
      R"(<script type="application/json" id="probe">)";
  const size_t start = dom.find(std::string(kStart));
  if (start == std::string::npos) return json::object();
  const size_t begin = start + kStart.size();
  return json::parse(dom.substr(begin, dom.find("</script>", begin) - begin),
                     nullptr, /*allow_exceptions=*/false);
}

bool IsVisible(const json& mark, const Image& image) {
  const auto near = [](int a, int b) { return std::abs(a - b) <= kTolerance; };
  const json& color = mark["color"];
  // Strokes lie half outside of the box.
  const int left = std::max(0, mark["x"].get<int>() - 2);
  const int top = std::max(0, mark["y"].get<int>() - 2);
  const int right = std::min(image.width, left + mark["w"].get<int>() + 5);
  const int bottom = std::min(image.height, top + mark["h"].get<int>() + 5);
  int pixels = 0;
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) {
      const Rgb& rgb = image.At(x, y);
      pixels += near(rgb.red, color[0]) && near(rgb.green, color[1]) &&
                near(rgb.blue, color[2]);
    }
  }
  return pixels >= kPixels;
}

// Everything that must be seen: the rows, and the series of every section's
// legend.
std::multiset<std::string> Expected(const ReportRun& run) {
  std::multiset<std::string> expected;
  for (const ReportRow& row : run.rows) {
    expected.insert(absl::StrCat(row.name.Series(), " in ", row.full_name));
  }
  for (const ReportSection& section : Sections(run)) {
    std::set<std::string> series;
    for (const ReportRow* row : section.rows) series.insert(row->name.Series());
    for (const std::string& one : series) expected.insert(one + " in a legend");
  }
  return expected;
}

// Of `expected`, what is not to be seen.
std::multiset<std::string> Missing(std::multiset<std::string> expected,
                                   const json& probe, const Image& image) {
  for (const json& mark : probe["marks"]) {
    if (!IsVisible(mark, image)) continue;
    const std::string name = absl::StrCat(
        mark["series"].get<std::string>(), " in ",
        mark["kind"] == "li" ? "a legend" : mark["row"].get<std::string>());
    const auto it = expected.find(name);
    if (it != expected.end()) expected.erase(it);
  }
  return expected;
}

std::multiset<std::string> OfSeries(const std::multiset<std::string>& all,
                                    const std::string& series) {
  std::multiset<std::string> some;
  for (const std::string& one : all) {
    if (absl::StartsWith(one, series + " in ")) some.insert(one);
  }
  return some;
}

class ReportScreenshotTest : public testing::Test {
 protected:
  void SetUp() override {
    browser_ = FindBrowser();
    if (!browser_.empty()) return;
    const char* required = std::getenv("REQUIRE_BROWSER");
    if (required != nullptr && std::string(required) == "1") {
      FAIL() << "REQUIRE_BROWSER=1, and there is no Chromium in PATH";
    }
    GTEST_SKIP() << "SKIPPED: no Chromium in PATH (apt-get install chromium)";
  }

  // Opens a page with the probe in it.
  void Open(const std::string& name, const std::string& page,
            ColorScheme scheme) {
    const std::string html = absl::StrReplaceAll(
        page, {{absl::StrCat("content=\"", kReportPolicy, "\""), ""},
               {"</body>", kProbe}});
    auto opened = OpenPage(browser_, html, testing::TempDir(), name, scheme,
                           kWidth, kHeight);
    ASSERT_TRUE(opened.ok()) << opened.status();
    page_ = *std::move(opened);
    probe_ = ReadProbe(page_.dom);
    ASSERT_TRUE(probe_.contains("marks")) << page_.dom;
    EXPECT_EQ(page_.screenshot.width, kWidth);
    EXPECT_EQ(page_.screenshot.height, kHeight);
  }

  void ExpectEverything(const std::string& name, ColorScheme scheme) {
    ASSERT_NO_FATAL_FAILURE(Open(name, ReportPage(run_, "Sample"), scheme));
    EXPECT_GE(run_.rows.size(), 20u);
    EXPECT_EQ(Missing(Expected(run_), probe_, page_.screenshot),
              std::multiset<std::string>());
    EXPECT_EQ(probe_["problems"], json::array());
    EXPECT_LE(probe_["width"], kWidth) << "the page has to be scrolled aside";
    EXPECT_LE(probe_["height"], kHeight) << "the screenshot cuts it off";
  }

  const ReportRun run_ = ReadSample();
  std::string browser_;
  OpenedPage page_;
  json probe_;
};

TEST_F(ReportScreenshotTest, ALightPageShowsEverySeries) {
  ExpectEverything("light", ColorScheme::kLight);
  EXPECT_GT(page_.screenshot.At(1, 1).red, 200);
}

TEST_F(ReportScreenshotTest, ADarkPageShowsEverySeries) {
  ExpectEverything("dark", ColorScheme::kDark);
  EXPECT_LT(page_.screenshot.At(1, 1).red, 50);
}

// Controls: this test finds what is not there, and what cannot be read.
TEST_F(ReportScreenshotTest, ASeriesThatWasRemovedIsMissed) {
  ReportRun less = run_;
  std::erase_if(less.rows, [](const ReportRow& row) {
    return row.name.Series() == "embedded/user";
  });
  ASSERT_LT(less.rows.size(), run_.rows.size());
  ASSERT_NO_FATAL_FAILURE(
      Open("removed", ReportPage(less, "Removed"), ColorScheme::kLight));
  EXPECT_EQ(Missing(Expected(run_), probe_, page_.screenshot),
            OfSeries(Expected(run_), "embedded/user"));
}

TEST_F(ReportScreenshotTest, ASeriesThatIsInThePageButNotSeenIsMissed) {
  const std::string page = absl::StrReplaceAll(
      ReportPage(run_, "Hidden"),
      {{"</style>", "[data-series=\"cloud/user\"]{opacity:0}</style>"}});
  ASSERT_NO_FATAL_FAILURE(Open("hidden", page, ColorScheme::kDark));
  EXPECT_EQ(Missing(Expected(run_), probe_, page_.screenshot),
            OfSeries(Expected(run_), "cloud/user"));
}

TEST_F(ReportScreenshotTest, TextsThatOverlapAreFound) {
  const std::string page = absl::StrReplaceAll(
      ReportPage(run_, "Large"),
      {{"</style>", ".chart text{font-size:30px}</style>"}});
  ASSERT_NO_FATAL_FAILURE(Open("large", page, ColorScheme::kLight));
  EXPECT_NE(probe_["problems"], json::array());
}

}  // namespace
}  // namespace bpfmap::bench
