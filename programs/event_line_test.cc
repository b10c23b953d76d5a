// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/event_line.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

TEST(EventLineTest, SaysWhenAndWhatRuns) {
  EventLine line;
  ASSERT_EQ(line.Parse("time=12.00000025 cpu=1 pid=7 tid=8 uid=1000 gid=5 "
                       "comm=\"a b\" cgroup=3 task.real_parent.tgid=5 "
                       "tracepoint/a/b"),
            "");
  EXPECT_EQ(line.time_ns, 12'000'000'250u);
  EXPECT_EQ(line.cpu, 1);
  EXPECT_EQ(line.pid, 7u);
  EXPECT_EQ(line.tid, 8u);
  EXPECT_EQ(line.uid, 1000u);
  EXPECT_EQ(line.comm, "a b");
  ASSERT_EQ(line.task.size(), 1u);
  EXPECT_EQ(line.task[0].name, "real_parent.tgid");
  EXPECT_EQ(line.hook, "tracepoint/a/b");
}

TEST(EventLineTest, FieldsAreNumbersAndTexts) {
  EventLine line;
  ASSERT_EQ(
      line.Parse(
          "x a=-1 b=0xff c=\"1\\n\\x41\" d=word arg0=7 ret=-2 packet=0aFF"),
      "");
  const auto& fields = line.context.fields();
  ASSERT_EQ(fields.size(), 4u);
  EXPECT_EQ(*fields[0].value.number(), ~uint64_t{0});
  EXPECT_EQ(*fields[1].value.number(), 255u);
  EXPECT_EQ(*fields[2].value.text(), "1\nA");
  EXPECT_EQ(*fields[3].value.text(), "word");
  ASSERT_EQ(line.context.arguments().size(), 1u);
  EXPECT_EQ(line.context.arguments()[0].index, 0);
  EXPECT_EQ(line.context.result().size(), 1u);
  EXPECT_EQ(*line.packet, (std::vector<uint8_t>{0x0a, 0xff}));
}

TEST(EventLineTest, ObjectsAndListsArePlacedLater) {
  EventLine line;
  ASSERT_EQ(line.Parse("task.real_parent=@sh x args[1]=[\"ls\",\"-l a\"] "
                       "arg0=@disk b=\"@\""),
            "");
  ASSERT_EQ(line.placed_task.size(), 1u);
  EXPECT_EQ(line.placed_task[0].object, "sh");
  ASSERT_EQ(line.placed.size(), 2u);
  EXPECT_EQ(line.placed[0].name, "args[1]");
  EXPECT_EQ(line.placed[0].texts, (std::vector<std::string>{"ls", "-l a"}));
  EXPECT_EQ(line.placed[1].object, "disk");
  EXPECT_EQ(*line.context.fields()[0].value.text(), "@");
  EXPECT_EQ(line.Parse("x a=[1]"), "the list of a is not one of quoted texts");
  EXPECT_EQ(line.Parse("x a=[\"b\""), "the list of a does not end");
}

TEST(EventLineTest, CommentsAndEmptyLinesAreNoEvents) {
  EventLine line;
  for (const char* text : {"", "  \n", "# time=x", " #"}) {
    EXPECT_EQ(line.Parse(text), "");
    EXPECT_EQ(line.hook, "");
  }
}

TEST(EventLineTest, MistakesAreSentences) {
  EventLine line;
  EXPECT_EQ(line.Parse("pid=x y"), "not understood: pid=x");
  EXPECT_EQ(line.Parse("color=1 y"), "not understood: color=1");
  EXPECT_EQ(line.Parse("y a=\"b"), "the quote of a does not end");
  EXPECT_EQ(line.Parse("y packet=abc"), "not understood: packet=abc");
  EXPECT_EQ(line.Parse("time=1.0000000001 y"),
            "not understood: time=1.0000000001");
}

}  // namespace
}  // namespace bpfmap
