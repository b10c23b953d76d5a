// SPDX-License-Identifier: Apache-2.0
//
// Finds the races of race.bpf.c, and none where they are repaired.
//
// Each test runs two programs on two CPUs, in every order of their accesses to
// maps that two preemptions make. It prints the schedule that a race needs, by
// lines of race.bpf.c. See docs/races.md.

#include "examples/race.h"

#include <linux/bpf.h>

#include <cstdint>
#include <functional>
#include <iostream>
#include <string>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/programs/interleave.h"
#include "bpfmap/programs/testing.h"
#include "gtest/gtest.h"

namespace {

using bpfmap::Errno;
using bpfmap::Interleave;
using bpfmap::InterleaveResult;

class RaceTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(object_.Load()); }

  uint64_t Get(const char* map, uint32_t key) {
    return object_.map<uint32_t, uint64_t>(map).Find(key).value_or(0);
  }
  void Set(const char* map, uint32_t key, uint64_t value) {
    object_.map<uint32_t, uint64_t>(map).Set(key, value);
  }

  // The result of the program goes to *returned.
  std::function<void()> RunOf(const std::string& name, uint32_t* returned) {
    return [this, name, returned] {
      *returned = object_.program(name).Run(packet_).retval;
    };
  }

  // `one` and `two` break the condition, and what they are repaired to does
  // not.
  void Check(const std::string& one, const std::string& two,
             const std::function<void()>& reset,
             const std::function<bool()>& holds) {
    const InterleaveResult race =
        Interleave({RunOf(one, &returned_[0]), RunOf(two, &returned_[1])},
                   {.reset = reset, .holds = holds});
    EXPECT_TRUE(race.broken) << race;
    std::cout << race;
    const InterleaveResult repaired =
        Interleave({RunOf(one + "_repaired", &returned_[0]),
                    RunOf(two + "_repaired", &returned_[1])},
                   {.reset = reset, .holds = holds});
    EXPECT_FALSE(repaired.broken) << repaired;
    EXPECT_TRUE(repaired.complete);
    std::cout << "Repaired: " << repaired;
  }

  bpfmap::Object object_ = bpfmap::Object::Open("examples/race.bpf.o").value();
  const bpfmap::Packet packet_ =
      bpfmap::Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1").Udp(53, 1024);
  uint32_t returned_[2] = {};
};

TEST_F(RaceTest, LostUpdate) {
  Check(
      "lost_update", "lost_update", [&] { Set("total", 0, 0); },
      [&] { return Get("total", 0) == 2; });
}

TEST_F(RaceTest, CheckThenInsert) {
  const auto reset = [&] {
    auto flows = object_.map<uint32_t, uint64_t>("flows");
    if (flows.Has(7)) flows.Erase(7);
  };
  Check("check_then_insert", "check_then_insert", reset,
        [&] { return Get("flows", 7) == 2; });
}

TEST_F(RaceTest, CheckOfOneMapForAnother) {
  const auto reset = [&] {
    Set("total", 0, 0);
    Set("tokens", 0, 1);
  };
  Check("two_maps", "two_maps", reset, [&] { return Get("total", 0) <= 1; });
}

TEST_F(RaceTest, TornRead) {
  const auto reset = [&] {
    object_.map<uint32_t, locked_account>("accounts").Set(0, {});
  };
  Check("torn_write", "torn_read", reset,
        [&] { return returned_[1] == XDP_PASS; });
}

TEST_F(RaceTest, TwoEventsOfOneNumber) {
  bpfmap::BpfMap* const events = object_.bpf_map("events");
  ASSERT_NE(events, nullptr);
  const auto pop = [&] {
    uint64_t number = UINT64_MAX;
    const Errno error = events->LookupAndDelete(nullptr, &number);
    EXPECT_EQ(error == Errno::kOk, number != UINT64_MAX);
    return number;
  };
  const auto reset = [&] {
    object_.Set("next_event", uint64_t{0});
    while (pop() != UINT64_MAX) continue;
  };
  Check("same_number", "same_number", reset, [&] { return pop() != pop(); });
}

}  // namespace
