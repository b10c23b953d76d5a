// SPDX-License-Identifier: Apache-2.0
//
// A program of each type of Linux, run on what such a program is called with.

#include <linux/bpf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

class ProgramTypesTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(object_.Load()); }

  ProgramResult Run(const char* program, const Context& context) {
    return object_.program(program).Run(context);
  }
  ProgramResult Run(const char* program, const Packet& packet) {
    return object_.program(program).Run(packet);
  }
  std::string Seen() { return object_.Get<Text>("seen").text; }

  struct Text {
    char text[32];
  };
  World world_;
  Object object_ = Object::Open("programs/program_types_test.bpf.o").value();
  const Packet packet_ =
      Packet::Ethernet().Ipv4("10.0.0.1", "10.0.0.2").Tcp(40000, 80);
};

TEST_F(ProgramTypesTest, Tracepoint) {
  EXPECT_THAT(Run("on_openat",
                  Context().Set("args[1]", "/etc/passwd").Set("args[2]", 0x41)),
              Returns(0x41));
  EXPECT_EQ(Seen(), "/etc/passwd");
}

TEST_F(ProgramTypesTest, TracepointWithStringAfterItsStruct) {
  EXPECT_THAT(
      Run("on_exec", Context().Set("filename", "/usr/bin/cc1").Set("pid", 7)),
      Returns(7));
  EXPECT_EQ(Seen(), "/usr/bin/cc1");
}

TEST_F(ProgramTypesTest, KprobeAndKretprobe) {
  EXPECT_THAT(Run("on_unlink", Context().Arg(0, -100).Arg(1, "a.o")),
              Returns(-100));
  EXPECT_EQ(Seen(), "a.o");
  EXPECT_THAT(Run("on_unlinked", Context().Return(-2)), Returns(-2));
  EXPECT_NONFATAL_FAILURE(Run("on_unlink", Context().Arg(-5, 1)),
                          "there is no argument -5");
}

TEST_F(ProgramTypesTest, Uprobe) {
  EXPECT_THAT(Run("on_call", Context().Arg(0, 6).Arg(1, 7)), Returns(42));
}

TEST_F(ProgramTypesTest, PerfEvent) {
  EXPECT_THAT(Run("on_sample", Context().Set("sample_period", 99)),
              Returns(99));
}

TEST_F(ProgramTypesTest, RawTracepointReadsTaskThroughPointers) {
  const auto parent = object_.New("task_struct").Set("tgid", 5);
  const auto task = object_.New("task_struct").Set("real_parent", parent);
  EXPECT_THAT(Run("on_switch", Context().Arg(2, task)), Returns(5));
  EXPECT_THAT(Run("on_switch", Context().Arg(2, 0)), Returns(0));
  EXPECT_THAT(Run("on_request", Context().Arg(1, 8)), Returns(8));
}

TEST_F(ProgramTypesTest, TypedTracepointFollowsPointersAndBadOnesAreZero) {
  const auto parent = object_.New("task_struct").Set("tgid", 5);
  const auto task =
      object_.New("task_struct").Set("real_parent", parent).Set("pid", 100);
  EXPECT_THAT(Run("on_btf_switch", Context().Arg(1, task).Arg(2, task)),
              Returns(105));
  EXPECT_THAT(Run("on_btf_switch", Context().Arg(1, task).Arg(2, 0)),
              Returns(100));
}

TEST_F(ProgramTypesTest, FentryAndFexit) {
  const auto file = object_.New("file").Set("f_flags", 3);
  EXPECT_THAT(Run("on_vfs_open", Context().Arg(1, file)), Returns(3));
  EXPECT_THAT(Run("on_vfs_opened", Context().Arg(1, file).Return(-13)),
              Returns(-13));
}

TEST_F(ProgramTypesTest, Lsm) {
  const auto file = object_.New("file").Set("f_flags", 1);
  world_.task.address = object_.New("task_struct").Set("tgid", 7).address();
  EXPECT_THAT(Run("may_open", Context().Arg(0, file)), Returns(-1));
  world_.task.address = 0;
  EXPECT_THAT(Run("may_open", Context().Arg(0, file)), Returns(0));
}

TEST_F(ProgramTypesTest, CgroupSockAddr) {
  const ProgramResult result =
      Run("on_connect", Context().Set("user_ip4", 0x0100007f));
  EXPECT_THAT(result, Returns(1));
  EXPECT_EQ(object_.program("on_connect").ContextAfter(result, "user_port"),
            99u);
}

TEST_F(ProgramTypesTest, OtherHooksOfCgroups) {
  bpf_sock socket = {};
  socket.family = 2;
  EXPECT_THAT(object_.program("on_socket").RunOn(socket), Returns(1));
  EXPECT_THAT(Run("on_device", Context().Set("major", 1)), Returns(1));
  EXPECT_THAT(Run("on_sysctl", Context().Set("write", 1)), Returns(0));
  const uint64_t value = world_.AddText("a.");
  EXPECT_THAT(Run("on_getsockopt", Context()
                                       .Set("level", 1)
                                       .Set("optval", value)
                                       .Set("optval_end", value + 3)),
              Returns(1));
  EXPECT_STREQ(reinterpret_cast<const char*>(value), "ab");
  EXPECT_THAT(Run("on_getsockopt",
                  Context().Set("optval", value).Set("optval_end", value)),
              Returns(0));
}

TEST_F(ProgramTypesTest, SockOps) {
  const ProgramResult result = Run("on_socket_event", Context().Set("op", 4));
  EXPECT_THAT(result, Returns(1));
  EXPECT_EQ(object_.program("on_socket_event").ContextAfter(result, "reply"),
            4u);
}

TEST_F(ProgramTypesTest, SocketMessagesAndStreams) {
  EXPECT_THAT(Run("on_message", Packet().Payload("GET")), Returns(1));
  EXPECT_THAT(Run("on_message", Packet()), Returns(0));
  EXPECT_THAT(Run("on_stream", Packet().Payload("GET")), Returns(1));
  EXPECT_THAT(object_.program("choose_socket")
                  .Run(Packet().Payload("GET"), Context().Set("len", 3)),
              Returns(1));
  EXPECT_THAT(Run("lookup_socket", Context().Set("local_port", 80)),
              Returns(1));
}

TEST_F(ProgramTypesTest, Netfilter) {
  const auto state = object_.New("nf_hook_state").Set("hook", 3);
  EXPECT_THAT(Run("on_hook", Context().Set("state", state)), Returns(3));
}

TEST_F(ProgramTypesTest, PacketsAsTestRunsOfLinux) {
  EXPECT_THAT(Run("filter", packet_), Returns(40));
  EXPECT_THAT(Run("on_transmit", packet_), Returns(0));
  EXPECT_THAT(
      object_.program("on_egress").Run(packet_, Context().Set("mark", 3)),
      Returns(1));
  EXPECT_THAT(Run("dissect", packet_), Returns(0));
  EXPECT_THAT(Run("on_segment", packet_),
              Returns(static_cast<int>(packet_.size())));
}

TEST_F(ProgramTypesTest, Syscall) {
  const ProgramResult result = Run("run_here", Context().Set("major", 4));
  EXPECT_THAT(result, Returns(4));
  EXPECT_EQ(object_.program("run_here").ContextAfter(result, "minor"), 5u);
}

TEST_F(ProgramTypesTest, Others) {
  EXPECT_THAT(Run("replace", Context()), Returns(4));
  EXPECT_THAT(Run("on_init", Context().Arg(0, 6)), Returns(6));
  const uint32_t sample = 9;
  EXPECT_THAT(object_.program("on_infrared").RunOn(sample), Returns(9));
}

TEST_F(ProgramTypesTest, PlaceOfMemberIsKnown) {
  const auto task = object_.New("task_struct");
  EXPECT_EQ(task.AddressOf("tgid"), task.address() + 4);
  EXPECT_NONFATAL_FAILURE(task.AddressOf("f_path"), "no member \"f_path\"");
}

TEST_F(ProgramTypesTest, NameThatContextDoesNotHaveIsSaid) {
  EXPECT_NONFATAL_FAILURE(Run("on_exec", Context().Set("pad", 7)),
                          "has no member \"pad\"; it has: unused");
  EXPECT_NONFATAL_FAILURE(Run("on_infrared", Context().Set("x", 1)),
                          "points to no struct");
}

}  // namespace
}  // namespace bpfmap
