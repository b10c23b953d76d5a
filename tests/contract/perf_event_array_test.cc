// SPDX-License-Identifier: Apache-2.0

// The contract of arrays of perf events, here and in the kernel: what programs
// get from bpf_perf_event_output(), what the reader then sees, and when it is
// woken. The rules, random outputs, and threads.
//
// Every flag and error of the user view stands in golden/kernel_errno.tsv.
//
// Flags: --seed=N (printed by every run), --outputs=N.

#include "bpfmap/maps/perf_event_array.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/perf_event.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/profiles/embedded.h"
#include "bpfmap/profiles/heap.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/perf_view.h"
#include "tests/support/backend.h"
#include "tests/support/kernel_program.h"
#include "tests/support/kernel_support.h"
#include "tests/support/on_cpu.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"
#include "tests/support/thread_team.h"

ABSL_FLAG(uint64_t, outputs, 40000, "How many outputs the random test makes.");

namespace bpfmap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr MapDef kDef = {.type = MapType::kPerfEventArray,
                         .key_size = 4,
                         .value_size = 4,
                         .max_entries = kPerfSlots};

template <typename Event>
concept HasPoll = requires(Event& event) {
  event.Poll(
      0, [](void*, uint32_t) {}, [](uint64_t) {});
};
static_assert(HasPoll<PerfEvent<Cloud>> && !HasPoll<PerfEvent<Embedded>>);

class PerfEventArrayTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(GetParam().create(kDef, &map_), Errno::kOk);
    event_ = GetParam().open_perf_event(&fd_);
  }

  TestMap map_;
  std::shared_ptr<void> event_;
  uint32_t fd_ = 0;
};

TEST_P(PerfEventArrayTest, EventCanBePutIntoSlotsAndTakenOut) {
  for (const uint32_t index : {0U, 3U, 0U}) {
    EXPECT_EQ(map_->Update(&index, &fd_), Errno::kOk);
  }
  for (const uint32_t index : {0U, 3U}) {
    EXPECT_EQ(map_->Delete(&index), Errno::kOk);
    EXPECT_EQ(map_->Delete(&index), Errno::kNoEnt);
  }
}

TEST_P(PerfEventArrayTest, FlagsAndIndexAreCheckedInThisOrderBeforeEvent) {
  const uint32_t none = 9999, past_end = 4, index = 0;
  EXPECT_EQ(map_->Update(&past_end, &none, kNoExist), Errno::kInval);
  EXPECT_EQ(map_->Update(&past_end, &none), Errno::k2Big);
  EXPECT_EQ(map_->Update(&index, &none), Errno::kBadF);
}

TEST_P(PerfEventArrayTest, ProgramMayNeitherLookUpUpdateNorDelete) {
  const uint32_t index = 0;
  if (map_.local() != nullptr) {
    EXPECT_EQ(map_.local()->LookupElem(&index), nullptr);
    EXPECT_EQ(map_.local()->UpdateElem(&index, &fd_, kAny), Errno::kInval);
    EXPECT_EQ(map_.local()->DeleteElem(&index), Errno::kInval);
    return;
  }
  for (const int helper :
       {kHelperMapLookupElem, kHelperMapUpdateElem, kHelperMapDeleteElem}) {
    EXPECT_EQ(LoadElementHelper(static_cast<KernelMap&>(*map_.get()), helper),
              Errno::kInval);
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, PerfEventArrayTest,
                         ::testing::ValuesIn(Backends()), BackendName);

// Both sides.

constexpr int kNoEnt = -2, k2Big = -7, kFault = -14, kInval = -22, kNoSpc = -28,
              kOpNotSupp = -95;
constexpr PerfFlags Packet(uint64_t bytes) { return PerfFlags{bytes << 32}; }

PerfEventAttr Buffer(uint32_t size) { return {.buffer_size = size}; }

class PerfViewTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "kernel") SKIP_WITHOUT_KERNEL();
    if (!CanUseCpu(0)) GTEST_SKIP() << "programs cannot run on CPU 0";
    view_ = NewPerfView(GetParam());
  }
  bool has_cpus() const { return GetParam() != "embedded" && CanUseCpu(1); }

  // Outputs until there is no room; returns how many were written.
  int Fill(uint32_t size) {
    int written = 0;
    while (view_->Output(PerfFlags{}, size) == 0) ++written;
    return written;
  }
  // Those of `outputs` outputs of 4 bytes that wake the reader. It then reads.
  std::vector<int> Wakes(int outputs) {
    std::vector<int> wakes;
    for (int i = 0; i < outputs; ++i) {
      EXPECT_EQ(view_->Output(PerfFlags{}, 4), 0);
      if (!view_->Poll(0).empty()) wakes.push_back(i);
    }
    return wakes;
  }

  const OnCpu cpu_;
  std::unique_ptr<PerfView> view_;
};

TEST_P(PerfViewTest, EventIsOfPossibleCpu) {
  EXPECT_EQ(view_->Open(0, {.cpu = -1}), Errno::kInval);
  EXPECT_EQ(view_->Open(0, {.cpu = 100000}), Errno::kInval);
}

TEST_P(PerfViewTest, BufferIsPagesTimesPowerOfTwo) {
  for (const uint32_t pages : {1, 2, 4}) {
    EXPECT_EQ(view_->Open(0, Buffer(4096 * pages)), Errno::kOk) << pages;
  }
  for (const uint32_t pages : {3, 5, 6}) {
    EXPECT_EQ(view_->Open(0, Buffer(4096 * pages)), Errno::kInval) << pages;
  }
}

TEST_P(PerfViewTest, FlagsAreCheckedBeforePacketAndSlot) {
  EXPECT_EQ(view_->Output(PerfFlags{uint64_t{1} << 52}, 8), kInval);
  EXPECT_EQ(view_->Output(
                PerfFlags{uint64_t{1} << 52} | Packet(4000) | PerfFlags{4}, 8),
            kInval);
  EXPECT_EQ(view_->Output(Packet(4000) | PerfFlags{4}, 8), kFault);
  EXPECT_EQ(view_->Output(Packet(kPerfPacketSize + 1), 8), kFault);
  EXPECT_EQ(view_->Output(Packet(kPerfPacketSize) | PerfFlags{4}, 8), k2Big);
  EXPECT_EQ(view_->Output(PerfFlags{0xfffffffe}, 8), k2Big);
  EXPECT_EQ(view_->Output(PerfFlags{}, 8), kNoEnt);
  EXPECT_EQ(view_->Output(kCurrentCpu, 8), kNoEnt);
}

TEST_P(PerfViewTest, EventThatIsNotForOutputIsRefused) {
  constexpr uint64_t kCpuClock = 0;
  ASSERT_EQ(view_->Open(3, {.config = kCpuClock}), Errno::kOk);
  EXPECT_EQ(view_->Output(PerfFlags{3}, 8), kInval);
  if (!has_cpus()) return;
  ASSERT_EQ(view_->Open(3, {.cpu = 1, .config = kCpuClock}), Errno::kOk);
  EXPECT_EQ(view_->Output(PerfFlags{3}, 8), kInval);
}

TEST_P(PerfViewTest, EventOfAnotherCpuIsRefused) {
  if (!has_cpus()) GTEST_SKIP() << "one CPU";
  ASSERT_EQ(view_->Open(1, {.cpu = 1, .buffer_size = 4096}), Errno::kOk);
  EXPECT_EQ(view_->Output(PerfFlags{1}, 8), kOpNotSupp);
  ASSERT_EQ(view_->Open(2, {.cpu = 1}), Errno::kOk);
  EXPECT_EQ(view_->Output(PerfFlags{2}, 8), kOpNotSupp);
  const OnCpu other(1);
  EXPECT_EQ(view_->Output(PerfFlags{1}, 8), 0);
  EXPECT_EQ(view_->Output(kCurrentCpu, 8), 0);
  EXPECT_EQ(view_->Output(PerfFlags{2}, 8), kNoSpc);
}

TEST_P(PerfViewTest, OutputWithoutMappedBufferIsNoSpc) {
  ASSERT_EQ(view_->Open(0, Buffer(0)), Errno::kOk);
  EXPECT_EQ(view_->Output(PerfFlags{}, 8), kNoSpc);
  EXPECT_EQ(view_->LostSamples(0), 0u);
}

// The record's size for each size of the output.
TEST_P(PerfViewTest, RecordsAreLinuxs) {
  ASSERT_EQ(view_->Open(0, Buffer(4096)), Errno::kOk);
  const auto sizes = [&](uint32_t size) {
    EXPECT_EQ(view_->Output(kCurrentCpu, size), 0);
    const std::vector<PerfSeen> seen = view_->Consume(0);
    EXPECT_THAT(seen, SizeIs(1));
    EXPECT_EQ(seen[0].type, kPerfRecordSample);
    EXPECT_EQ(seen[0].misc, 1u);
    EXPECT_EQ(seen[0].size, 12 + seen[0].data_size);
    return seen[0].data_size;
  };
  for (const uint32_t size : {0, 1, 3, 4}) EXPECT_EQ(sizes(size), 4u) << size;
  for (const uint32_t size : {5, 8, 11, 12}) {
    EXPECT_EQ(sizes(size), 12u) << size;
  }
  EXPECT_EQ(sizes(13), 20u);
  EXPECT_EQ(sizes(100), 100u);
  EXPECT_EQ(sizes(4000), 4004u);
}

TEST_P(PerfViewTest, PacketFollowsData) {
  ASSERT_EQ(view_->Open(0, Buffer(4096)), Errno::kOk);
  EXPECT_EQ(view_->Output(Packet(20), 8, 7), 0);
  EXPECT_EQ(view_->Output(Packet(kPerfPacketSize), 0), 0);
  const std::vector<PerfSeen> seen = view_->Consume(0);
  ASSERT_THAT(seen, SizeIs(2));
  EXPECT_EQ(seen[0].data_size, 28u);
  EXPECT_EQ(seen[1].data_size, 68u);
}

TEST_P(PerfViewTest, BufferLeavesOneByteFree) {
  ASSERT_EQ(view_->Open(0, Buffer(4096)), Errno::kOk);
  EXPECT_EQ(view_->Output(PerfFlags{}, 4076), 0);
  EXPECT_EQ(view_->Consume(0)[0].size, 4088);
  EXPECT_EQ(view_->Output(PerfFlags{}, 4077), kNoSpc);
  ASSERT_EQ(view_->Open(0, Buffer(4096)), Errno::kOk);
  EXPECT_EQ(Fill(4), 255);
}

TEST_P(PerfViewTest, LostSamplesAreCountedInFrontOfNext) {
  ASSERT_EQ(view_->Open(0, Buffer(4096)), Errno::kOk);
  EXPECT_EQ(Fill(8), 170);
  EXPECT_EQ(view_->Output(PerfFlags{}, 0),
            kNoSpc);  // 16 bytes are free, not 17
  EXPECT_EQ(view_->LostSamples(0), 2u);
  EXPECT_THAT(view_->Consume(0), SizeIs(170));
  EXPECT_EQ(view_->Output(PerfFlags{}, 8), 0);
  EXPECT_EQ(view_->Output(PerfFlags{}, 8), 0);
  const std::vector<PerfSeen> seen = view_->Consume(0);
  ASSERT_THAT(seen, SizeIs(3));
  EXPECT_EQ(seen[0], (PerfSeen{kPerfRecordLost, 0, 24, 0, 0, 2}));
  EXPECT_EQ(seen[1].type, kPerfRecordSample);
  EXPECT_EQ(seen[2].type, kPerfRecordSample);
  EXPECT_EQ(view_->LostSamples(0), 2u);
}

TEST_P(PerfViewTest, CountOfLostSamplesNeedsRoomToo) {
  ASSERT_EQ(view_->Open(0, Buffer(4096)), Errno::kOk);
  EXPECT_EQ(view_->Output(PerfFlags{}, 4096), kNoSpc);
  EXPECT_EQ(view_->Output(PerfFlags{}, 4076),
            kNoSpc);  // would do without the count
  EXPECT_EQ(view_->Output(PerfFlags{}, 4052), 0);
  const std::vector<PerfSeen> seen = view_->Consume(0);
  ASSERT_THAT(seen, SizeIs(2));
  EXPECT_EQ(seen[0].lost, 2u);
}

TEST_P(PerfViewTest, OneEventInTwoSlotsIsOneBuffer) {
  ASSERT_EQ(view_->Open(0, Buffer(4096)), Errno::kOk);
  ASSERT_EQ(view_->Open(1, Buffer(4096)), Errno::kOk);
  EXPECT_EQ(view_->Output(PerfFlags{1}, 8), 0);
  EXPECT_THAT(view_->Consume(0), IsEmpty());
  EXPECT_THAT(view_->Consume(1), SizeIs(1));
}

// Wake-ups. On the kernel they are epoll's.

TEST_P(PerfViewTest, EachSampleWakes) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  ASSERT_EQ(view_->Open(0, Buffer(4096)), Errno::kOk);
  EXPECT_THAT(view_->Poll(0), IsEmpty());
  EXPECT_THAT(Wakes(3), ElementsAre(0, 1, 2));
  EXPECT_THAT(view_->Poll(0), IsEmpty());
}

TEST_P(PerfViewTest, OneWakeUpIsForAllThatIsThere) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  ASSERT_EQ(view_->Open(0, Buffer(4096)), Errno::kOk);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(view_->Output(PerfFlags{}, 4), 0);
  EXPECT_THAT(view_->Poll(0), SizeIs(3));
  EXPECT_THAT(view_->Poll(0), IsEmpty());
}

TEST_P(PerfViewTest, EachThirdSampleWakes) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  ASSERT_EQ(view_->Open(0, {.buffer_size = 4096, .wakeup_events = 3}),
            Errno::kOk);
  EXPECT_THAT(Wakes(10), ElementsAre(2, 5, 8));
}

TEST_P(PerfViewTest, HalfBufferWakesWhereNothingElseDoes) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  for (const bool watermark : {false, true}) {
    ASSERT_EQ(view_->Open(0, {.buffer_size = 4096,
                              .watermark = watermark,
                              .wakeup_events = 0}),
              Errno::kOk);
    EXPECT_THAT(Wakes(400), ElementsAre(128, 256, 384));
  }
}

TEST_P(PerfViewTest, WatermarkIsBytesSinceLastWakeUp) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  ASSERT_EQ(
      view_->Open(
          0, {.buffer_size = 4096, .watermark = true, .wakeup_watermark = 100}),
      Errno::kOk);
  EXPECT_THAT(Wakes(40), ElementsAre(6, 12, 18, 25, 31, 37));
}

TEST_P(PerfViewTest, WatermarkBeyondBufferIsBuffer) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  ASSERT_EQ(view_->Open(0, {.buffer_size = 4096,
                            .watermark = true,
                            .wakeup_watermark = 100000}),
            Errno::kOk);
  EXPECT_EQ(Fill(4), 255);
  EXPECT_THAT(view_->Poll(0), IsEmpty());
  EXPECT_THAT(view_->Consume(0), SizeIs(255));
  EXPECT_THAT(Wakes(1), ElementsAre(0));
}

TEST_P(PerfViewTest, LostSampleWakesNobody) {
  if (!view_->can_poll()) GTEST_SKIP() << "no Poll() in this profile";
  ASSERT_EQ(view_->Open(0, Buffer(4096)), Errno::kOk);
  EXPECT_EQ(Fill(4), 255);
  EXPECT_THAT(view_->Poll(0), SizeIs(255));
  EXPECT_EQ(view_->Output(PerfFlags{}, 5000), kNoSpc);
  EXPECT_EQ(view_->Output(PerfFlags{}, 5000), kNoSpc);
  EXPECT_THAT(view_->Poll(0), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Views, PerfViewTest,
                         testing::ValuesIn(PerfViewNames()),
                         [](const auto& info) { return info.param; });

class PerfDifferentialTest : public testing::TestWithParam<std::string> {};

TEST_P(PerfDifferentialTest, EveryAnswerAndRecordMatchesKernel) {
  SKIP_WITHOUT_KERNEL();
  if (!CanUseCpu(0)) GTEST_SKIP() << "programs cannot run on CPU 0";
  const OnCpu cpu(0);
  uint64_t written = 0, lost = 0, refused = 0, woken = 0, asleep = 0;
  for (uint64_t done = 0; done < absl::GetFlag(FLAGS_outputs);) {
    std::mt19937_64 random(RandomSeed() + done);
    const auto below = [&](uint64_t end) { return random() % end; };
    const auto local = NewPerfView(GetParam());
    const auto kernel = NewPerfView("kernel");
    for (uint32_t slot = 0; slot < kPerfSlots - 1; ++slot) {
      PerfEventAttr attr = Buffer(below(3) == 0 ? 8192 : 4096);
      attr.watermark = below(2) == 0;
      attr.wakeup_events = static_cast<uint32_t>(below(20));
      attr.wakeup_watermark = static_cast<uint32_t>(below(6000));
      ASSERT_EQ(local->Open(slot, attr), Errno::kOk);
      ASSERT_EQ(kernel->Open(slot, attr), Errno::kOk);
    }
    for (int i = 0; i < 2000; ++i, ++done) {
      SCOPED_TRACE(absl::StrCat("output ", done));
      PerfFlags flags{below(kPerfSlots - 1)};
      if (below(20) == 0)
        flags = below(2) == 0 ? kCurrentCpu : PerfFlags{random()};
      if (below(10) == 0) flags |= Packet(below(kPerfPacketSize + 8));
      const uint32_t size =
          static_cast<uint32_t>(below(below(8) == 0 ? 4200 : 100));
      const uint32_t mark = static_cast<uint32_t>(random());
      const int result = local->Output(flags, size, mark);
      ASSERT_EQ(result, kernel->Output(flags, size, mark));
      ++(result == 0 ? written : result == kNoSpc ? lost : refused);
      const uint32_t slot = static_cast<uint32_t>(below(kPerfSlots - 1));
      ASSERT_EQ(local->LostSamples(slot), kernel->LostSamples(slot));
      if (local->can_poll() && below(2) == 0) {
        const std::vector<PerfSeen> seen = local->Poll(slot);
        ASSERT_EQ(seen, kernel->Poll(slot));
        ++(seen.empty() ? asleep : woken);
      } else if (below(40) == 0) {
        ASSERT_EQ(local->Consume(slot), kernel->Consume(slot));
      }
    }
  }
  if (absl::GetFlag(FLAGS_outputs) < 10000) return;
  EXPECT_GT(written, 500u);
  EXPECT_GT(lost, 100u);
  EXPECT_GT(refused, 100u);
  if (GetParam() == "cloud") {
    EXPECT_GT(woken, 100u);
    EXPECT_GT(asleep, 100u);
  }
}

INSTANTIATE_TEST_SUITE_P(Profiles, PerfDifferentialTest,
                         testing::Values("cloud", "embedded"),
                         [](const auto& info) { return info.param; });

TEST(PerfEventTest, SampleThatNoRecordCanHoldIsRefused) {
  const std::vector<char> bytes(kPerfMaxSample + 1);
  PerfEvent<Cloud> event({.buffer_size = 1 << 17});
  ASSERT_EQ(event.Init(), Errno::kOk);
  const auto output = [&](uint64_t size, uint64_t more) {
    return event.Output(0, bytes.data(), size, bytes.data(), more);
  };
  EXPECT_EQ(output(kPerfMaxSample + 1, 0), Errno::k2Big);
  EXPECT_EQ(output(kPerfMaxSample, 1), Errno::k2Big);
  EXPECT_EQ(output(~uint64_t{0}, 2), Errno::k2Big);
  EXPECT_EQ(output(kPerfMaxSample - 5, 5), Errno::kOk);
  event.ConsumeRecords([](const PerfRecord* record) {
    EXPECT_EQ(record->size, 0xfff8);
    return true;
  });
}

TEST(PerfEventTest, ReaderMayStop) {
  PerfEvent<Cloud> event({.buffer_size = 4096});
  ASSERT_EQ(event.Init(), Errno::kOk);
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_EQ(event.Output(0, &i, sizeof i, nullptr, 0), Errno::kOk);
  }
  int calls = 0;
  event.ConsumeRecords([&](const PerfRecord*) { return ++calls < 2; });
  EXPECT_EQ(calls, 2);
  uint32_t last = 0;
  EXPECT_EQ(event.Consume(
                [&](void* data, uint32_t size) {
                  EXPECT_EQ(size, 4u);
                  last = *static_cast<uint32_t*>(data);
                },
                [](uint64_t) {}),
            1);
  EXPECT_EQ(last, 2u);
}

TEST(PerfEventTest, NumbersAreLowestThatAreFree) {
  PerfEvents<Cloud> events;
  Heap heap;
  const auto open = [&] {
    auto event =
        std::make_unique<PerfEvent<Cloud>>(PerfEventAttr{}, &heap, &events);
    EXPECT_EQ(event->Init(), Errno::kOk);
    EXPECT_EQ(events.Find(event->fd()), event.get());
    return event;
  };
  auto first = open(), second = open(), third = open();
  const uint32_t freed = second->fd();
  EXPECT_EQ(freed, first->fd() + 1);
  second.reset();
  EXPECT_EQ(events.Find(freed), nullptr);
  second = open();
  EXPECT_EQ(second->fd(), freed);
  EXPECT_EQ(open()->fd(), third->fd() + 1);
}

// Two threads on each of two CPUs, and a reader for each that sleeps whenever
// there is nothing. Each sample is read, in order, or counted as lost.
TEST(PerfEventConcurrencyTest, UnreadSamplesAreCountedAsLost) {
  constexpr int kCpus = 2, kWriters = 4;
  const ScopedPossibleCpus possible(kCpus);
  struct Sample {
    uint32_t writer;  // kWriters: the last sample
    uint32_t check;
    uint64_t sequence;
  };
  Heap heap;
  PerfEvents<Cloud> events;
  std::vector<std::unique_ptr<PerfEvent<Cloud>>> opened;
  PerfEventArray<Cloud> array(kDef, &heap, &events);
  ASSERT_EQ(array.Init(), Errno::kOk);
  for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    opened.push_back(std::make_unique<PerfEvent<Cloud>>(
        PerfEventAttr{.cpu = static_cast<int>(cpu), .buffer_size = 8192}, &heap,
        &events));
    ASSERT_EQ(opened[cpu]->Init(), Errno::kOk);
    const uint32_t fd = opened[cpu]->fd();
    ASSERT_EQ(array.Update(&cpu, &fd), Errno::kOk);
  }
  uint64_t sent[kWriters] = {};
  std::atomic<int> writing[kCpus] = {kWriters / kCpus, kWriters / kCpus};
  ThreadTeam team;
  for (uint32_t writer = 0; writer < kWriters; ++writer) {
    team.AddWorker([&, writer]() -> testing::AssertionResult {
      const int cpu = static_cast<int>(writer) % kCpus;
      const ScopedCpu scoped(cpu);
      for (Steps steps(300'000); steps.Next();) {
        const uint64_t sequence = sent[writer]++;
        const Sample sample = {writer, static_cast<uint32_t>(sequence * 31),
                               sequence};
        const Errno error = array.Output(kCurrentCpu, &sample, sizeof sample);
        if (error != Errno::kOk && error != Errno::kNoSpc) {
          return testing::AssertionFailure() << ErrnoName(error);
        }
      }
      if (writing[cpu].fetch_sub(1) != 1) return testing::AssertionSuccess();
      const Sample last = {kWriters, 0, 0};
      while (array.Output(kCurrentCpu, &last, sizeof last) != Errno::kOk) {
        std::this_thread::yield();
      }
      return testing::AssertionSuccess();
    });
  }
  uint64_t read[kWriters] = {}, lost[kCpus] = {};
  for (int cpu = 0; cpu < kCpus; ++cpu) {
    team.AddWorker([&, cpu] {
      testing::AssertionResult result = testing::AssertionSuccess();
      uint64_t next[kWriters] = {};
      bool ended = false;
      while (!ended && result) {
        opened[cpu]->Poll(
            -1,
            [&](void* data, uint32_t) {
              Sample sample;
              std::memcpy(&sample, data, sizeof sample);
              ended = sample.writer == kWriters;
              if (ended) return;
              if (sample.writer % kCpus != static_cast<uint32_t>(cpu) ||
                  sample.check != static_cast<uint32_t>(sample.sequence * 31) ||
                  sample.sequence < next[sample.writer]) {
                result = testing::AssertionFailure()
                         << "writer " << sample.writer << ", sample "
                         << sample.sequence << ", " << next[sample.writer]
                         << " was next";
                return;
              }
              next[sample.writer] = sample.sequence + 1;
              ++read[sample.writer];
            },
            [&](uint64_t count) { lost[cpu] += count; });
      }
      return result;
    });
  }
  team.Run();
  for (int cpu = 0; cpu < kCpus; ++cpu) {
    EXPECT_EQ(lost[cpu], opened[cpu]->lost_samples());
    EXPECT_GE(read[cpu] + read[cpu + kCpus] + lost[cpu],
              sent[cpu] + sent[cpu + kCpus]);
  }
}

}  // namespace
}  // namespace bpfmap
