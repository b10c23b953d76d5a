// SPDX-License-Identifier: Apache-2.0

#include "examples/strace_tasks.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "examples/strace_parser.h"
#include "gtest/gtest.h"

namespace bpfmap::examples {
namespace {

constexpr absl::string_view kOpen = "openat(AT_FDCWD, \"a\", O_RDONLY) = 3";

class StraceTasksTest : public testing::Test {
 protected:
  // Follows one line and says who it was: "12 cc1", "12 cc1 renamed".
  std::string Follow(absl::string_view text) {
    const std::optional<StraceLine> line = ParseStraceLine(text);
    if (!line) return "does not parse";
    const StraceTasks::Task task = tasks_.Follow(*line);
    return absl::StrCat(task.pid, " ", task.comm,
                        task.renamed ? " renamed" : "");
  }

  std::string Open(absl::string_view prefix) {
    return Follow(absl::StrCat(prefix, kOpen));
  }

  StraceTasks tasks_;
};

TEST_F(StraceTasksTest, AnUnknownThreadIsAProcessWithoutAName) {
  EXPECT_EQ(Open("12 "), "12 ");
}

TEST_F(StraceTasksTest, TheNameThatALineShowsCounts) {
  EXPECT_EQ(Open("12<cc1> "), "12 cc1 renamed");
  EXPECT_EQ(Open("12<cc1> "), "12 cc1");
  EXPECT_EQ(Open("12<as> "), "12 as renamed");
}

TEST_F(StraceTasksTest, AnEscapedNameIsUnescaped) {
  EXPECT_EQ(Open(R"(12<a\76b> )"), "12 a>b renamed");
}

TEST_F(StraceTasksTest, ExecveGivesTheNameOfTheFile) {
  EXPECT_EQ(Follow("12 execve(\"/usr/bin/make\", [\"gmake\"], 0x7f) = 0"),
            "12 make renamed");
  EXPECT_EQ(Open("12 "), "12 make");
}

// As strace 6.1 -Y does for a process that calls execve() twice.
TEST_F(StraceTasksTest, ANameThatLagsBehindExecveDoesNotCount) {
  Follow("12<sh> execve(\"/bin/env\", [\"env\"], 0x7f) = 0");
  EXPECT_EQ(Follow("12<sh> execve(\"/bin/nice\", [\"nice\"], 0x7f) = 0"),
            "12 nice renamed");
  EXPECT_EQ(Open("12<env> "), "12 nice");
}

TEST_F(StraceTasksTest, AFailedExecveChangesNothing) {
  Open("12<sh> ");
  EXPECT_EQ(Follow("12 execve(\"/bin/cc\", [\"cc\"], 0x7f) = -1 ENOENT (No "
                   "such file or directory)"),
            "12 sh");
}

TEST_F(StraceTasksTest, AnInterruptedExecveCountsWhenItSucceeds) {
  Open("12<sh> ");
  EXPECT_EQ(Follow("12 execve(\"/bin/cc\", [\"cc\"], 0x7f <unfinished ...>"),
            "12 sh");
  EXPECT_EQ(Follow("12 <... execve resumed>)  = 0"), "12 cc renamed");

  Follow("12 execve(\"/bin/as\", [\"as\"], 0x7f <unfinished ...>");
  EXPECT_EQ(Follow("12 <... execve resumed>)  = -1 ENOENT"), "12 cc");
}

TEST_F(StraceTasksTest, ANameHasAtMostFifteenBytes) {
  EXPECT_EQ(Follow("12 execve(\"/bin/0123456789abcdefgh\", [], 0x7f) = 0"),
            "12 0123456789abcde renamed");
}

TEST_F(StraceTasksTest, AForkedProcessHasItsParentsName) {
  Open("12<sh> ");
  Follow(
      "12 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, "
      "child_tidptr=0x7f) = 13");
  EXPECT_EQ(Open("13 "), "13 sh");
  Follow("13 vfork() = 14");
  EXPECT_EQ(Open("14 "), "14 sh");
}

TEST_F(StraceTasksTest, AChildMayRunBeforeItsParentReturns) {
  Open("12<make> ");
  Follow("12 vfork( <unfinished ...>");
  EXPECT_EQ(Open("13 "), "13 make");
  EXPECT_EQ(Follow("13 execve(\"/bin/cc\", [\"cc\"], 0x7f) = 0"),
            "13 cc renamed");
  EXPECT_EQ(Follow("12 <... vfork resumed>) = 13"), "12 make");
  EXPECT_EQ(Open("13 "), "13 cc");
}

TEST_F(StraceTasksTest, AChildOfOneOfTwoIsNotGuessed) {
  Open("12<make> ");
  Open("13<sh> ");
  Follow("12 vfork( <unfinished ...>");
  Follow("13 vfork( <unfinished ...>");
  EXPECT_EQ(Open("14 "), "14 ");
}

TEST_F(StraceTasksTest, AThreadBelongsToItsProcess) {
  Open("12<server> ");
  Follow(
      "12 clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x7f} => "
      "{parent_tid=[13]}, 88) = 13");
  EXPECT_EQ(Open("13<worker> "), "12 server");

  Follow("13 clone3({flags=CLONE_VM|CLONE_THREAD} <unfinished ...>");
  EXPECT_EQ(Open("14 "), "12 server");
  Follow("13 <... clone3 resumed> => {parent_tid=[14]}, 88) = 14");
  EXPECT_EQ(Open("14 "), "12 server");
}

TEST_F(StraceTasksTest, AThreadThatRunsLateBelongsToItsProcessToo) {
  Open("12<server> ");
  Open("20<other> ");
  Follow("12 clone3({flags=CLONE_VM|CLONE_THREAD} <unfinished ...>");
  Follow("20 vfork( <unfinished ...>");
  Follow("12 <... clone3 resumed> => {parent_tid=[13]}, 88) = 13");
  EXPECT_EQ(Open("13 "), "12 server");
}

TEST_F(StraceTasksTest, ANumberMayBeUsedAgainAfterAnExit) {
  Open("12<server> ");
  Follow("12 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 13");
  EXPECT_EQ(Open("13 "), "12 server");
  Follow("13 +++ exited with 0 +++");
  Follow("12 vfork() = 13");
  EXPECT_EQ(Open("13 "), "13 server");

  Follow("13 execve(\"/bin/cc\", [\"cc\"], 0x7f) = 0");
  Follow("13 +++ exited with 0 +++");
  EXPECT_EQ(Open("13<as> "), "13 as renamed");
}

TEST_F(StraceTasksTest, ARecordingOfOneThreadNamesNone) {
  EXPECT_EQ(Follow("execve(\"./a\", [\"./a\"], 0x7f) = 0"), "0 a renamed");
  EXPECT_EQ(Open(""), "0 a");
}

// The output of strace 6.1 on a terminal for a process with two threads.
TEST_F(StraceTasksTest, TheFirstThreadKeepsItsPlaceOnceItHasANumber) {
  Follow("execve(\"./thr\", [\"./thr\"], 0x7f) = 0");
  Follow("clone3({flags=CLONE_VM|CLONE_THREAD}strace: Process 17 attached");
  EXPECT_EQ(Follow(" => {parent_tid=[17]}, 88) = 17"), "does not parse");
  EXPECT_EQ(Open("[pid 17] "), "0 thr");
  EXPECT_EQ(Open("[pid 16] "), "0 thr");
  Follow("[pid 16] vfork( <unfinished ...>");
  Follow("strace: Process 18 attached");
  EXPECT_EQ(Open("[pid 18] "), "18 thr");
  EXPECT_EQ(Open(""), "0 thr");
}

}  // namespace
}  // namespace bpfmap::examples
