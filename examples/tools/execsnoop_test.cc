// SPDX-License-Identifier: Apache-2.0

#include "examples/tools/execsnoop.h"

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using bpfmap::Context, bpfmap::Errno, bpfmap::Object, bpfmap::Returns;
using testing::ElementsAre, testing::IsEmpty, testing::SizeIs;

constexpr int kEnoent = 2;

// An event, with its arguments as texts.
struct Exec {
  exec_event event;
  std::vector<std::string> args;
};

class ExecsnoopTest : public testing::Test {
 protected:
  void SetUp() override {
    world_.task = {.pid = 71, .tgid = 70, .uid = 1000, .comm = "make"};
    const auto parent = object_.New("task_struct").Set("tgid", 5);
    world_.task.address =
        object_.New("task_struct").Set("real_parent", parent).address();
  }

  void Enter(const char* file, const std::vector<const char*>& arguments) {
    std::vector<uint64_t> pointers;
    for (const char* argument : arguments) {
      pointers.push_back(argument == nullptr ? 0 : world_.AddText(argument));
    }
    const auto* const bytes = reinterpret_cast<const uint8_t*>(pointers.data());
    const uint64_t array = world_.AddBytes({bytes, 8 * pointers.size()});
    EXPECT_THAT(object_.program("enter_execve")
                    .Run(Context().Set("args[0]", file).Set("args[1]", array)),
                Returns(0));
  }
  void Exit(int result) {
    EXPECT_THAT(
        object_.program("exit_execve").Run(Context().Set("ret", result)),
        Returns(0));
  }

  std::vector<Exec> Take() {
    std::vector<Exec> execs;
    for (const std::string& record :
         object_.ring<std::string>("events").Take()) {
      Exec& exec = execs.emplace_back();
      std::memcpy(&exec.event, record.data(), record.size());
      const char* const args = exec.event.args;
      for (std::size_t at = 0; at < exec.event.args_size;) {
        at += exec.args.emplace_back(args + at).size() + 1;
      }
    }
    return execs;
  }

  bpfmap::World world_;
  Object object_ = Object::Open("examples/tools/execsnoop.bpf.o").value();
};

TEST_F(ExecsnoopTest, CallIsReportedWhenItEnds) {
  ASSERT_OK(object_.Load());
  Enter("/usr/bin/cc", {"cc", "-c", "a.c", nullptr});
  EXPECT_THAT(Take(), IsEmpty());
  std::strcpy(world_.task.comm, "cc");
  Exit(0);

  const std::vector<Exec> execs = Take();
  ASSERT_THAT(execs, SizeIs(1));
  EXPECT_THAT(execs[0].args, ElementsAre("/usr/bin/cc", "-c", "a.c"));
  const exec_event& event = execs[0].event;
  EXPECT_EQ(event.pid, 70u);
  EXPECT_EQ(event.ppid, 5u);
  EXPECT_EQ(event.uid, 1000u);
  EXPECT_EQ(event.args_count, 2u);
  EXPECT_EQ(event.has_more_args, 0u);
  EXPECT_STREQ(event.comm, "cc");
  EXPECT_EQ((object_.map<uint32_t, exec_event>("calls").size()), 0u);
}

TEST_F(ExecsnoopTest, FailedCallIsReportedOnDemand) {
  object_.Set("only_succeeded", false);
  ASSERT_OK(object_.Load());
  Enter("/bin/no", {"no", nullptr});
  Exit(-kEnoent);
  const std::vector<Exec> execs = Take();
  ASSERT_THAT(execs, SizeIs(1));
  EXPECT_EQ(execs[0].event.result, -kEnoent);
}

TEST_F(ExecsnoopTest, FailedCallIsForgotten) {
  ASSERT_OK(object_.Load());
  Enter("/bin/no", {"no", nullptr});
  Exit(-kEnoent);
  Exit(0);  // its beginning is unknown
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(ExecsnoopTest, ArgumentsAboveTheLimitAreSaid) {
  object_.Set("most_arguments", uint32_t{3});
  ASSERT_OK(object_.Load());
  Enter("/bin/ls", {"ls", "1", "2", "3", nullptr});
  Exit(0);
  const std::vector<Exec> execs = Take();
  ASSERT_THAT(execs, SizeIs(1));
  EXPECT_THAT(execs[0].args, ElementsAre("/bin/ls", "1", "2"));
  EXPECT_EQ(execs[0].event.has_more_args, 1u);
}

TEST_F(ExecsnoopTest, LongArgumentsAreCutAndFillTheRecord) {
  ASSERT_OK(object_.Load());
  const std::string text(300, 'a');
  Enter("/bin/ls", std::vector<const char*>(MOST_ARGUMENTS, text.c_str()));
  Exit(0);
  const std::vector<Exec> execs = Take();
  ASSERT_THAT(execs, SizeIs(1));
  EXPECT_EQ(execs[0].args[1], text.substr(0, ARGUMENT_LENGTH - 1));
  EXPECT_EQ(execs[0].args.size(), std::size_t{MOST_ARGUMENTS});
}

TEST_F(ExecsnoopTest, ArgumentsThatCannotBeReadEndTheList) {
  ASSERT_OK(object_.Load());
  object_.program("enter_execve")
      .Run(Context().Set("args[0]", "/bin/ls").Set("args[1]", 16));
  Exit(0);
  object_.program("enter_execve").Run(Context().Set("args[0]", 16));
  Exit(0);
  const std::vector<Exec> execs = Take();
  ASSERT_THAT(execs, SizeIs(2));
  EXPECT_THAT(execs[0].args, ElementsAre("/bin/ls"));
  EXPECT_THAT(execs[1].args, IsEmpty());
}

TEST_F(ExecsnoopTest, OthersThanTheUserAreLeftOut) {
  object_.Set("filter_user", uint32_t{1001});
  ASSERT_OK(object_.Load());
  Enter("/bin/ls", {"ls", nullptr});
  Exit(0);
  world_.task.uid = 1001;
  Enter("/bin/ls", {"ls", nullptr});
  Exit(0);
  EXPECT_THAT(Take(), SizeIs(1));
}

TEST_F(ExecsnoopTest, OthersThanTheCgroupAreLeftOut) {
  object_.Set("only_cgroup", true);
  ASSERT_OK(object_.Load());
  Enter("/bin/ls", {"ls", nullptr});
  Exit(0);
  EXPECT_THAT(Take(), IsEmpty());
  object_.map<uint32_t, uint32_t>("cgroups").Set(0, 9);
  world_.task.cgroup_id = 9;
  Enter("/bin/ls", {"ls", nullptr});
  Exit(0);
  EXPECT_THAT(Take(), SizeIs(1));
}

TEST_F(ExecsnoopTest, LostCallsAreCounted) {
  ASSERT_OK(object_.Load());
  world_.Fail(BPF_FUNC_map_update_elem, 1, Errno::k2Big, "calls");
  Enter("/bin/ls", {"ls", nullptr});
  Exit(0);
  world_.Fail(BPF_FUNC_ringbuf_output, 1, Errno::kAgain);
  Enter("/bin/ls", {"ls", nullptr});
  Exit(0);
  EXPECT_EQ(object_.Get<uint64_t>("lost"), 2u);
  EXPECT_THAT(Take(), IsEmpty());
}

}  // namespace
