// SPDX-License-Identifier: Apache-2.0

#include "programs/object_test.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bpfmap/maps/per_cpu.h"
#include "bpfmap/programs/context.h"
#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using testing::AllOf, testing::ElementsAre, testing::HasSubstr,
    testing::IsEmpty, testing::Ne, testing::SizeIs;

constexpr char kPath[] = "programs/object_test.bpf.o";
constexpr uint32_t kMapUpdateElem = 2, kMapLookupElem = 1;
constexpr uint32_t kTcRedirect = 7;

class ObjectTest : public testing::Test {
 protected:
  void Load() { ASSERT_OK(object_.Load()); }

  ProgramResult Run(const char* program, uint32_t mark = 0) {
    SkbContext context = {};
    context.mark = mark;
    return object_.program(program).Run(packet_, context);
  }

  World world_;
  Object object_ = Object::Open(kPath).value();
  const Packet packet_ = Packet::Ethernet()
                             .Ipv4("10.0.0.7", "10.0.0.1")
                             .Udp(53, 1024)
                             .Payload("twenty and two bytes..");
};

TEST_F(ObjectTest, VariablesSubprogramsAndCallbacks) {
  Load();
  EXPECT_THAT(Run("variables"), Returns(46 + 10));
  EXPECT_EQ(object_.Get<uint64_t>("runs"), 1u);
}

TEST_F(ObjectTest, ConstantIsSetBeforeLoad) {
  object_.Set("step", int32_t{2});
  settings changed = object_.Get<settings>("settings");
  EXPECT_EQ(changed.weights[2], 3u);
  changed.limit = 1;
  object_.Set("settings", changed);
  Load();
  EXPECT_THAT(Run("variables"), Returns(49 + 1));
}

TEST_F(ObjectTest, VariableIsSetBetweenRuns) {
  Load();
  object_.Set("first", uint32_t{100});
  EXPECT_THAT(Run("variables"), Returns(106 + 10));
  object_.Set("runs", uint64_t{0});
  Run("variables");
  EXPECT_EQ(object_.Get<uint64_t>("runs"), 1u);
}

TEST_F(ObjectTest, ExternOfTheConfigurationIsLinux) {
  Load();
  EXPECT_THAT(Run("version"), Returns(6 << 16 | 18 << 8));
}

TEST_F(ObjectTest, LargeExternHasRoomForItsValue) {
  struct Large {
    char text[5000];
  };
  Large large = {};
  large.text[4999] = 7;
  object_.Set("CONFIG_LARGE", large);
  Load();
  EXPECT_THAT(Run("large_extern"), Returns(7));
}

TEST_F(ObjectTest, TailCallFindsProgramOfDefinitionAndOfTest) {
  Load();
  EXPECT_THAT(Run("jump", 1), Returns(99));
  EXPECT_THAT(Run("jump", 0), Returns(1));
  object_.SetElement("programs", 0, "tail");
  EXPECT_THAT(Run("jump", 0), Returns(99));
}

TEST_F(ObjectTest, InnerMapsAreThoseOfDefinitionAndOfTest) {
  Load();
  object_.map<uint32_t, uint32_t>("inner_one").Set(0, 11);
  object_.map<uint32_t, uint32_t>("inner_two").Set(0, 22);
  EXPECT_THAT(Run("read_inner", 2), Returns(22));
  EXPECT_THAT(Run("read_inner", 0), Returns(-1));
  object_.SetElement("outer", 0, "inner_one");
  EXPECT_THAT(Run("read_inner", 0), Returns(11));
}

TEST_F(ObjectTest, MapsHoldWhatProgramsCount) {
  Load();
  auto counts = object_.map<uint32_t, uint64_t>("counts");
  EXPECT_THAT(Run("count", 7), Returns(0));
  EXPECT_THAT(Run("count", 7), Returns(0));
  EXPECT_EQ(counts.Get(7), 2u);
  EXPECT_FALSE(counts.Has(8));
  EXPECT_THAT(counts.view(), HasEntry(7, 2));
  counts.Erase(7);
  EXPECT_EQ(counts.size(), 0u);
}

TEST_F(ObjectTest, ProgramRunsOnCpuOfTheWorld) {
  Load();
  world_.cpu = PossibleCpus() - 1;
  Run("count");
  const auto per_cpu =
      object_.map<uint32_t, PerCpu<uint64_t>>("per_cpu").Get(0);
  EXPECT_EQ(per_cpu[PossibleCpus() - 1], 1u);
  world_.cpu = -1;
  EXPECT_FALSE(Run("count").ok());
}

TEST_F(ObjectTest, EventsArriveByRingAndByPerfBuffer) {
  Load();
  world_.clock().Set(std::chrono::seconds(5));
  EXPECT_THAT(Run("report"), Returns(kTcRedirect));
  const std::vector<sample> ring = object_.ring<sample>("ring").Take();
  ASSERT_THAT(ring, SizeIs(1));
  EXPECT_EQ(ring[0].pid, 5u);
  EXPECT_STREQ(ring[0].comm, "fixed");
  const std::vector<sample> perf = object_.ring<sample>("samples").Take();
  ASSERT_THAT(perf, SizeIs(1));
  EXPECT_EQ(perf[0].pid, 5u);
  EXPECT_THAT(object_.ring<sample>("ring").Take(), IsEmpty());
}

TEST_F(ObjectTest, WorldKeepsWhatIsPrintedAndSent) {
  Load();
  EXPECT_THAT(Run("report", 1), Returns(kTcRedirect));
  EXPECT_THAT(world_.printed, ElementsAre("cpu 0"));
  ASSERT_THAT(world_.cloned, SizeIs(1));
  EXPECT_EQ(world_.cloned[0].index, 5u);
  EXPECT_THAT(world_.cloned[0].data, IsPacket(packet_));
  ASSERT_THAT(world_.redirected, SizeIs(1));
  EXPECT_EQ(world_.redirected[0].index, 3u);
}

TEST_F(ObjectTest, NthUpdateFails) {
  Load();
  world_.Fail(kMapUpdateElem, 2, Errno::k2Big, "counts");
  EXPECT_THAT(Run("count", 1), Returns(0));
  EXPECT_THAT(Run("count", 2), Returns(-1));
  EXPECT_THAT(Run("count", 2), Returns(0));
}

TEST_F(ObjectTest, LookupThatFailsIsNull) {
  Load();
  world_.Fail(kMapLookupElem, 1, Errno::kNoEnt);
  EXPECT_THAT(Run("read_inner", 2), Returns(-1));
}

TEST_F(ObjectTest, MapOfALongNameFails) {
  Load();
  world_.Fail(kMapLookupElem, 1, Errno::kNoEnt, "map_of_a_long_name");
  EXPECT_THAT(Run("read_long_name"), Returns(0));
  EXPECT_THAT(Run("read_long_name"), Returns(1));
}

TEST_F(ObjectTest, HelperOfTheTestAnswers) {
  Load();
  world_.OnHelper(kMapUpdateElem,
                  [](HelperCall&) { return Minus(Errno::kNoMem); });
  EXPECT_THAT(Run("count", 1), Returns(-1));
  EXPECT_EQ((object_.map<uint32_t, uint64_t>("counts").size()), 0u);
}

TEST_F(ObjectTest, FunctionOfTheKernelIsTheTests) {
  Load();
  EXPECT_THAT(Run("call_kernel", 40),
              Faults(HasSubstr("calls bpf_sum(), which is absent")));
  world_.OnKernelFunction("bpf_sum", [](HelperCall& call) {
    return call.number(1) + call.number(2);
  });
  const ProgramResult result = Run("call_kernel", 40);
  EXPECT_THAT(result, Returns(42));
  EXPECT_THAT(result.path, HasSubstr("bpf_sum(40, 2) = 42"));
}

TEST_F(ObjectTest, FaultNamesLineAndTellsPath) {
  Load();
  const ProgramResult result = object_.program("too_far").Run(packet_);
  EXPECT_THAT(result, Faults(HasSubstr("1 past data_end")));
  EXPECT_THAT(result.fault, HasSubstr("object_test.bpf.c:"));
  EXPECT_THAT(result.path, HasSubstr("return *(__u16 *)(data + 62)"));
  EXPECT_EQ(result.error, Errno::kFault);
}

TEST_F(ObjectTest, PathHasLinesCallsAndChanges) {
  Load();
  Run("count", 7);
  const std::string path = Run("count", 7).path;
  EXPECT_THAT(path, HasSubstr("bpf_map_lookup_elem(counts, 7) = 1"));
  EXPECT_THAT(path, HasSubstr("value of counts = 2"));
  EXPECT_THAT(path, HasSubstr("returns 0"));
  EXPECT_THAT(Run("variables").path, HasSubstr("runs = 1"));
  EXPECT_THAT(Run("jump", 1).path, AllOf(HasSubstr("bpf_tail_call()\n"),
                                         HasSubstr("goes on with tail:")));
  object_.KeepPaths(false);
  EXPECT_EQ(Run("count", 7).path, "");
}

TEST_F(ObjectTest, PathHasNoBytesAfterARecord) {
  Load();
  const ProgramResult result = Run("submit_end");
  EXPECT_THAT(result, Faults(HasSubstr("bpf_ringbuf_submit")));
  EXPECT_THAT(result.path, HasSubstr("bpf_ringbuf_submit(0x"));
}

TEST_F(ObjectTest, FailingTestPrintsPath) {
  Load();
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(Run("count", 1), Returns(1)),
                          "bpf_map_update_elem(counts, 1, 1, 1) = 0");
}

// Wrong use fails the test with a sentence.

TEST_F(ObjectTest, TypeOfOtherLayoutIsRefusedWithBoth) {
  struct Wrong {
    uint32_t limit;
    uint32_t weights[4];
    char name[12];
  };
  static_assert(sizeof(Wrong) == sizeof(settings));
  EXPECT_NONFATAL_FAILURE(object_.Get<Wrong>("settings"),
                          "struct settings has 32 bytes");
  EXPECT_NONFATAL_FAILURE(object_.Get<Wrong>("settings"), "0  __u64 limit");
  EXPECT_NONFATAL_FAILURE(object_.Get<Wrong>("settings"),
                          "0  a number of 4 bytes");
  EXPECT_NONFATAL_FAILURE(object_.Set("step", int64_t{1}),
                          "the C++ type has 8");
  Load();
  EXPECT_NONFATAL_FAILURE((object_.map<uint64_t, uint64_t>("counts")),
                          "key of map counts");
  EXPECT_NONFATAL_FAILURE((object_.map<uint32_t, double>("counts")),
                          "a floating-point number of 8 bytes");
}

TEST_F(ObjectTest, BytesMayStandForAnything) {
  Load();
  object_.map<Ipv4, uint64_t>("counts").Set("10.0.0.1", 1);
  EXPECT_THAT(object_.Get<Ipv4>("first"), Ne(Ipv4()));
}

TEST_F(ObjectTest, NameThatThereIsNotIsSaid) {
  EXPECT_NONFATAL_FAILURE(object_.Set("burst", 1), "it has: settings, step");
  EXPECT_NONFATAL_FAILURE(object_.program("count").Run(packet_),
                          "before Load()");
  Load();
  EXPECT_NONFATAL_FAILURE((object_.map<int, int>("rules")), "counts");
  EXPECT_NONFATAL_FAILURE(object_.program("drop").Run(packet_), "variables");
  EXPECT_NONFATAL_FAILURE(object_.program("not_loaded").Run(packet_), "'?'");
  EXPECT_NONFATAL_FAILURE(object_.ring<sample>("counts").Take(), "is no ring");
  EXPECT_NONFATAL_FAILURE(object_.Set("step", int32_t{1}), "is const");
}

TEST_F(ObjectTest, RecordOfOtherSizeIsRefused) {
  Load();
  Run("report");
  EXPECT_NONFATAL_FAILURE(object_.ring<uint32_t>("ring").Take(),
                          "has 24 bytes, and the type given has 4");
}

TEST_F(ObjectTest, RecordsOfAnySizeAreTakenAsBytes) {
  Load();
  Run("report");
  const auto records = object_.ring<std::string>("ring").Take();
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].size(), sizeof(sample));
}

TEST_F(ObjectTest, FullMapRefusesWithSentence) {
  object_.SetMaxEntries("counts", 1);
  Load();
  auto counts = object_.map<uint32_t, uint64_t>("counts");
  counts.Set(1, 1);
  EXPECT_NONFATAL_FAILURE(counts.Set(2, 1), "E2BIG");
  EXPECT_NONFATAL_FAILURE(counts.Get(2), "ENOENT");
}

TEST(ObjectOpen, FileThatIsNoObjectIsRefused) {
  EXPECT_THAT(Object::Open("no/such.bpf.o").status().message(),
              "no/such.bpf.o: there is no such file");
  EXPECT_THAT(std::string(Object::Open("/proc/self/exe").status().message()),
              HasSubstr("another processor than BPF"));
}

TEST(ObjectOpen, FolderIsRefused) {
  EXPECT_EQ(Object::Open("programs").status().code(),
            absl::StatusCode::kNotFound);
}

TEST(ObjectOpen, ObjectThatDidNotLoadDoesNotLoadAgain) {
  Object object = Object::Open(kPath).value();
  object.SetMaxEntries("per_cpu", 0);
  EXPECT_EQ(object.Load().code(), absl::StatusCode::kInvalidArgument);
  object.SetMaxEntries("per_cpu", 1);
  EXPECT_EQ(object.Load().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ObjectThreads, WorldsDoNotMeet) {
  std::vector<std::thread> threads;
  for (int i = 1; i <= 4; ++i) {
    threads.emplace_back([i] {
      World world;
      world.clock().Set(std::chrono::seconds(i));
      Object object = Object::Open(kPath).value();
      EXPECT_OK(object.Load());
      object.program("report").Run(Packet::Ethernet());
      const auto events = object.ring<sample>("ring").Take();
      ASSERT_THAT(events, SizeIs(1));
      EXPECT_EQ(events[0].pid, static_cast<uint32_t>(i));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A thread without a World gets one of the object's, which outlives the thread
// and is the current one of none.
TEST(ObjectThreads, OneObjectRunsInThreadsWithoutWorld) {
  Object object = Object::Open(kPath).value();
  ASSERT_OK(object.Load());
  object.KeepPaths(false);
  const auto run = [](ObjectProgram program) {
    for (int i = 0; i < 10; ++i) {
      EXPECT_THAT(program.Run(Packet::Ethernet()), Returns(kTcRedirect));
    }
    EXPECT_EQ(World::Current(), nullptr);
  };
  run(object.program("report"));
  std::thread(run, object.program("report")).join();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(run, object.program("report"));
  }
  run(object.program("report"));
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(object.ring<sample>("ring").Take(), SizeIs(70));
}

TEST(ObjectThreads, ObjectEndsInOtherThread) {
  {
    Object object = Object::Open(kPath).value();
    ASSERT_OK(object.Load());
    EXPECT_TRUE(object.program("version").Run(Packet::Ethernet()).ok());
    std::thread([ended = std::move(object)] {}).join();
  }
  World world;
  EXPECT_EQ(World::Current(), &world);
}

}  // namespace
}  // namespace bpfmap
