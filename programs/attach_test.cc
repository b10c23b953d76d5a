// SPDX-License-Identifier: Apache-2.0
//
// Programs that are attached run, in Linux's order, when something happens.

#include <linux/bpf.h>

#include <optional>
#include <string>

#include "bpfmap/programs/attachment.h"
#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kFile = "programs/attach_test.bpf.o";
constexpr const char* kOpenat = "tracepoint/syscalls/sys_enter_openat";

class AttachTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(object_.Load()); }

  struct Text {
    char text[64];
  };
  // The letters of the programs that ran since the last call.
  std::string Order() {
    const std::string order = object_.Get<Text>("order").text;
    object_.Set("order", Text());
    object_.Set("length", uint32_t{0});
    return order;
  }

  World world_;
  Object object_ = Object::Open(kFile).value();
  const Packet packet_ =
      Packet::Ethernet().Ipv4("10.0.0.1", "10.0.0.2").Udp(53, 53);
};

TEST_F(AttachTest, NothingRunsBeforeItIsAttached) {
  EXPECT_THAT(world_.Fire(kOpenat), IsEmpty());
  EXPECT_EQ(Order(), "");
}

TEST_F(AttachTest, TracepointRunsProgramsInOrderOfAttaching) {
  object_.program("open_b").Attach();
  object_.program("open_a").Attach();
  EXPECT_THAT(
      world_.Fire(kOpenat,
                  Context().Set("args[1]", "/etc/passwd").Set("args[2]", 0x41)),
      ElementsAre(Returns(0x41), Returns(1)));
  EXPECT_EQ(Order(), "ba");
  struct Path {
    char text[32];
  };
  EXPECT_STREQ(object_.Get<Path>("path").text, "/etc/passwd");
}

TEST_F(AttachTest, DetachedProgramRunsNoMore) {
  object_.program("open_a").Attach();
  object_.program("open_b").Attach();
  object_.program("open_a").Detach();
  world_.Fire("tp/syscalls/sys_enter_openat");
  EXPECT_EQ(Order(), "b");
}

TEST_F(AttachTest, ObjectAttachesWhatSaysToWhat) {
  object_.Attach();
  world_.Fire(kOpenat);
  EXPECT_EQ(Order(), "ab");
  EXPECT_THAT(world_.Fire("xdp", packet_), IsEmpty());
}

TEST_F(AttachTest, ProbesRunLastAttachedFirst) {
  object_.Attach();
  EXPECT_THAT(world_.Fire("kprobe/vfs_read", Context().Arg(1, 9)),
              ElementsAre(Returns(0), Returns(9)));
  EXPECT_EQ(Order(), "ba");
  world_.Fire("fentry/vfs_open", Context().Arg(0, 1));
  EXPECT_EQ(Order(), "ba");
}

TEST_F(AttachTest, PatternMatchesFunctions) {
  object_.Attach();
  world_.Fire("kprobe/vfs_write");
  EXPECT_EQ(Order(), "b");
  world_.Fire("kprobe/do_vfs_write");
  EXPECT_EQ(Order(), "");
}

TEST_F(AttachTest, FirstLsmProgramThatRefusesIsTheLast) {
  object_.Attach();
  EXPECT_THAT(world_.Fire("lsm/file_open", Context().Arg(0, 0)),
              ElementsAre(Returns(0), Returns(0)));
  EXPECT_EQ(Order(), "ba");
  EXPECT_THAT(world_.Fire("lsm/file_open", Context().Arg(0, 1)),
              ElementsAre(Returns(-13)));
  EXPECT_EQ(Order(), "b");
  EXPECT_THAT(world_.Fire("lsm/file_open", Context().Arg(0, 2)),
              ElementsAre(Returns(0), Returns(-1)));
}

TEST_F(AttachTest, TcxProgramsShareThePacketUntilOneDecides) {
  for (const char* name : {"mark", "pass", "never"}) {
    object_.program(name).Attach();
  }
  const auto results = world_.Fire("tcx/ingress", packet_);
  EXPECT_THAT(results, ElementsAre(Returns(-1), Returns(0)));
  EXPECT_EQ(Order(), "mm");
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1].data[0], 'm');
}

TEST_F(AttachTest, XdpTakesOneProgram) {
  object_.program("drop").Attach();
  EXPECT_THAT(world_.Fire("xdp", packet_), ElementsAre(Returns(XDP_DROP)));
  EXPECT_NONFATAL_FAILURE(object_.program("drop").Attach(), "which takes one");
}

TEST_F(AttachTest, UprobeIsAttachedToWhatTheTestSays) {
  EXPECT_NONFATAL_FAILURE(object_.program("call").Attach(), "Attach(hook)");
  object_.program("call").Attach("uprobe//bin/sh:readline");
  EXPECT_THAT(world_.Fire("uprobe//bin/sh:readline", Context().Arg(0, 6)),
              ElementsAre(Returns(6)));
}

TEST_F(AttachTest, WorldsDoNotMeet) {
  object_.program("open_a").Attach();
  World other;
  EXPECT_THAT(other.Fire(kOpenat), IsEmpty());
  EXPECT_EQ(world_.Fire(kOpenat).size(), 1u);
}

TEST(AttachmentsTest, ObjectThatIsGoneRunsNoMore) {
  World world;
  std::optional<Object> object = Object::Open(kFile).value();
  ASSERT_OK(object->Load());
  object->Attach();
  EXPECT_EQ(world.Fire(kOpenat).size(), 2u);
  object.reset();
  EXPECT_THAT(world.Fire(kOpenat), IsEmpty());
}

TEST(HookNameTest, SectionsOfOneHookHaveOneName) {
  EXPECT_EQ(HookName("tp/sched/sched_switch"),
            HookName("tracepoint/sched/sched_switch"));
  EXPECT_EQ(HookName("?raw_tp.w/x"), "raw_tracepoint/x");
  EXPECT_EQ(HookName("lsm.s/file_open"), "lsm/file_open");
  EXPECT_EQ(HookName("xdp.frags"), "xdp");
  EXPECT_EQ(HookName("of the test's own"), "of the test's own");
}

}  // namespace
}  // namespace bpfmap
