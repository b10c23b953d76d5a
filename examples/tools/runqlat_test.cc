// SPDX-License-Identifier: Apache-2.0

#include "examples/tools/runqlat.h"

#include <linux/bpf.h>

#include <chrono>
#include <cstdint>

#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/judged_test.h"

namespace {

using bpfmap::Context, bpfmap::Errno, bpfmap::KernelObject, bpfmap::Object,
    bpfmap::Returns;
using std::chrono::microseconds;

constexpr int kRunning = 0, kSleeping = 1;

class RunqlatTest : public testing::Test {
 protected:
  KernelObject Task(int pid, int tgid) {
    const auto pids = object_.New("pid_namespace").Set("ns.inum", 99);
    const auto proxy = object_.New("nsproxy").Set("pid_ns_for_children", pids);
    return object_.New("task_struct")
        .Set("pid", pid)
        .Set("tgid", tgid)
        .Set("comm", "worker")
        .Set("nsproxy", proxy)
        .Set("__state", kSleeping);
  }
  void Wake(const KernelObject& task, const char* program = "on_wakeup") {
    EXPECT_THAT(object_.program(program).Run(Context().Arg(0, task)),
                Returns(0));
  }
  void Switch(const KernelObject& from, const KernelObject& to) {
    EXPECT_THAT(object_.program("on_switch")
                    .Run(Context().Arg(0, 0).Arg(1, from).Arg(2, to)),
                Returns(0));
  }
  void WaitFor(microseconds time, const KernelObject& task) {
    Wake(task);
    world_.clock().Advance(time);
    Switch(idle_, task);
  }
  auto Histograms() {
    return object_.map<uint32_t, run_histogram>("histograms");
  }

  bpfmap::World world_;
  Object object_ = Object::Open("examples/tools/runqlat.bpf.o").value();
  const KernelObject idle_ = object_.New("task_struct");
};

TEST_F(RunqlatTest, WaitIsFromWakeUpToRun) {
  ASSERT_OK(object_.Load());
  const KernelObject task = Task(11, 10);
  WaitFor(microseconds(5), task);
  Switch(idle_, task);  // it did not wait
  Wake(task, "on_wakeup_new");
  world_.clock().Advance(microseconds(700));
  Switch(idle_, task);
  EXPECT_EQ(Histograms().Get(0).slots[2], 1u);
  EXPECT_EQ(Histograms().Get(0).slots[9], 1u);
  EXPECT_STREQ(Histograms().Get(0).comm, "worker");
}

TEST_F(RunqlatTest, ThreadThatLosesItsCpuWaits) {
  ASSERT_OK(object_.Load());
  KernelObject first = Task(11, 10), second = Task(12, 10);
  first.Set("__state", kRunning);
  Switch(first, second);
  world_.clock().Advance(microseconds(20));
  Switch(second, first);
  EXPECT_EQ(Histograms().Get(0).slots[4], 1u);
  EXPECT_EQ((object_.map<uint32_t, uint64_t>("starts").size()), 0u);
}

TEST_F(RunqlatTest, IdleThreadNeverWaits) {
  ASSERT_OK(object_.Load());
  Wake(idle_);
  EXPECT_EQ((object_.map<uint32_t, uint64_t>("starts").size()), 0u);
}

struct Group {
  run_group group;
  uint32_t key;  // of thread 11 of process 10
};

class RunqlatGroupTest : public RunqlatTest,
                         public testing::WithParamInterface<Group> {};

TEST_P(RunqlatGroupTest, EachHasItsHistogram) {
  object_.Set("group", uint32_t{GetParam().group});
  object_.Set("in_milliseconds", true);
  ASSERT_OK(object_.Load());
  WaitFor(microseconds(4000), Task(11, 10));
  EXPECT_EQ(Histograms().Get(GetParam().key).slots[2], 1u);
}

INSTANTIATE_TEST_SUITE_P(, RunqlatGroupTest,
                         testing::Values(Group{GROUP_NONE, 0},
                                         Group{GROUP_PROCESS, 10},
                                         Group{GROUP_THREAD, 11},
                                         Group{GROUP_PID_NAMESPACE, 99}));

TEST_F(RunqlatTest, OtherProcessesAreLeftOut) {
  object_.Set("filter_process", uint32_t{10});
  ASSERT_OK(object_.Load());
  WaitFor(microseconds(5), Task(21, 20));
  EXPECT_EQ(Histograms().size(), 0u);
  WaitFor(microseconds(5), Task(11, 10));
  EXPECT_EQ(Histograms().size(), 1u);
}

TEST_F(RunqlatTest, OtherCgroupsAreLeftOut) {
  object_.Set("only_cgroup", true);
  ASSERT_OK(object_.Load());
  WaitFor(microseconds(5), Task(11, 10));
  EXPECT_EQ(Histograms().size(), 0u);
  object_.map<uint32_t, uint32_t>("cgroups").Set(0, 7);
  world_.task.cgroup_id = 7;
  Wake(Task(11, 10), "on_wakeup_new");
  WaitFor(microseconds(5), Task(11, 10));
  EXPECT_EQ(Histograms().size(), 1u);
}

TEST_F(RunqlatTest, WhatIsMissedIsCounted) {
  ASSERT_OK(object_.Load());
  world_.Fail(BPF_FUNC_map_update_elem, 1, Errno::k2Big, "starts");
  WaitFor(microseconds(5), Task(11, 10));
  world_.Fail(BPF_FUNC_map_update_elem, 1, Errno::k2Big, "histograms");
  WaitFor(microseconds(5), Task(11, 10));
  EXPECT_EQ(object_.Get<uint64_t>("lost"), 2u);
  WaitFor(microseconds(-5), Task(11, 10));
  EXPECT_EQ(Histograms().size(), 0u);
}

TEST_F(RunqlatTest, OlderKernelNamesTheStateOtherwise) {
  Object old = Object::Open("examples/tools/runqlat.bpf.o").value();
  ASSERT_OK(old.SetKernelTypes("examples/tools/old_kernel.bpf.o"));
  ASSERT_OK(old.Load());
  const auto runs = old.New("task_struct").Set("pid", 7);
  const auto sleeps =
      old.New("task_struct").Set("pid", 8).Set("state", kSleeping);
  auto on_switch = old.program("on_switch");
  on_switch.Run(Context().Arg(1, runs).Arg(2, sleeps));
  on_switch.Run(Context().Arg(1, sleeps).Arg(2, runs));
  EXPECT_EQ((old.map<uint32_t, run_histogram>("histograms").Get(0).slots[0]),
            1u);
}

// Of raw tracepoints the kernel can be asked; it has no task of a test, though.
class RunqlatJudgedTest : public bpfmap::JudgedTest {};

TEST_P(RunqlatJudgedTest, TaskThatCannotBeReadIsTheIdleOne) {
  Object object = Open("examples/tools/runqlat.bpf.o");
  if (is_kernel()) {
    ASSERT_OK(object.SetKernelTypes("/sys/kernel/btf/vmlinux"));
  }
  ASSERT_OK(object.Load());
  for (const uint64_t address : {0, 16}) {
    const auto wake = Context().Arg(0, address);
    EXPECT_THAT(object.program("on_wakeup").Run(wake), Returns(0));
    EXPECT_THAT(object.program("on_wakeup_new").Run(wake), Returns(0));
    EXPECT_THAT(object.program("on_switch")
                    .Run(Context().Arg(0, 0).Arg(1, address).Arg(2, address)),
                Returns(0));
  }
  EXPECT_EQ((object.map<uint32_t, uint64_t>("starts").size()), 0u);
}

INSTANTIATE_TEST_SUITE_P(, RunqlatJudgedTest, bpfmap::kJudges,
                         bpfmap::NameOfJudge);

}  // namespace
