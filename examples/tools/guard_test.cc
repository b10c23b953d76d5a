// SPDX-License-Identifier: Apache-2.0

#include "examples/tools/guard.h"

#include <linux/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using bpfmap::Context, bpfmap::Errno, bpfmap::KernelObject, bpfmap::Object,
    bpfmap::Returns;
using testing::IsEmpty, testing::SizeIs;

constexpr uint32_t kReadOnly = 0, kWriteOnly = 1, kReadWrite = 2;
constexpr uint32_t kTruncate = 01000;
constexpr uint32_t kNobody = UINT32_MAX;

class GuardTest : public testing::Test {
 protected:
  void SetUp() override {
    world_.task = {.pid = 71, .tgid = 70, .uid = 1000, .comm = "vi"};
  }

  void Load() {
    ASSERT_OK(object_.Load());
    SetRule("/etc/", {.denied = ACCESS_WRITE, .audited = 0, .user = 0});
    SetRule(
        "/etc/shadow",
        {.denied = ACCESS_READ | ACCESS_WRITE, .audited = 0, .user = kNobody});
    SetRule(
        "/tmp/",
        {.denied = ACCESS_EXECUTE, .audited = ACCESS_WRITE, .user = kNobody});
  }
  void SetRule(std::string_view path, const path_rule& rule) {
    path_prefix key = {.length = static_cast<uint32_t>(8 * path.size()),
                       .text = {}};
    std::copy(path.begin(), path.end(), key.text);
    object_.map<path_prefix, path_rule>("rules").Set(key, rule);
  }

  // The results of the hooks.
  int Open(const std::string& path, uint32_t flags) {
    const auto file = object_.New("file").Set("f_flags", flags);
    world_.SetPath(file.AddressOf("f_path"), path);
    return Run("on_open", Context().Arg(0, file));
  }
  int Execute(const char* path) {
    const auto program = object_.New("linux_binprm").Set("filename", path);
    return Run("on_execute", Context().Arg(0, program));
  }
  int Unlink(uint64_t inode) {
    const auto file_system = object_.New("super_block").Set("s_dev", 8);
    const auto entry = object_.New("dentry")
                           .Set("d_inode", object_.New("inode")
                                               .Set("i_ino", inode)
                                               .Set("i_sb", file_system))
                           .Set("d_name.name", "ledger");
    return Run("on_unlink", Context().Arg(0, 0).Arg(1, entry));
  }
  int Run(const char* program, Context context) {
    const auto result =
        object_.program(program).Run(context.Return(earlier_result_));
    EXPECT_TRUE(result.ok()) << result.fault;
    return static_cast<int>(result.retval);
  }
  std::vector<guard_event> Take() {
    return object_.ring<guard_event>("events").Take();
  }

  bpfmap::World world_;
  Object object_ = Object::Open("examples/tools/guard.bpf.o").value();
  int earlier_result_ = 0;  // of other policies
};

TEST_F(GuardTest, WriteUnderAPrefixIsDeniedAndReported) {
  Load();
  EXPECT_EQ(Open("/etc/hosts", kReadOnly), 0);
  EXPECT_EQ(Open("/etc/hosts", kReadWrite), -EPERM);
  EXPECT_EQ(Open("/etc/hosts", kWriteOnly), -EPERM);
  EXPECT_EQ(Open("/etc/hosts", kReadOnly | kTruncate), -EPERM);
  EXPECT_EQ(object_.Get<uint64_t>("denials"), 3u);

  const std::vector<guard_event> events = Take();
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[0].pid, 70u);
  EXPECT_EQ(events[0].uid, 1000u);
  EXPECT_EQ(events[0].access, uint32_t{ACCESS_READ | ACCESS_WRITE});
  EXPECT_EQ(events[0].is_denied, 1u);
  EXPECT_STREQ(events[0].comm, "vi");
  EXPECT_STREQ(events[0].path, "/etc/hosts");
}

TEST_F(GuardTest, LongerPathWins) {
  Load();
  world_.task.uid = 0;
  EXPECT_EQ(Open("/etc/hosts", kReadWrite), 0);
  EXPECT_EQ(Open("/etc/shadow", kReadOnly), -EPERM);
}

TEST_F(GuardTest, PathsWithoutRuleAreFree) {
  Load();
  EXPECT_EQ(Open("/et", kReadWrite), 0);
  EXPECT_EQ(Open("/home/etc/hosts", kReadWrite), 0);
  EXPECT_EQ(Execute("/bin/ls"), 0);
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(GuardTest, AuditReportsAndAllows) {
  Load();
  EXPECT_EQ(Open("/tmp/a", kWriteOnly), 0);
  const std::vector<guard_event> events = Take();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].is_denied, 0u);
}

TEST_F(GuardTest, ExecutionIsDeniedByPath) {
  Load();
  EXPECT_EQ(Execute("/tmp/a.out"), -EPERM);
  const std::vector<guard_event> events = Take();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].access, uint32_t{ACCESS_EXECUTE});
}

TEST_F(GuardTest, KeptFileIsNotRemoved) {
  Load();
  object_.map<file_id, uint32_t>("kept_files")
      .Set({.inode = 99, .device = 8, .unused = 0}, 1);
  EXPECT_EQ(Unlink(98), 0);
  EXPECT_EQ(Unlink(99), -EPERM);
  const std::vector<guard_event> events = Take();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_STREQ(events[0].path, "ledger");
}

TEST_F(GuardTest, WhatOthersDenyStaysDenied) {
  Load();
  earlier_result_ = -EACCES;
  EXPECT_EQ(Open("/etc/hosts", kReadWrite), -EACCES);
  EXPECT_EQ(Execute("/tmp/a.out"), -EACCES);
  EXPECT_EQ(Unlink(99), -EACCES);
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(GuardTest, KeeperMayDoAll) {
  object_.Set("keeper", uint32_t{70});
  Load();
  EXPECT_EQ(Open("/etc/shadow", kReadWrite), 0);
  world_.task.tgid = 72;
  EXPECT_EQ(Open("/etc/shadow", kReadWrite), -EPERM);
}

TEST_F(GuardTest, PermissiveModeReportsOnly) {
  object_.Set("is_permissive", true);
  Load();
  EXPECT_EQ(Open("/etc/shadow", kReadWrite), 0);
  EXPECT_THAT(Take(), SizeIs(1));
  EXPECT_EQ(object_.Get<uint64_t>("denials"), 1u);
}

TEST_F(GuardTest, PathsThatAreTooLongAndLostEventsAreCounted) {
  Load();
  EXPECT_EQ(Open("/etc/" + std::string(200, 'a'), kReadWrite), 0);
  EXPECT_EQ(object_.Get<uint64_t>("nameless"), 1u);
  const auto nameless = object_.New("file").Set("f_flags", kReadWrite);
  EXPECT_EQ(Run("on_open", Context().Arg(0, nameless)), 0);
  EXPECT_EQ(object_.Get<uint64_t>("nameless"), 2u);
  world_.Fail(BPF_FUNC_ringbuf_reserve, 1, Errno::kAgain);
  EXPECT_EQ(Open("/etc/hosts", kReadWrite), -EPERM);
  EXPECT_EQ(object_.Get<uint64_t>("lost_events"), 1u);
}

}  // namespace
