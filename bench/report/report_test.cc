// SPDX-License-Identifier: Apache-2.0

// The input of a report: names of rows, medians, errors, the machine.

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bench/report/page.h"
#include "bench/report/rows.h"
#include "bench/report/summary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// A row as Google Benchmark writes it, with `more` fields.
std::string Row(const std::string& name, const std::string& more) {
  return absl::StrCat(R"({"name": ")", name, R"(", "run_name": ")", name,
                      R"(", "run_type": "iteration", "time_unit": "ns")",
                      more.empty() ? "" : ", ", more, "}");
}

ReportRun Read(const std::vector<std::string>& rows,
               const std::string& context = "{}") {
  const auto run =
      ReadRun(absl::StrCat(R"({"context": )", context, R"(, "benchmarks": [)",
                           absl::StrJoin(rows, ","), "]}"));
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? *run : ReportRun();
}

TEST(ParseRowNameTest, AllThatANameSays) {
  const auto name = ParseRowName(
      "hash/lookup_hit/cloud/program/k4v8/n65536/zipf/min_time:0.100/"
      "repeats:5/real_time/threads:2");
  ASSERT_TRUE(name);
  EXPECT_EQ(*name, (ReportRowName{"hash", "lookup_hit", "cloud", "program", 4,
                                  8, 65536, "zipf", 2}));
  EXPECT_EQ(name->Series(), "cloud/program");
  EXPECT_EQ(DescribeSetting(*name),
            "key 4 B, value 8 B · 2 threads · zipf keys");
}

TEST(ParseRowNameTest, WhatANameNeedNotSay) {
  const auto name = ParseRowName("array/update/x+y/user/k4v64/n1000");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->threads, 1);
  EXPECT_EQ(name->keys, "");
}

TEST(ParseRowNameTest, AMapWithoutKeys) {
  const auto name = ParseRowName(
      "queue/push_pop/kernel/program/k0v8/n1024/manual_time/threads:2");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->map, "queue");
  EXPECT_EQ(name->operation, "push_pop");
  EXPECT_EQ(name->key_size, 0u);
  EXPECT_EQ(name->value_size, 8u);
  EXPECT_EQ(name->keys, "");
  EXPECT_EQ(name->threads, 2);
}

TEST(ParseRowNameTest, OtherNamesAreNone) {
  for (const char* name :
       {"", "BM_hash/8", "hash/update/cloud/user/k4v8",
        "hash/update/cloud/user/k4/n1", "hash/update/cloud/user/k4v/n1",
        "hash/update/cloud/user/k-4v8/n1", "hash/update/cloud/user/k4v8/n1K",
        "hash/update/cloud/user/k4v8/1024", "hash//cloud/user/k4v8/n1",
        "hash/update/cloud/user/k4v8/n1/threads:two",
        "hash/update/cloud/user/k4v8/n1/cold"}) {
    EXPECT_FALSE(ParseRowName(name)) << name;
  }
}

constexpr char kName[] = "hash/update/cloud/user/k4v8/n1024/threads:2";

TEST(ReadRunTest, AMedianGoesBeforeRepetitions) {
  const ReportRun run =
      Read({Row(kName, R"("time_per_op": 1e-8)"),
            Row(kName, R"("time_per_op": 3e-8)"),
            absl::StrCat(R"({"name": "x_mean", "run_type": "aggregate",
         "aggregate_name": "mean", "run_name": ")",
                         kName, R"(", "time_per_op": 5e-8})"),
            absl::StrCat(R"({"name": "x_median", "run_type": "aggregate",
         "aggregate_name": "median", "run_name": ")",
                         kName, R"(", "time_per_op": 1.5e-8, "p99": 70})")});
  ASSERT_EQ(run.rows.size(), 1u);
  EXPECT_DOUBLE_EQ(run.rows[0].ns_per_op, 15);
  EXPECT_EQ(run.rows[0].repetitions, 2);
  EXPECT_DOUBLE_EQ(run.rows[0].fastest_ns, 10);
  EXPECT_DOUBLE_EQ(run.rows[0].slowest_ns, 30);
  EXPECT_EQ(run.rows[0].p99, 70);
  EXPECT_EQ(run.rows[0].p50, std::nullopt);
  EXPECT_TRUE(run.without_result.empty());
}

TEST(ReadRunTest, WithoutAMedianItIsThatOfTheRepetitions) {
  const ReportRun run = Read({Row(kName, R"("time_per_op": 9e-8, "p50": 1)"),
                              Row(kName, R"("time_per_op": 1e-8, "p50": 3)"),
                              Row(kName, R"("time_per_op": 2e-8, "p50": 2)")});
  ASSERT_EQ(run.rows.size(), 1u);
  EXPECT_DOUBLE_EQ(run.rows[0].ns_per_op, 20);
  EXPECT_EQ(run.rows[0].p50, 2);
}

TEST(ReadRunTest, WithoutACounterItIsTheRealTimeOfAllThreads) {
  const ReportRun run = Read({absl::StrCat(
      R"({"name": ")", kName, R"(", "time_unit": "us", "real_time": 0.5})")});
  ASSERT_EQ(run.rows.size(), 1u);
  EXPECT_DOUBLE_EQ(run.rows[0].ns_per_op, 1000);
}

TEST(ReadRunTest, RowsWithoutAResultAreKept) {
  const ReportRun run = Read(
      {Row(kName, R"("error_occurred": true, "error_message": "no <map>")"),
       Row("hash/update/kernel/user/k4v8/n1", ""),
       Row("BM_other", R"("time_per_op": 1e-9)"), "7"});
  EXPECT_TRUE(run.rows.empty());
  ASSERT_EQ(run.without_result.size(), 4u);
  EXPECT_EQ(run.without_result[0].why, "no <map>");
  EXPECT_EQ(run.without_result[1].why, "the file has no time for it");
  EXPECT_THAT(run.without_result[2].why, HasSubstr("the name is not"));
  const std::string page = ReportPage(run, "t");
  EXPECT_THAT(page, HasSubstr("no &lt;map&gt;"));
  EXPECT_THAT(page, HasSubstr("BM_other"));
  EXPECT_THAT(page, HasSubstr(">failed</text>"));
}

TEST(ReadRunTest, NumbersThatJsonDoesNotHave) {
  const ReportRun run =
      Read({Row(kName, R"("time_per_op": 1e-8, "p50": NaN, "p99": -Infinity)"),
            Row("NaN \\\"NaN", "")});
  ASSERT_EQ(run.rows.size(), 1u);
  EXPECT_EQ(run.rows[0].p50, std::nullopt);
  EXPECT_EQ(run.without_result[0].full_name, "NaN \"NaN");
}

TEST(ReadRunTest, WhatIsNotARunSaysWhy) {
  EXPECT_EQ(ReadRun("").status().message(), "not JSON, or cut off");
  EXPECT_EQ(ReadRun("{\"a\": \"\xff\"}").status().message(),
            "not JSON, or cut off");
  for (const char* other : {"7", "[]", "{}", R"({"benchmarks": 1})"}) {
    EXPECT_THAT(std::string(ReadRun(other).status().message()),
                HasSubstr("not the JSON of Google Benchmark"));
  }
  EXPECT_EQ(ReadRun(R"({"benchmarks": []})").status().message(),
            "no benchmark rows");
}

TEST(ReadRunTest, TheMachine) {
  const ReportRun run = Read({Row(kName, "")}, R"({
      "date": "2026-01-02", "num_cpus": 2, "mhz_per_cpu": 2300,
      "cpu_scaling_enabled": false, "executable": "/home/me/map_bench",
      "caches": [{"type": "Data", "level": 1, "size": 49152, "num_sharing": 1},
                 {"type": "Unified", "level": 3, "size": 2097152,
                  "num_sharing": 2}, 3],
      "load_avg": [1.5, 2], "library_build_type": "release", "seed": "7"})");
  EXPECT_THAT(
      run.machine,
      ElementsAre(Pair("Date", "2026-01-02"), Pair("CPUs", "2"),
                  Pair("MHz per CPU", "2300"), Pair("CPU scaling", "no"),
                  Pair("Caches",
                       "L1 Data 48 KiB, L3 2 MiB "
                       "(shared by 2)"),
                  Pair("Load at the start", "1.50, 2.00"),
                  Pair("Build of Google Benchmark", "release"),
                  Pair("seed", "7")));
}

}  // namespace
}  // namespace bpfmap::bench
