// SPDX-License-Identifier: Apache-2.0
//
// Timers of an object on the clock of a test.

#include <linux/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using std::chrono::milliseconds, std::chrono::seconds;
using testing::Each, testing::ElementsAre, testing::HasSubstr, testing::IsEmpty;

struct Flow {
  __u64 packets;
  __u64 idle[2];
};

// A World in which what timers do wrong is no failure of the test.
class LenientWorld final : public World {
 public:
  void TimerFaulted(const std::string& sentence) override {
    timer_faults.push_back(sentence);
  }
};

class TimersTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(object_.Load()); }

  ProgramResult Run(const char* program, uint32_t mark) {
    const auto packet = Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1");
    return object_.program(program).Run(packet, Context().Set("mark", mark));
  }
  uint64_t Ticks(uint32_t index) {
    return Run("start_ticks", 7).ok()
               ? object_.map<uint32_t, Flow>("ticks").Get(index).packets
               : 0;
  }

  LenientWorld world_;
  Object object_ = Object::Open("programs/timers_test.bpf.o").value();
};

TEST_F(TimersTest, FiresWhenTheClockComesToIt) {
  world_.clock().Set(seconds(100));
  EXPECT_THAT(Run("count", 1), Returns(0));
  world_.clock().Advance(seconds(29));
  EXPECT_EQ(object_.Get<uint64_t>("ended_at"), 0u);
  EXPECT_THAT(Run("count", 1), Returns(0));  // starts it anew
  world_.clock().Advance(seconds(29));
  EXPECT_EQ(object_.Get<uint64_t>("ended_at"), 0u);
  world_.clock().Advance(seconds(29));
  EXPECT_EQ(object_.Get<uint64_t>("ended_at"), 159'000'000'000u);
  EXPECT_EQ(world_.clock().now(), 187'000'000'000u);
}

TEST_F(TimersTest, FiresInTheOrderOfTimes) {
  Run("count", 1);
  world_.clock().Advance(seconds(10));
  Run("count", 2);
  world_.clock().Set(seconds(1000));
  // That of flow 2 came last.
  EXPECT_EQ(object_.Get<uint64_t>("ended_at"), 41'000'000'000u);
}

TEST_F(TimersTest, StartsItselfAgain) {
  EXPECT_THAT(Run("start_ticks", 1), Returns(0));
  EXPECT_EQ(Ticks(1), 1u);  // it was due at once
  world_.clock().Advance(milliseconds(999));
  EXPECT_EQ(Ticks(1), 1u);
  world_.clock().Advance(milliseconds(1));
  EXPECT_EQ(Ticks(1), 2u);
  world_.clock().Advance(seconds(10));
  EXPECT_EQ(Ticks(1), 12u);
}

TEST_F(TimersTest, ClockThatRunsFiresWhatIsDue) {
  world_.clock().Run();
  EXPECT_THAT(Run("start_ticks", 1), Returns(0));
  EXPECT_GE(Ticks(1), 1u);
}

TEST_F(TimersTest, OneThatStartsItselfForNowDoesNotStopTheClock) {
  EXPECT_THAT(Run("start_ticks", 0), Returns(0));
  const uint64_t before = Ticks(0);
  EXPECT_GE(before, 1u);
  world_.clock().Advance(seconds(1));
  EXPECT_THAT(world_.timer_faults, ElementsAre(HasSubstr("1000000 times")));
  EXPECT_GE(Ticks(0), 1'000'000u);
}

TEST_F(TimersTest, EndsWithItsElement) {
  Run("count", 1);
  object_.map<uint32_t, Flow>("flows").Erase(1);
  Run("count", 2);
  object_.map<uint32_t, Flow>("flows").Set(2, {.packets = 5, .idle = {1, 1}});
  const Flow flow = object_.map<uint32_t, Flow>("flows").Get(2);
  EXPECT_THAT(flow.idle, Each(0u));
  world_.clock().Advance(seconds(60));
  EXPECT_EQ(object_.Get<uint64_t>("ended_at"), 0u);
}

TEST_F(TimersTest, EndsWithItsObject) {
  Run("count", 1);
  {
    Object other = Object::Open("programs/timers_test.bpf.o").value();
    ASSERT_OK(other.Load());
    other.Set("wrong", uint32_t{1});
    const auto packet = Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1");
    EXPECT_THAT(other.program("start_fault").Run(packet), Returns(0));
  }
  world_.clock().Advance(seconds(60));
  EXPECT_THAT(world_.timer_faults, IsEmpty());
  EXPECT_NE(object_.Get<uint64_t>("ended_at"), 0u);
}

TEST_F(TimersTest, FunctionIsWatched) {
  object_.Set("wrong", uint32_t{1});
  EXPECT_THAT(Run("start_fault", 0), Returns(0));
  world_.clock().Advance(seconds(1));
  EXPECT_THAT(world_.timer_faults, ElementsAre(HasSubstr("of the key of")));
  world_.timer_faults.clear();
  object_.Set("wrong", uint32_t{2});
  EXPECT_THAT(Run("start_fault", 0), Returns(0));
  world_.clock().Advance(seconds(1));
  EXPECT_THAT(world_.timer_faults,
              ElementsAre(HasSubstr("4 past the end of the key of map ticks")));
}

TEST_F(TimersTest, TimerIsNobodysToTouch) {
  EXPECT_THAT(Run("start_fault", 3).fault,
              HasSubstr("of the timer in the value of map ticks"));
  EXPECT_THAT(Run("start_fault", 4).fault,
              HasSubstr("not the map that the timer is in"));
  EXPECT_THAT(Run("start_fault", 5).fault,
              HasSubstr("no timer in the value of a map"));
}

class TimerSizesTest : public TimersTest,
                       public testing::WithParamInterface<const char*> {};

TEST_P(TimerSizesTest, FunctionIsGivenItsKey) {
  const std::string name = GetParam();
  for (const uint32_t mark : {3u, 5u}) {
    EXPECT_THAT(Run(("start_" + name).c_str(), mark), Returns(0));
  }
  world_.clock().Advance(seconds(1));
  for (const uint32_t mark : {3u, 5u}) {
    EXPECT_THAT(Run(("look_" + name).c_str(), mark), Returns(2 * mark));
  }
}

INSTANTIATE_TEST_SUITE_P(Maps, TimerSizesTest,
                         testing::Values("hash_1", "hash_12", "hash_8_large",
                                         "lru_1", "lru_5", "lru_8", "lru_12"),
                         [](const auto& info) {
                           return std::string(info.param);
                         });

}  // namespace
}  // namespace bpfmap
