// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/lcov.h"

#include <string>

#include "gtest/gtest.h"

namespace bpfmap {
namespace {

constexpr char kText[] =
    "# no line: 3,1,40,fw\n"
    "TN:\n"
    "SF:fw.bpf.c\n"
    "FN:10,fw\n"
    "FN:4,parse\n"
    "FNDA:7,fw\n"
    "FNDA:0,parse\n"
    "FNF:2\n"
    "FNH:1\n"
    "BRDA:11,10,0,7\n"
    "BRDA:11,10,1,0\n"
    "BRDA:12,10,0,-\n"
    "BRDA:12,10,1,-\n"
    "BRF:4\n"
    "BRH:1\n"
    "DA:4,0\n"
    "DA:10,7\n"
    "DA:11,7\n"
    "LF:3\n"
    "LH:2\n"
    "end_of_record\n";

std::string Merged(const std::string& first, const std::string& second) {
  Lcov lcov;
  lcov.MergeText(first);
  lcov.MergeText(second);
  return lcov.Text();
}

TEST(LcovTest, TextIsReadAsItWasWritten) {
  EXPECT_EQ(Merged(kText, ""), kText);
}

TEST(LcovTest, TextsMayFollowOneAnother) {
  EXPECT_EQ(Merged(kText, kText), Merged(std::string(kText) + kText, ""));
}

TEST(LcovTest, CountsAreAddedUp) {
  Lcov lcov;
  lcov.MergeText(kText);
  lcov.MergeText(
      "SF:fw.bpf.c\nDA:11,2\nDA:13,1\nFNDA:2,parse\nBRDA:12,10,1,2\n"
      "end_of_record\n");
  const Lcov::File& file = lcov.files().at("fw.bpf.c");
  EXPECT_EQ(file.lines.at(11), 9U);
  EXPECT_EQ(file.lines.at(13), 1U);
  EXPECT_EQ(file.functions.at("parse").calls, 2U);
  EXPECT_EQ(file.functions.at("parse").line, 4U);
  EXPECT_EQ(file.branches.at({12, 10, 1}), 2U);
}

TEST(LcovTest, MergeIsAsTheirTexts) {
  Lcov one, two, both;
  one.MergeText(kText);
  two.MergeText("SF:a.c\nFN:1,f\nFNDA:1,f\nDA:1,5\nend_of_record\n");
  both.Merge(one);
  both.Merge(two);
  EXPECT_EQ(both.Text(), Merged(one.Text(), two.Text()));
}

TEST(LcovTest, BranchWithOneWayGoneHasACountForTheOther) {
  Lcov lcov;
  lcov.MergeText("SF:a.c\nBRDA:1,1,0,0\nBRDA:1,1,1,3\nend_of_record\n");
  EXPECT_NE(lcov.Text().find("BRDA:1,1,0,0\nBRDA:1,1,1,3\n"),
            std::string::npos);
}

TEST(LcovTest, SummaryHasShares) {
  Lcov lcov;
  lcov.MergeText(kText);
  EXPECT_EQ(lcov.Summary(),
            "fw.bpf.c: 2 of 3 lines (66.7%), 1 of 4 branches (25.0%), 1 of 2 "
            "functions (50.0%)\n"
            "program fw: no line names 3 of its 40 instructions; 1 of them "
            "ran\n");
}

TEST(LcovTest, BytesThatMakeNoSenseAreLeftOut) {
  Lcov lcov;
  lcov.MergeText(
      "DA:1,1\nSF:a.c\nDA:\nDA:x,1\nDA:1\nDA:99999999999,1\nBRDA:1,2\nFN:\n"
      "# no line: 1\nVER:7\n:\nend_of_record\nDA:2,2");
  ASSERT_EQ(lcov.files().size(), 1U);
  EXPECT_TRUE(lcov.files().at("a.c").lines.empty());
  EXPECT_TRUE(lcov.files().at("a.c").branches.empty());
  EXPECT_TRUE(lcov.files().at("a.c").functions.empty());
  EXPECT_TRUE(lcov.unnamed().empty());
}

}  // namespace
}  // namespace bpfmap
