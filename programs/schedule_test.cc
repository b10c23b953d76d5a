// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/schedule.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace bpfmap {
namespace {

// Plays runs of so many points each, and returns who went on, "0011".
std::string Play(ScheduleSearch* search, std::vector<int> points) {
  std::string order;
  int current = -1;
  while (true) {
    std::vector<int> ready;
    for (int run = 0; run < static_cast<int>(points.size()); ++run) {
      if (points[static_cast<std::size_t>(run)] > 0) ready.push_back(run);
    }
    if (ready.empty()) return order;
    current = search->Choose(ready, current);
    --points[static_cast<std::size_t>(current)];
    order += std::to_string(current);
  }
}

std::set<std::string> All(int max_preemptions, const std::vector<int>& points) {
  ScheduleSearch search(max_preemptions);
  std::set<std::string> orders;
  while (search.Next()) {
    EXPECT_TRUE(orders.insert(Play(&search, points)).second) << "twice";
    EXPECT_LE(search.preemptions(), max_preemptions);
  }
  EXPECT_FALSE(search.diverged());
  return orders;
}

TEST(ScheduleTest, WithoutPreemptionRunsFollowOneAnother) {
  EXPECT_EQ(All(0, {2, 2}), (std::set<std::string>{"0011", "1100"}));
  EXPECT_EQ(All(0, {1, 1, 1}).size(), 6U);
}

TEST(ScheduleTest, OnePreemption) {
  EXPECT_EQ(All(1, {2, 2}),
            (std::set<std::string>{"0011", "1100", "0110", "1001"}));
}

TEST(ScheduleTest, EnoughPreemptionsAreAllOrders) {
  EXPECT_EQ(All(100, {2, 2}).size(), 6U);      // 4! / 2! 2!
  EXPECT_EQ(All(100, {4, 4}).size(), 70U);     // 8! / 4! 4!
  EXPECT_EQ(All(100, {2, 2, 2}).size(), 90U);  // 6! / 2! 2! 2!
  EXPECT_EQ(All(100, {3}).size(), 1U);
}

TEST(ScheduleTest, ChoicesRepeatTheSchedule) {
  ScheduleSearch search(100);
  for (int i = 0; i < 17; ++i) {
    ASSERT_TRUE(search.Next());
    Play(&search, {4, 4});
  }
  ASSERT_TRUE(search.Next());
  const std::string order = Play(&search, {4, 4});
  ScheduleSearch other(0);
  other.StartWith(search.choices());
  EXPECT_EQ(Play(&other, {4, 4}), order);
  EXPECT_EQ(other.choices(), search.choices());
}

TEST(ScheduleTest, SaysThatRunsEndBeforeTheChoicesDo) {
  ScheduleSearch search(0);
  search.StartWith({0, 1, 0, 1, 0, 1, 0, 1});
  Play(&search, {2, 2});
  EXPECT_TRUE(search.diverged());
  ScheduleSearch other(0);
  other.StartWith(search.choices());
  Play(&other, {2, 2});
  EXPECT_FALSE(other.diverged());
}

TEST(ScheduleTest, SameSeedSameSchedule) {
  ScheduleSearch one(0), two(0);
  std::set<std::string> orders;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    one.StartRandom(seed);
    two.StartRandom(seed);
    const std::string order = Play(&one, {2, 2});
    EXPECT_EQ(order, Play(&two, {2, 2}));
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 6U);
}

TEST(ScheduleTest, SaysThatRunsAreNotTheSame) {
  ScheduleSearch search(1);
  ASSERT_TRUE(search.Next());
  Play(&search, {3, 3});
  ASSERT_TRUE(search.Next());
  Play(&search, {3, 1, 2});
  EXPECT_TRUE(search.diverged());
}

}  // namespace
}  // namespace bpfmap
