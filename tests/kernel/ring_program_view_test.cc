// SPDX-License-Identifier: Apache-2.0

// The ring buffer helpers as a BPF program calls them, and the records that the
// consumer then sees: every test runs on a local ring and, as small programs,
// on the kernel, and expects the same of both.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernel/ring_view.h"
#include "tests/support/kernel_program.h"
#include "tests/support/kernel_support.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kAgain = -11;
constexpr int64_t kInvalid = -22;

RingCall Reserve(int slot, uint32_t size, uint32_t mark = 0,
                 int32_t flags = 0) {
  return {RingCall::kReserve, slot, size, flags, mark};
}
RingCall Submit(int slot, int32_t flags = 0) {
  return {RingCall::kSubmit, slot, 0, flags};
}
RingCall Discard(int slot, int32_t flags = 0) {
  return {RingCall::kDiscard, slot, 0, flags};
}
RingCall Output(uint32_t size, int32_t flags = 0, uint32_t mark = 0) {
  return {RingCall::kOutput, 0, size, flags, mark};
}
RingCall Query(int32_t flags) { return {RingCall::kQuery, 0, 0, flags}; }
constexpr int32_t kAvailable = 0, kSize = 1, kConsumer = 2, kProducer = 3;
constexpr int32_t kNoWakeup = 1, kForceWakeup = 2;

class RingProgramViewTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "kernel") SKIP_WITHOUT_KERNEL();
    New(4096);
  }
  void New(uint32_t size) {
    view_ = NewRingView(GetParam(), size);
    ASSERT_NE(view_, nullptr);
  }
  std::vector<int64_t> Run(const std::vector<RingCall>& calls) {
    return view_->Run(calls);
  }
  int64_t Run(const RingCall& call) { return Run(std::vector{call})[0]; }
  // The result of a consumer's Poll(), or -1 if it sleeps on.
  int Polled() {
    std::vector<RingRecord> records;
    return view_->Poll(&records) ? static_cast<int>(records.size()) : -1;
  }

  std::unique_ptr<RingView> view_;
};

TEST_P(RingProgramViewTest, QueriesOfEmptyRing) {
  EXPECT_THAT(Run({Query(kAvailable), Query(kSize), Query(kConsumer),
                   Query(kProducer), Query(4), Query(-1)}),
              ElementsAre(0, 4096, 0, 0, 0, 0));
}

TEST_P(RingProgramViewTest, RecordTakesItsHeaderAndIsRoundedUpTo8) {
  EXPECT_THAT(Run({Output(8), Query(kAvailable), Output(1), Query(kProducer),
                   Output(8), Output(8), Output(0), Query(kProducer)}),
              ElementsAre(0, 16, 0, 32, 0, 0, 0, 72));
}

TEST_P(RingProgramViewTest, FlagsOfOutput) {
  EXPECT_THAT(Run({Output(8, 0), Output(8, 1), Output(8, 2), Output(8, 3)}),
              ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(Run({Output(8, 4), Output(8, 7), Output(8, -1)}),
              ElementsAre(kInvalid, kInvalid, kInvalid));
  EXPECT_THAT(view_->ConsumeN(10), SizeIs(4));
}

TEST_P(RingProgramViewTest, ReservedRecordIsDataAlready) {
  EXPECT_THAT(
      Run({Reserve(0, 8), Query(kAvailable), Query(kProducer), Submit(0)}),
      ElementsAre(1, 16, 16, 0));
}

TEST_P(RingProgramViewTest, FlagsOfReserveMustBe0) {
  EXPECT_THAT(Run({Reserve(0, 8, 0, 1), Submit(0), Reserve(1, 8, 0, -1),
                   Submit(1), Query(kProducer)}),
              ElementsAre(0, 0, 0, 0, 0));
}

TEST_P(RingProgramViewTest, OtherFlagsOfCommitMeanNothing) {
  Run({Reserve(0, 8, 5), Reserve(1, 8, 6), Submit(0, 0xff), Discard(1, -1)});
  EXPECT_THAT(view_->ConsumeN(10), ElementsAre(RingRecord{8, 3, 5}));
}

TEST_P(RingProgramViewTest, RecordLeavesOneByteOfRingFree) {
  for (const auto& [size, fits] :
       std::vector<std::pair<uint32_t, int64_t>>{{4096, 0},
                                                 {4088, 0},
                                                 {4081, 0},
                                                 {4080, 1},
                                                 {0x3fffffff, 0},
                                                 {0x40000000, 0},
                                                 {0x7fffffff, 0}}) {
    New(4096);
    EXPECT_THAT(Run({Reserve(0, size), Discard(0), Query(kProducer)}),
                ElementsAre(fits, 0, fits * 4088))
        << size;
  }
  New(4096);
  Run({Reserve(0, 4080), Discard(0)});
  EXPECT_EQ(Run(Output(4096)), kAgain);
  EXPECT_EQ(Run(Output(4081)), kAgain);
  EXPECT_EQ(Run(Output(4080)), kAgain);  // the discarded one is still there
  EXPECT_THAT(view_->ConsumeN(10), IsEmpty());
  EXPECT_EQ(Run(Output(4080)), 0);
}

TEST_P(RingProgramViewTest, FullRingTakesWhatStillFits) {
  for (int i = 0; i < 255; ++i) ASSERT_EQ(Run(Output(8, kNoWakeup)), 0) << i;
  EXPECT_THAT(
      Run({Output(8), Reserve(0, 8), Submit(0), Query(kProducer), Reserve(1, 0),
           Submit(1), Query(kProducer), Reserve(2, 0), Submit(2)}),
      ElementsAre(kAgain, 0, 0, 4080, 1, 0, 4088, 0, 0));
  EXPECT_THAT(view_->ConsumeN(1), SizeIs(1));
  EXPECT_THAT(Run({Output(8), Output(8)}), ElementsAre(0, kAgain));
}

TEST_P(RingProgramViewTest, HeadersAreLinuxs) {
  New(8192);
  Run({Output(8, 0, 1), Reserve(0, 4000, 77), Submit(0), Output(3),
       Output(100, 0, 9)});
  std::vector<RingRecord> records = view_->ConsumeN(10);
  ASSERT_THAT(records, SizeIs(4));
  EXPECT_EQ(records[0].page, 3u);
  EXPECT_EQ(records[1], (RingRecord{4000, 3, 77}));
  EXPECT_EQ(records[2], (RingRecord{3, 3, 0}));
  EXPECT_EQ(records[3].length, 100u);
  // The fourth starts at 16 + 4008 + 16 = 4040; one more is on the next page.
  Run({Output(8)});
  EXPECT_EQ(view_->ConsumeN(1)[0].page, 4u);
}

TEST_P(RingProgramViewTest, BusyRecordHoldsUpConsumer) {
  // A program commits what it reserves, so the kernel's consumer can only see
  // the order of things afterwards.
  Run({Reserve(0, 8, 10), Reserve(1, 8, 11), Reserve(2, 8, 12), Submit(2),
       Discard(1), Submit(0)});
  EXPECT_THAT(view_->ConsumeN(10),
              ElementsAre(RingRecord{8, 3, 10}, RingRecord{8, 3, 12}));
}

TEST_P(RingProgramViewTest, DiscardedRecordTakesRoomAndDoesNotCount) {
  Run({Output(8, 0, 1), Reserve(0, 8), Discard(0), Output(8, 0, 2)});
  EXPECT_EQ(Run(Query(kAvailable)), 48);
  EXPECT_THAT(view_->ConsumeN(1), SizeIs(1));
  EXPECT_EQ(Run(Query(kAvailable)), 32);
  EXPECT_THAT(view_->ConsumeN(1), SizeIs(1));
  EXPECT_EQ(Run(Query(kAvailable)), 0);
}

TEST_P(RingProgramViewTest, RecordRunsOverEndInOnePiece) {
  for (int lap = 0; lap < 50; ++lap) {
    ASSERT_EQ(Run(Output(1000, 0, lap)), 0);
    ASSERT_EQ(Run(Output(2000, 0, lap + 1)), 0);
    const std::vector<RingRecord> records = view_->ConsumeN(10);
    ASSERT_THAT(records, SizeIs(2));
    EXPECT_EQ(records[0].first & 0xff, RingOutputByte(lap, 0));
    EXPECT_EQ(records[1].first & 0xff, RingOutputByte(lap + 1, 0));
  }
}

// Wake-ups. On the kernel they are epoll's.

TEST_P(RingProgramViewTest, SleepingConsumerIsWokenByRecord) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  EXPECT_EQ(Polled(), -1);
  Run(Output(8));
  EXPECT_EQ(Polled(), 1);
  EXPECT_EQ(Polled(), -1);
  Run({Reserve(0, 8), Submit(0)});
  EXPECT_EQ(Polled(), 1);
}

TEST_P(RingProgramViewTest, DiscardedRecordWakesToo) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  Run({Reserve(0, 8), Discard(0)});
  EXPECT_EQ(Polled(), 0);
  EXPECT_EQ(Polled(), -1);
  Run({Reserve(0, 8), Discard(0, kNoWakeup)});
  EXPECT_EQ(Polled(), -1);
}

TEST_P(RingProgramViewTest, NoWakeupLetsItSleepOnThoughThereIsRecord) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  Run(Output(8, kNoWakeup));
  EXPECT_EQ(Polled(), -1);
  EXPECT_EQ(Polled(), -1);
  EXPECT_EQ(Run(Query(kAvailable)), 16);
}

TEST_P(RingProgramViewTest, ConsumerThatLagsIsNotWoken) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  Run(Output(8, kNoWakeup));
  Run(Output(8));  // not the next that it would read
  EXPECT_EQ(Polled(), -1);
  Run(Output(8, kForceWakeup));
  EXPECT_EQ(Polled(), 3);
}

TEST_P(RingProgramViewTest, ReaderLooksAgainUntilRingIsEmpty) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  Run(Output(8));
  EXPECT_EQ(Polled(), 1);
  Run(Output(8, kNoWakeup));
  EXPECT_EQ(Polled(), 1);  // found without having slept
  EXPECT_EQ(Polled(), -1);
  Run(Output(8, kNoWakeup));
  EXPECT_EQ(Polled(), -1);
}

TEST_P(RingProgramViewTest, BothFlagsForceWakeup) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  Run(Output(8, kNoWakeup | kForceWakeup));
  EXPECT_EQ(Polled(), 1);
}

TEST_P(RingProgramViewTest, OnlyRecordThatIsNextWakes) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  Run({Reserve(0, 8), Reserve(1, 8), Submit(1), Submit(0, kNoWakeup)});
  EXPECT_EQ(Polled(), -1);
  EXPECT_THAT(view_->ConsumeN(10), SizeIs(2));
  Run({Reserve(0, 8), Reserve(1, 8), Submit(1, kNoWakeup), Submit(0)});
  EXPECT_EQ(Polled(), 2);
}

INSTANTIATE_TEST_SUITE_P(Views, RingProgramViewTest,
                         testing::ValuesIn(RingViewNames()),
                         [](const auto& info) { return info.param; });

// A ring has no elements, so that such a program does not load; the local
// helpers answer what the verifier does.
TEST(RingVerifierTest, HelpersForElementsAreRefused) {
  SKIP_WITHOUT_KERNEL();
  auto ring =
      KernelMap::Create({.type = MapType::kRingBuf, .max_entries = 4096});
  ASSERT_TRUE(ring.ok()) << ring.status();
  for (const int helper :
       {kHelperMapLookupElem, kHelperMapUpdateElem, kHelperMapDeleteElem}) {
    EXPECT_EQ(LoadElementHelper(**ring, helper), Errno::kAcces);
  }
}

}  // namespace
}  // namespace bpfmap
