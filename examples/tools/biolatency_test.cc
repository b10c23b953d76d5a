// SPDX-License-Identifier: Apache-2.0

#include "examples/tools/biolatency.h"

#include <linux/bpf.h>

#include <chrono>
#include <cstdint>

#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using bpfmap::Context, bpfmap::Errno, bpfmap::KernelObject, bpfmap::Object,
    bpfmap::Returns;
using std::chrono::microseconds;

constexpr uint32_t kSda = 8 << 20 | 1;
constexpr uint32_t kRead = 0, kWrite = 1;

class BiolatencyTest : public testing::Test {
 protected:
  KernelObject Disk(int major, int minor) {
    return object_.New("gendisk").Set("major", major).Set("first_minor", minor);
  }
  KernelObject Request(uint32_t flags = kRead) {
    const auto queue = object_.New("request_queue").Set("disk", Disk(8, 1));
    return object_.New("request").Set("q", queue).Set("cmd_flags", flags);
  }
  void Run(const char* program, const KernelObject& request) {
    EXPECT_THAT(object_.program(program).Run(
                    Context().Arg(0, request).Arg(1, 0).Arg(2, 4096)),
                Returns(0));
  }
  void RunFor(microseconds time, const KernelObject& request) {
    Run("issue", request);
    world_.clock().Advance(time);
    Run("complete", request);
  }
  io_histogram Histogram(uint32_t device = 0, uint32_t flags = 0) {
    return object_.map<io_kind, io_histogram>("histograms")
        .Get({.device = device, .flags = flags});
  }

  bpfmap::World world_;
  Object object_ = Object::Open("examples/tools/biolatency.bpf.o").value();
};

TEST_F(BiolatencyTest, TimeOfTheDeviceIsCounted) {
  ASSERT_OK(object_.Load());
  const KernelObject request = Request();
  Run("insert", request);
  world_.clock().Advance(microseconds(1000));
  RunFor(microseconds(5), request);
  RunFor(microseconds(7), request);
  EXPECT_EQ(Histogram().slots[2], 2u);
  EXPECT_EQ(Histogram().total, 12u);
  Run("complete", request);  // its beginning is unknown
  EXPECT_EQ(Histogram().total, 12u);
}

TEST_F(BiolatencyTest, RequestsRunAtOnce) {
  ASSERT_OK(object_.Load());
  const KernelObject first = Request();
  const KernelObject second = Request();
  Run("issue", first);
  world_.clock().Advance(microseconds(3));
  Run("issue", second);
  world_.clock().Advance(microseconds(3));
  Run("complete", second);
  Run("complete", first);
  EXPECT_EQ(Histogram().slots[1], 1u);
  EXPECT_EQ(Histogram().slots[2], 1u);
}

TEST_F(BiolatencyTest, TimeInTheQueueCountsOnDemand) {
  object_.Set("with_queue", true);
  ASSERT_OK(object_.Load());
  const KernelObject request = Request();
  Run("insert", request);
  world_.clock().Advance(microseconds(1000));
  RunFor(microseconds(30), request);
  EXPECT_EQ(Histogram().slots[10], 1u);
  RunFor(microseconds(1), request);  // it was not queued
  EXPECT_EQ(Histogram().slots[0], 1u);
}

TEST_F(BiolatencyTest, DisksAndKindsAreToldApart) {
  object_.Set("by_disk", true);
  object_.Set("by_flags", true);
  ASSERT_OK(object_.Load());
  RunFor(microseconds(1), Request(kRead));
  RunFor(microseconds(1), Request(kWrite));
  RunFor(microseconds(1), object_.New("request").Set("cmd_flags", kWrite));
  EXPECT_EQ(Histogram(kSda, kRead).total, 1u);
  EXPECT_EQ(Histogram(kSda, kWrite).total, 1u);
  EXPECT_EQ(Histogram(0, kWrite).total, 1u);
}

TEST_F(BiolatencyTest, OtherDisksAreLeftOut) {
  object_.Set("filter_device", kSda + 1);
  object_.Set("in_milliseconds", true);
  ASSERT_OK(object_.Load());
  RunFor(microseconds(5000), Request());
  EXPECT_EQ((object_.map<io_kind, io_histogram>("histograms").size()), 0u);
}

TEST_F(BiolatencyTest, MillisecondsOnDemandAndTheLastSlotHasTheRest) {
  object_.Set("in_milliseconds", true);
  ASSERT_OK(object_.Load());
  RunFor(microseconds(5000), Request());
  RunFor(std::chrono::hours(24 * 365), Request());
  EXPECT_EQ(Histogram().slots[2], 1u);
  EXPECT_EQ(Histogram().slots[SLOTS - 1], 1u);
}

TEST_F(BiolatencyTest, WhatIsMissedIsCounted) {
  ASSERT_OK(object_.Load());
  const KernelObject request = Request();
  world_.Fail(BPF_FUNC_map_update_elem, 1, Errno::k2Big, "starts");
  Run("issue", request);
  Run("issue", request);
  world_.Fail(BPF_FUNC_map_update_elem, 1, Errno::k2Big, "histograms");
  Run("complete", request);
  EXPECT_EQ(object_.Get<uint64_t>("lost"), 2u);
  RunFor(microseconds(-1), request);
  EXPECT_EQ(object_.Get<uint64_t>("backwards"), 1u);
}

// There a request has its disk itself, and its other members lie elsewhere.
TEST_F(BiolatencyTest, OlderKernelHasTheDiskInTheRequest) {
  ASSERT_OK(object_.SetKernelTypes("examples/tools/old_kernel.bpf.o"));
  object_.Set("by_disk", true);
  object_.Set("by_flags", true);
  ASSERT_OK(object_.Load());
  RunFor(microseconds(1), object_.New("request")
                              .Set("rq_disk", Disk(8, 1))
                              .Set("cmd_flags", kWrite));
  EXPECT_EQ(Histogram(kSda, kWrite).total, 1u);
}

}  // namespace
