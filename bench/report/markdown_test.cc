// SPDX-License-Identifier: Apache-2.0

#include "bench/report/markdown.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/report/rows.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap::bench {
namespace {

using testing::HasSubstr;

ReportRow Row(const std::string& name, double ns) {
  ReportRow row;
  row.full_name = name;
  row.name = ParseRowName(name).value();
  row.ns_per_op = ns;
  return row;
}

TEST(MarkdownTest, RowIsComparedWithTheKernelAndItsGoal) {
  ReportRun run;
  run.rows = {Row("hash/update/floor/program/k4v8/n65536/uniform", 6),
              Row("hash/update/cloud/program/k4v8/n65536/uniform", 10),
              Row("hash/update/cloud_direct/program/k4v8/n65536/uniform", 9),
              Row("hash/update/kernel/program/k4v8/n65536/uniform", 80),
              Row("hash/update/floor/program/k4v8/n1024/uniform", 5),
              Row("hash/update/cloud/program/k4v8/n1024/uniform", 20),
              Row("hash/update/kernel/program/k4v8/n1024/uniform", 40),
              Row("hash/update/cloud/program/k4v8/n1024/zipf", 5)};
  const std::string tables = MarkdownTables(run);
  EXPECT_THAT(tables, HasSubstr("### hash, key/value 4/8 bytes, in a program"));
  EXPECT_THAT(tables, HasSubstr("--benchmark_filter='^hash/.*/program/k4v8/'"));
  EXPECT_THAT(tables,
              HasSubstr("| update | 1 | 64K | 10.0 | 9.0 | 80.0 | 8.00x | 6.0 "
                        "| 1.5x | 1.5x | met |\n"));
  EXPECT_THAT(tables,
              HasSubstr("| update | 1 | 1K | 20.0 |  | 40.0 | 2.00x | 5.0 | "
                        "4.0x | 1.5x | missed |\n"));
}

TEST(MarkdownTest, WhatHasNoInterfaceIsComparedDirectly) {
  ReportRun run;
  run.rows = {
      Row("ringbuf/reserve_submit/cloud_direct/program/k0v0/n2097152", 10),
      Row("ringbuf/reserve_submit/kernel/program/k0v0/n2097152", 30)};
  EXPECT_THAT(MarkdownTables(run),
              HasSubstr("| reserve_submit | 1 | 2M |  | 10.0 | 30.0 | 3.00x | "
                        " |  |  |  |\n"));
}

TEST(MarkdownTest, WhatHidesBehindTheLoopIsMarked) {
  ReportRun run;
  run.rows = {Row("array/lookup_hit/cloud/program/k4v8/n1024/uniform", 1),
              Row("array/lookup_hit/kernel/program/k4v8/n1024/uniform", 2)};
  run.rows[0].at_most = true;
  EXPECT_THAT(
      MarkdownTables(run),
      HasSubstr(
          "| lookup_hit | 1 | 1K | <1.0 |  | 2.0 | ~2.00x |  |  |  |  |\n"));
}

TEST(MarkdownTest, TheUserViewStandsBesideTheBestPeer) {
  ReportRun run;
  run.rows = {Row("hash/update/cloud/user/k4v8/n1024/uniform", 20),
              Row("hash/update/kernel/user/k4v8/n1024/uniform", 400),
              Row("hash/update/slow/user/k4v8/n1024/uniform", 60),
              Row("hash/update/quick/user/k4v8/n1024/uniform", 30)};
  EXPECT_THAT(MarkdownTables(run),
              HasSubstr("| update | 1 | 1K | 20.0 | 400 | 20.00x | 30.0 | "
                        "quick | 1.50x |  |  |  |\n"));
}

TEST(MarkdownTest, AttacksAreComparedWithUniformKeys) {
  ReportRun run;
  run.rows = {Row("hash/update/cloud/program/k4v8/n16384/uniform", 10),
              Row("hash/update/cloud/program/k4v8/n16384/one_shard", 15)};
  EXPECT_THAT(MarkdownTables(run),
              HasSubstr("| update | 1 | one_shard | 15.0 | 1.50 |\n"));
}

TEST(MarkdownTest, ARowWithAnErrorIsNotDropped) {
  ReportRun run;
  run.without_result = {{"hash/x", std::nullopt, "it broke"}};
  EXPECT_THAT(MarkdownTables(run), HasSubstr("- `hash/x`: it broke\n"));
}

TEST(ReplaceTablesTest, OnlyTheTablesAreReplaced) {
  const std::string once = ReplaceTables("Words.\n", "\nOne.\n");
  EXPECT_EQ(once, absl::StrCat("Words.\n", kTablesBegin, "\nOne.\n"));
  EXPECT_EQ(ReplaceTables(once, "\nTwo.\n"),
            absl::StrCat("Words.\n", kTablesBegin, "\nTwo.\n"));
}

}  // namespace
}  // namespace bpfmap::bench
