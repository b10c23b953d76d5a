// SPDX-License-Identifier: Apache-2.0

#include "bench/results_file.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace bpfmap::bench {
namespace {

constexpr char kFirst[] = "<!-- From here on: bench/some -->\n";
constexpr char kLast[] = "<!-- Up to here: bench/some -->\n";

TEST(ResultsFileTest, TableTakesPlaceOfOldOne) {
  const std::string text =
      absl::StrCat("before\n", kFirst, "\n| old |\n\n", kLast, "after\n");
  const std::string with = WithTable(text, "some", "| new |\n");
  EXPECT_EQ(with, absl::StrCat("before\n", kFirst, "\n| new |\n\n", kLast,
                               "after\n"));
  EXPECT_EQ(WithTable(with, "some", "| new |\n"), with);
}

TEST(ResultsFileTest, FileWithoutPlaceForItIsRefused) {
  EXPECT_EQ(WithTable("", "some", "| new |\n"), "");
  EXPECT_EQ(WithTable(kFirst, "some", "| new |\n"), "");
  EXPECT_EQ(WithTable(absl::StrCat(kLast, kFirst), "some", "| new |\n"), "");
  EXPECT_EQ(WithTable(absl::StrCat(kFirst, kLast), "other", "| new |\n"), "");
}

}  // namespace
}  // namespace bpfmap::bench
