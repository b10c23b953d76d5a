// SPDX-License-Identifier: Apache-2.0

#include "bench/result_table.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap::bench {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Name(const std::string& implementation,
                 const std::string& clock = "manual_time") {
  return "hash/update/" + implementation + "/k4v8/n1024/uniform/" + clock +
         "/threads:2";
}

TEST(ResultTableTest, ComparesEachViewWithTheKernelsOwn) {
  const std::string table = ResultTable(
      {{.name = Name("cloud/program"), .seconds = {10e-9}},
       {.name = Name("cloud/user"), .seconds = {20e-9}},
       {.name = Name("kernel/program", "real_time"), .seconds = {50e-9}},
       {.name = Name("kernel/user"), .seconds = {500e-9}}});
  EXPECT_THAT(table, HasSubstr("\nhash update k4v8 n1024 uniform threads:2\n"));
  EXPECT_THAT(table, ContainsRegex("cloud/program +10.0 +5.00x"));
  EXPECT_THAT(table, ContainsRegex("cloud/user +20.0 +25.00x"));
  EXPECT_THAT(table, ContainsRegex("kernel/program +50.0 +1.00x"));
}

TEST(ResultTableTest, ComparesWithTheFastestPeer) {
  const std::string table =
      ResultTable({{.name = Name("cloud_direct/program"), .seconds = {10e-9}},
                   {.name = Name("slow/user"), .seconds = {90e-9}},
                   {.name = Name("quick/user"), .seconds = {15e-9}},
                   {.name = Name("broken/user"), .error = "it broke"}});
  EXPECT_THAT(table, HasSubstr("threads:2   (best peer: quick)\n"));
  EXPECT_THAT(table, ContainsRegex("cloud_direct/program +10.0 +1.50x"));
  EXPECT_THAT(table, ContainsRegex("slow/user +90.0 +0.17x"));
  EXPECT_THAT(table, HasSubstr("broken/user ERROR: it broke\n"));
}

TEST(ResultTableTest, WhatHidesBehindTheLoopIsMarked) {
  const std::string table = ResultTable(
      {{.name = Name("cloud/program"), .seconds = {1e-9}, .at_most = true},
       {.name = Name("cloud_direct/program"), .seconds = {4e-9}},
       {.name = Name("kernel/program"), .seconds = {8e-9}}});
  EXPECT_THAT(table, ContainsRegex("cloud/program +<1.0 +~8.00x"));
  EXPECT_THAT(table, ContainsRegex("cloud_direct/program +4.0 +2.00x"));
}

TEST(ResultTableTest, RepetitionsCountByTheirMedian) {
  EXPECT_THAT(ResultTable({{.name = Name("cloud/user"),
                            .seconds = {9e-9, 1e-9, 5e-9}}}),
              ContainsRegex("cloud/user +5.0"));
  EXPECT_THAT(ResultTable({{.name = Name("cloud/user"),
                            .seconds = {9e-9, 1e-9, 5e-9, 4e-9}}}),
              ContainsRegex("cloud/user +4.5"));
}

TEST(ResultTableTest, GivesEachRowAsAMultipleOfTheFloor) {
  const std::string table =
      ResultTable({{.name = Name("floor/program"), .seconds = {4e-9}},
                   {.name = Name("floor/user"), .seconds = {8e-9}},
                   {.name = Name("cloud/program"), .seconds = {10e-9}},
                   {.name = Name("cloud/user"), .seconds = {12e-9}}});
  EXPECT_THAT(table, Not(HasSubstr("best peer:")));
  EXPECT_THAT(table, ContainsRegex("cloud/program +10.0 +2.50x"));
  EXPECT_THAT(table, ContainsRegex("cloud/user +12.0 +1.50x"));
}

TEST(ResultTableTest, SaysWhetherAGoalIsMet) {
  const auto table = [](const std::string& ours, double seconds) {
    return ResultTable(
        {{.name = "hash/update/" + ours + "/program/k4v8/n1024/uniform",
          .seconds = {seconds}},
         {.name = "hash/update/floor/program/k4v8/n1024/uniform",
          .seconds = {10e-9}}});
  };
  EXPECT_THAT(table("cloud", 15e-9),
              HasSubstr("goal: at most 1.5x of the floor: met\n"));
  EXPECT_THAT(table("cloud_direct", 16e-9),
              HasSubstr("goal: at most 1.5x of the floor: missed\n"));
}

TEST(ResultTableTest, WithoutAKernelThereAreNoRatios) {
  const std::string table =
      ResultTable({{.name = Name("cloud/user"), .seconds = {9e-9}}});
  EXPECT_THAT(table, Not(ContainsRegex("[0-9]x")));
}

}  // namespace
}  // namespace bpfmap::bench
