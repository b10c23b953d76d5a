// SPDX-License-Identifier: Apache-2.0
//
// A unit test of latency_histogram.bpf.c: threads read, on the clock of the
// test.

#include "examples/latency_histogram.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using bpfmap::Context, bpfmap::Object, bpfmap::Returns, bpfmap::World;
using std::chrono::microseconds;
using testing::ElementsAre;
using testing::FieldsAre;

constexpr uint32_t kMapUpdateElem = 2;  // BPF_FUNC_map_update_elem

class LatencyHistogramTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(object_.Load());
    object_.Attach();
  }

  void Begin(uint32_t thread) {
    world_.task.pid = thread;
    EXPECT_THAT(world_.Fire("kprobe/vfs_read"), ElementsAre(Returns(0)));
  }
  void End(uint32_t thread, int64_t result) {
    world_.task.pid = thread;
    EXPECT_THAT(world_.Fire("kretprobe/vfs_read", Context().Return(result)),
                ElementsAre(Returns(0)));
  }
  void Read(microseconds time, int64_t result) {
    Begin(7);
    world_.clock().Advance(time);
    End(7, result);
  }

  // The slots that count something.
  std::vector<std::pair<uint32_t, uint64_t>> Slots() {
    std::vector<std::pair<uint32_t, uint64_t>> slots;
    for (const auto& [slot, count] :
         object_.map<uint32_t, uint64_t>("latencies").Entries()) {
      if (count != 0) slots.emplace_back(slot, count);
    }
    return slots;
  }
  totals Totals() { return object_.Get<totals>("totals"); }

  World world_;
  Object object_ = Object::Open("examples/latency_histogram.bpf.o").value();
};

TEST_F(LatencyHistogramTest, SlotsArePowersOfTwo) {
  for (const int us : {0, 1, 2, 3, 4, 1023, 1024}) Read(microseconds(us), 10);
  EXPECT_THAT(Slots(),
              ElementsAre(FieldsAre(0, 2), FieldsAre(1, 2), FieldsAre(2, 1),
                          FieldsAre(9, 1), FieldsAre(10, 1)));
  EXPECT_EQ(Totals().calls, 7u);
  EXPECT_EQ(Totals().bytes, 70u);
}

TEST_F(LatencyHistogramTest, LastSlotHasWhatTookLonger) {
  Read(std::chrono::hours(1), 0);
  EXPECT_THAT(Slots(), ElementsAre(FieldsAre(LATENCY_SLOTS - 1, 1)));
}

TEST_F(LatencyHistogramTest, FailedReadIsInNoSlot) {
  Read(microseconds(5), -EINTR);
  EXPECT_THAT(Slots(), ElementsAre());
  EXPECT_EQ(Totals().failed, 1u);
  EXPECT_EQ(Totals().calls, 0u);
}

TEST_F(LatencyHistogramTest, ThreadsDoNotMeet) {
  Begin(7);
  world_.clock().Advance(microseconds(100));
  Begin(8);
  world_.clock().Advance(microseconds(3));
  End(8, 1);  // 3 us
  End(7, 1);  // 103 us
  EXPECT_THAT(Slots(), ElementsAre(FieldsAre(1, 1), FieldsAre(6, 1)));
}

TEST_F(LatencyHistogramTest, ReadThatBeganBeforeIsNotCounted) {
  End(7, 1);
  EXPECT_THAT(Slots(), ElementsAre());
  EXPECT_EQ(Totals().calls, 0u);
}

TEST_F(LatencyHistogramTest, ReadWithoutRoomIsLost) {
  world_.Fail(kMapUpdateElem, 2, bpfmap::Errno::k2Big, "starts");
  Read(microseconds(1), 1);
  Read(microseconds(1), 1);
  EXPECT_EQ(object_.Get<uint64_t>("lost"), 1u);
  EXPECT_EQ(Totals().calls, 1u);
}

}  // namespace
