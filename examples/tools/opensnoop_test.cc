// SPDX-License-Identifier: Apache-2.0

#include "examples/tools/opensnoop.h"

#include <linux/bpf.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using bpfmap::Context, bpfmap::Errno, bpfmap::Object, bpfmap::Returns;
using testing::IsEmpty, testing::SizeIs;

constexpr int kEacces = 13;
constexpr uint32_t kCreate = 0100;

class OpensnoopTest : public testing::Test {
 protected:
  void Run(const char* program, const Context& context) {
    EXPECT_THAT(object_.program(program).Run(context), Returns(0));
  }
  // openat(2), from its beginning to its end.
  void Open(const char* name, int result) {
    Run("enter_openat",
        Context().Set("args[1]", name).Set("args[2]", 1).Set("args[3]", 0644));
    Run("exit_openat", Context().Set("ret", result));
  }
  std::vector<open_event> Take() {
    return object_.ring<open_event>("events").Take();
  }

  bpfmap::World world_;
  Object object_ = Object::Open("examples/tools/opensnoop.bpf.o").value();
};

TEST_F(OpensnoopTest, OpenIsReportedWhenItEnds) {
  world_.task = {.pid = 71, .tgid = 70, .uid = 1000, .comm = "cat"};
  ASSERT_OK(object_.Load());
  Run("enter_open", Context()
                        .Set("args[0]", "/etc/passwd")
                        .Set("args[1]", kCreate)
                        .Set("args[2]", 0600));
  EXPECT_THAT(Take(), IsEmpty());
  world_.clock().Advance(std::chrono::microseconds(3));
  Run("exit_open", Context().Set("ret", 5));

  const std::vector<open_event> events = Take();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_STREQ(events[0].name, "/etc/passwd");
  EXPECT_STREQ(events[0].comm, "cat");
  EXPECT_EQ(events[0].pid, 70u);
  EXPECT_EQ(events[0].uid, 1000u);
  EXPECT_EQ(events[0].result, 5);
  EXPECT_EQ(events[0].flags, kCreate);
  EXPECT_EQ(events[0].mode, 0600u);
  EXPECT_EQ(events[0].took_ns, 3000u);
}

TEST_F(OpensnoopTest, ModeCountsForNewFilesOnly) {
  ASSERT_OK(object_.Load());
  Open("a", 3);
  const std::vector<open_event> events = Take();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].mode, 0u);
}

TEST_F(OpensnoopTest, FlagsOfOpenat2AreReadFromItsStruct) {
  ASSERT_OK(object_.Load());
  const uint64_t how[3] = {kCreate, 0640, 0};
  const auto* const bytes = reinterpret_cast<const uint8_t*>(how);
  Run("enter_openat2",
      Context()
          .Set("args[1]", "b")
          .Set("args[2]", world_.AddBytes({bytes, sizeof how})));
  Run("exit_openat2", Context().Set("ret", -kEacces));
  const std::vector<open_event> events = Take();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].mode, 0640u);
  EXPECT_EQ(events[0].result, -kEacces);
}

TEST_F(OpensnoopTest, ThreadsDoNotMix) {
  ASSERT_OK(object_.Load());
  world_.task.pid = 8;
  Run("enter_openat", Context().Set("args[1]", "of 8"));
  world_.task.pid = 9;
  Run("exit_openat", Context().Set("ret", 3));
  EXPECT_THAT(Take(), IsEmpty());
  world_.task.pid = 8;
  Run("exit_openat", Context().Set("ret", 3));
  Run("exit_openat", Context().Set("ret", 3));
  EXPECT_THAT(Take(), SizeIs(1));
}

TEST_F(OpensnoopTest, FailedOnesOnly) {
  object_.Set("only_failed", true);
  ASSERT_OK(object_.Load());
  Open("a", 3);
  Open("b", -kEacces);
  const std::vector<open_event> events = Take();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_STREQ(events[0].name, "b");
}

TEST_F(OpensnoopTest, NamesWithThePrefixOnly) {
  struct Prefix {
    char text[PREFIX_LENGTH];
  };
  object_.Set("prefix", Prefix{"/etc/"});
  object_.Set("prefix_length", uint32_t{5});
  ASSERT_OK(object_.Load());
  for (const char* name : {"/etc/hosts", "/et", "/usr/etc/"}) Open(name, 3);
  const std::vector<open_event> events = Take();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_STREQ(events[0].name, "/etc/hosts");
}

struct Filter {
  const char* variable;
  uint32_t value;
  std::size_t events;  // of process 70, thread 71, user 1000
};

class OpensnoopFilterTest : public OpensnoopTest,
                            public testing::WithParamInterface<Filter> {};

TEST_P(OpensnoopFilterTest, OthersAreLeftOut) {
  world_.task = {.pid = 71, .tgid = 70, .uid = 1000};
  object_.Set(GetParam().variable, GetParam().value);
  ASSERT_OK(object_.Load());
  Open("a", 3);
  EXPECT_THAT(Take(), SizeIs(GetParam().events));
}

INSTANTIATE_TEST_SUITE_P(, OpensnoopFilterTest,
                         testing::Values(Filter{"filter_process", 70, 1},
                                         Filter{"filter_process", 71, 0},
                                         Filter{"filter_thread", 71, 1},
                                         Filter{"filter_thread", 70, 0},
                                         Filter{"filter_user", 1000, 1},
                                         Filter{"filter_user", 0, 0}));

TEST_F(OpensnoopTest, WhatIsMissedIsCounted) {
  ASSERT_OK(object_.Load());
  world_.Fail(BPF_FUNC_map_update_elem, 1, Errno::k2Big);
  Open("a", 3);
  EXPECT_EQ(object_.Get<uint64_t>("lost"), 1u);
  EXPECT_THAT(Take(), IsEmpty());
  Run("enter_openat", Context().Set("args[1]", 16));
  Run("exit_openat", Context().Set("ret", -14));
  EXPECT_EQ(object_.Get<uint64_t>("unreadable"), 1u);
  const std::vector<open_event> events = Take();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_STREQ(events[0].name, "");
}

}  // namespace
