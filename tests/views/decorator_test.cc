// SPDX-License-Identifier: Apache-2.0

// The decorators of the test kit: FailNth and Trace, and what goes through any
// of them.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_cast.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/per_cpu.h"
#include "bpfmap/maps/program_map.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/ring_producer.h"
#include "bpfmap/maps/testing.h"
#include "bpfmap/maps/typed_map.h"
#include "bpfmap/maps/typed_queue.h"
#include "bpfmap/profiles/cpu.h"
#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using ::testing::ElementsAre;
using ::testing::ExitedWithCode;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

using Counts = ProgramMap<uint32_t, uint64_t>;

std::shared_ptr<LocalMap> Make(MapType type = MapType::kHash) {
  return *CreateMap({.type = type,
                     .key_size = 4,
                     .value_size = 8,
                     .max_entries = 4,
                     .name = "counts"});
}

std::shared_ptr<LocalMap> MakeRing() {
  return *CreateMap(
      {.type = MapType::kRingBuf, .max_entries = 4096, .name = "events"});
}

TEST(FailNthTest, RefusesThatCallAlone) {
  const auto map = Make();
  FailNth failing(map, "update", 2, Errno::kNoMem);
  const Counts counts = *Counts::Create(&failing);
  EXPECT_FALSE(failing.has_failed());
  EXPECT_THAT(counts.Update(1, 10), IsOk());
  EXPECT_FALSE(failing.has_failed());
  EXPECT_THAT(counts.Update(2, 20), IsErrno(Errno::kNoMem));
  EXPECT_TRUE(failing.has_failed());
  EXPECT_THAT(counts.Update(3, 30), IsOk());
  EXPECT_EQ(failing.calls(), 3);
  EXPECT_THAT(*Counts::Create(map.get()),
              Entries(ElementsAre(Pair(1, 10), Pair(3, 30))));
}

TEST(FailNthTest, CountsBothViews) {
  FailNth failing(Make(), "update", 2, Errno::kNoMem);
  const uint32_t key = 1;
  const uint64_t value = 1;
  EXPECT_THAT(failing.Update(&key, &value), IsOk());
  EXPECT_THAT(failing.UpdateElem(&key, &value, kAny), IsErrno(Errno::kNoMem));
}

TEST(FailNthTest, LookupOfProgramIsNull) {
  FailNth failing(Make(MapType::kArray), "lookup", 1, Errno::kNoEnt);
  const Counts counts = *Counts::Create(&failing);
  EXPECT_EQ(counts.Lookup(1), nullptr);
  EXPECT_NE(counts.Lookup(1), nullptr);
}

TEST(FailNthTest, EachOperationCanFail) {
  uint32_t key = 1, count = 1;
  uint64_t value = 1;
  const auto answer = [&](const char* operation, const auto& call) {
    FailNth failing(Make(), operation, 1, Errno::kBusy);
    EXPECT_THAT(call(failing), IsErrno(Errno::kBusy)) << operation;
    EXPECT_THAT(call(failing), Not(IsErrno(Errno::kBusy))) << operation;
  };
  answer("lookup", [&](LocalMap& map) { return map.Lookup(&key, &value); });
  answer("delete", [&](LocalMap& map) { return map.Delete(&key); });
  answer("delete", [&](LocalMap& map) { return map.DeleteElem(&key); });
  answer("get_next_key",
         [&](LocalMap& map) { return map.GetNextKey(nullptr, &key); });
  answer("lookup_and_delete",
         [&](LocalMap& map) { return map.LookupAndDelete(&key, &value); });
  answer("lookup_batch", [&](LocalMap& map) {
    return map.LookupBatch(nullptr, &key, &key, &value, &count);
  });
  answer("lookup_and_delete_batch", [&](LocalMap& map) {
    return map.LookupAndDeleteBatch(nullptr, &key, &key, &value, &count);
  });
  answer("update_batch",
         [&](LocalMap& map) { return map.UpdateBatch(&key, &value, &count); });
  answer("delete_batch",
         [&](LocalMap& map) { return map.DeleteBatch(&key, &count); });
  answer("freeze", [&](LocalMap& map) { return map.Freeze(); });
  answer("push", [&](LocalMap& map) { return map.Push(&value, kAny); });
  answer("pop", [&](LocalMap& map) { return map.Pop(&value); });
  answer("peek", [&](LocalMap& map) { return map.Peek(&value); });
}

TEST(FailNthTest, WalkCanFail) {
  FailNth failing(Make(MapType::kArray), "for_each", 1, Errno::kNoMem);
  const Counts counts = *Counts::Create(&failing);
  const auto nothing = [](uint32_t, uint64_t) {};
  EXPECT_EQ(counts.ForEach(nothing), -static_cast<int64_t>(Errno::kNoMem));
  EXPECT_EQ(counts.ForEach(nothing), 4);
}

TEST(FailNthTest, RingCanFail) {
  const auto map = MakeRing();
  FailNth no_room(map, "reserve", 1, Errno::kAgain);
  EXPECT_EQ(AsRingProducer(no_room)->Reserve(8), nullptr);
  void* const record = AsRingProducer(no_room)->Reserve(8);
  ASSERT_NE(record, nullptr);
  AsRingProducer(no_room)->Submit(record);
  FailNth no_output(map, "output", 1, Errno::kAgain);
  EXPECT_THAT(AsRingProducer(no_output)->Output("a", 1),
              IsErrno(Errno::kAgain));
  EXPECT_THAT(AsRingProducer(no_output)->Output("a", 1), IsOk());
  EXPECT_EQ(AsRingProducer(no_output)->Query(kRbAvailData), 32u);
}

TEST(FailNthTest, OperationThatDoesNotExistFailsTest) {
  const auto map = Make();
  EXPECT_NONFATAL_FAILURE(FailNth(map, "updaet", 1, Errno::kNoMem),
                          "no operation \"updaet\" can fail; there are: "
                          "lookup, update, delete");
  EXPECT_NONFATAL_FAILURE(FailNth(map, "submit", 1, Errno::kNoMem),
                          "no operation \"submit\" can fail");
  EXPECT_NONFATAL_FAILURE(FailNth(map, "update", 0, Errno::kNoMem),
                          "counted from 1 on");
}

TEST(FailNthTest, OneOfManyThreadsFails) {
  FailNth failing(Make(MapType::kArray), "update", 50, Errno::kNoMem);
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const Counts counts = *Counts::Create(&failing);
      for (int i = 0; i < 100; ++i) {
        if (counts.Update(1, 1) != Errno::kOk) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 1);
  EXPECT_EQ(failing.calls(), 400);
}

TEST(TraceTest, ShowsCallsOfProgramAndTheirAnswers) {
  Trace traced(Make());
  const Counts counts = *Counts::Create(&traced);
  EXPECT_EQ(counts.Lookup(7), nullptr);
  EXPECT_THAT(counts.Update(7, 1, kNoExist), IsOk());
  ASSERT_NE(counts.Lookup(7), nullptr);
  EXPECT_THAT(counts.Update(7, 2, kNoExist), IsErrno(Errno::kExist));
  EXPECT_THAT(counts.Delete(7), IsOk());
  EXPECT_EQ(counts.ForEach([](uint32_t, uint64_t) {}), 0);
  EXPECT_THAT(
      traced.calls(),
      ElementsAre("LookupElem(7) = null", "UpdateElem(7, 1, BPF_NOEXIST) = OK",
                  "LookupElem(7) = 1", "UpdateElem(7, 2, BPF_NOEXIST) = EEXIST",
                  "DeleteElem(7) = OK", "ForEachElem() = OK"));
}

TEST(TraceTest, ShowsCallsOfUserSpace) {
  Trace traced(Make());
  auto counts = *TypedMap<uint32_t, uint64_t>::Create(&traced);
  EXPECT_THAT(counts.Set(7, 1), IsOk());
  EXPECT_THAT(counts.Get(7), IsOk());
  EXPECT_THAT(counts.Get(8), IsErrno(Errno::kNoEnt));
  EXPECT_THAT(counts.Set(7, 1, ElemFlags{256}), IsErrno(Errno::kInval));
  EXPECT_THAT(traced.Freeze(), IsOk());
  EXPECT_THAT(
      traced.calls(),
      ElementsAre("Update(7, 1) = OK", "Lookup(7) = 1", "Lookup(8) = ENOENT",
                  "Update(7, 1, flags 0x100) = EINVAL", "Freeze() = OK"));
  traced.Clear();
  EXPECT_THAT(traced.calls(), SizeIs(0));
  EXPECT_EQ(traced.ToString(), "calls of HASH map \"counts\": none");
}

TEST(TraceTest, ShowsPartsOfCpus) {
  const ScopedPossibleCpus cpus(2);
  Trace traced(Make(MapType::kPerCpuArray));
  const ScopedCpu cpu(1);
  ASSERT_THAT(Counts::Create(&traced)->Update(3, 5), IsOk());
  ASSERT_NE(Counts::Create(&traced)->LookupPerCpu(3, 0), nullptr);
  const auto all = *TypedMap<uint32_t, PerCpu<uint64_t>>::Create(&traced);
  EXPECT_THAT(all, HasEntry(3, ElementsAre(0, 5)));
  EXPECT_EQ(traced.ToString(),
            "calls of PERCPU_ARRAY map \"counts\":\n"
            "  thread 0, cpu 1: UpdateElem(3, 5) = OK\n"
            "  thread 0, cpu 1: LookupPerCpuElem(3) = 0\n"
            "  thread 0, cpu 1: Lookup(3) = [0, 5]");
}

TEST(TraceTest, ShowsQueuesAndRings) {
  Trace queue(
      *CreateMap({.type = MapType::kQueue, .value_size = 4, .max_entries = 1}));
  const auto jobs = *ProgramQueue<uint32_t>::Create(&queue);
  uint32_t job;
  EXPECT_THAT(jobs.Push(9), IsOk());
  EXPECT_THAT(jobs.Push(8, kExist), IsOk());
  EXPECT_THAT(jobs.Peek(&job), IsOk());
  EXPECT_THAT(jobs.Pop(&job), IsOk());
  EXPECT_THAT(jobs.Pop(&job), IsErrno(Errno::kNoEnt));
  EXPECT_THAT(queue.calls(),
              ElementsAre("Push(9) = OK", "Push(8, BPF_EXIST) = OK",
                          "Peek() = 8", "Pop() = 8", "Pop() = ENOENT"));

  Trace ring(MakeRing());
  RingProducer& producer = *AsRingProducer(ring);
  void* const record = producer.Reserve(8);
  ASSERT_NE(record, nullptr);
  producer.Discard(record);
  EXPECT_EQ(producer.Reserve(8192), nullptr);
  EXPECT_THAT(producer.Output("a", 1, kRbForceWakeup), IsOk());
  EXPECT_THAT(ring.calls(),
              ElementsAre("Reserve() = a record", "Discard() = OK",
                          "Reserve() = null", "Output(flags 0x2) = OK"));
}

TEST(TraceTest, SaysWhoCalled) {
  const ScopedPossibleCpus cpus(4);
  Trace traced(Make());
  const auto update = [&traced](int cpu) {
    const ScopedCpu on(cpu);
    const uint32_t key = static_cast<uint32_t>(cpu);
    const uint64_t value = 0;
    EXPECT_THAT(traced.UpdateElem(&key, &value, kAny), IsOk());
  };
  update(2);
  std::thread(update, 3).join();
  EXPECT_EQ(traced.ToString(),
            "calls of HASH map \"counts\":\n"
            "  thread 0, cpu 2: UpdateElem(2, 0) = OK\n"
            "  thread 1, cpu 3: UpdateElem(3, 0) = OK");
}

TEST(TraceTest, KeepsLastCalls) {
  Trace traced(Make(MapType::kArray));
  const Counts counts = *Counts::Create(&traced);
  for (std::size_t i = 0; i < Trace::kMaxCalls + 5; ++i) {
    EXPECT_THAT(counts.Update(1, i), IsOk());
  }
  EXPECT_THAT(traced.calls(), SizeIs(Trace::kMaxCalls));
  EXPECT_EQ(traced.calls().front(), "UpdateElem(1, 5) = OK");
  EXPECT_THAT(traced.ToString(),
              StartsWith("calls of ARRAY map \"counts\":\n  5 before\n"));
}

TEST(TraceDeathTest, IsPrintedIfTestHasFailed) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        {
          Trace traced(Make());
          const Counts counts = *Counts::Create(&traced);
          EXPECT_THAT(counts.Update(7, 1), IsErrno(Errno::kNoMem));
        }
        std::exit(0);
      },
      ExitedWithCode(0),
      "calls of HASH map \"counts\":\n  thread 0, cpu .*UpdateElem");
}

TEST(TraceDeathTest, IsNotPrintedIfTestPasses) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        {
          Trace traced(Make());
          EXPECT_THAT(Counts::Create(&traced)->Update(7, 1), IsOk());
        }
        std::exit(0);
      },
      ExitedWithCode(0), "^$");
}

TEST(MapDecoratorTest, MayBeNested) {
  const auto map = Make();
  FailNth failing(map, "update", 1, Errno::kNoMem);
  Trace traced(failing);
  const Counts counts = *Counts::Create(&traced);
  EXPECT_THAT(counts.Update(7, 1), IsErrno(Errno::kNoMem));
  EXPECT_THAT(traced.calls(), ElementsAre("UpdateElem(7, 1) = ENOMEM"));
  EXPECT_EQ(&traced.map(), &failing);
}

TEST(MapDecoratorTest, IsMapToItsViews) {
  const auto map = Make();
  Trace traced(map);
  EXPECT_EQ(traced.def(), map->def());
  const uint32_t key = 1;
  const uint64_t value = 10;
  ASSERT_THAT(traced.Update(&key, &value), IsOk());
  EXPECT_THAT(traced, HasSameEntriesAs(*map));
  EXPECT_EQ(traced.LookupElem(&key), map->LookupElem(&key));
  EXPECT_EQ(AsRingProducer(traced), nullptr);
  EXPECT_EQ(traced.traits().has_buckets, map->traits().has_buckets);
  EXPECT_FALSE(traced.frozen());
  ASSERT_THAT(traced.Freeze(), IsOk());
  EXPECT_TRUE(traced.frozen());
}

TEST(MapDecoratorTest, IsNotClassOfMap) {
  const auto map = Make();
  Trace traced(map);
  EXPECT_EQ(MapCast<HashMap>(traced), nullptr);
  EXPECT_NE(MapCast<HashMap>(traced.map()), nullptr);
}

TEST(MapDecoratorTest, KeepsSharedMapAlive) {
  auto map = Make();
  const std::weak_ptr<LocalMap> watch = map;
  {
    const Trace traced(std::move(map));
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace bpfmap
