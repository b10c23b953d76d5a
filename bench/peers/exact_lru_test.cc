// SPDX-License-Identifier: Apache-2.0

#include "bench/peers/exact_lru.h"

#include <initializer_list>
#include <string>

#include "gtest/gtest.h"

namespace bpfmap::bench {
namespace {

// The keys of 0 to 9 that are there, which are looked up in this order.
std::string KeysOf(ExactLru<int, int>& map) {
  std::string keys;
  int value;
  for (int key = 0; key < 10; ++key) {
    if (!map.Lookup(key, &value)) continue;
    EXPECT_EQ(value / 10, key);
    keys += static_cast<char>('0' + key);
  }
  return keys;
}

// Each key with its own value.
void Insert(ExactLru<int, int>& map, std::initializer_list<int> keys) {
  for (const int key : keys) map.Update(key, 10 * key);
}

TEST(ExactLruTest, AnInsertEvictsTheOldest) {
  ExactLru<int, int> map(3);
  Insert(map, {1, 2, 3, 4});
  EXPECT_EQ(KeysOf(map), "234");
  Insert(map, {5, 6});
  EXPECT_EQ(KeysOf(map), "456");
}

TEST(ExactLruTest, ALookupRefreshes) {
  ExactLru<int, int> map(3);
  Insert(map, {1, 2, 3});
  int value;
  EXPECT_TRUE(map.Lookup(1, &value));
  EXPECT_EQ(value, 10);
  Insert(map, {4});
  EXPECT_EQ(KeysOf(map), "134");
}

TEST(ExactLruTest, AMissRefreshesNothing) {
  ExactLru<int, int> map(2);
  Insert(map, {1, 2});
  int value = 7;
  EXPECT_FALSE(map.Lookup(3, &value));
  EXPECT_EQ(value, 7);
  Insert(map, {4});
  EXPECT_EQ(KeysOf(map), "24");
}

TEST(ExactLruTest, AReplaceRefreshesAndEvictsNothing) {
  ExactLru<int, int> map(3);
  Insert(map, {1, 2, 3});
  map.Update(1, 11);
  int value;
  EXPECT_TRUE(map.Lookup(1, &value));
  EXPECT_EQ(value, 11);
  EXPECT_EQ(KeysOf(map), "123");
  map.Update(1, 12);
  Insert(map, {4});
  EXPECT_EQ(KeysOf(map), "134");
}

TEST(ExactLruTest, ADeleteMakesRoom) {
  ExactLru<int, int> map(2);
  Insert(map, {1, 2});
  EXPECT_TRUE(map.Delete(2));
  EXPECT_FALSE(map.Delete(2));
  Insert(map, {3});
  EXPECT_EQ(KeysOf(map), "13");
}

TEST(ExactLruTest, OneEntryIsEnough) {
  ExactLru<int, int> map(1);
  Insert(map, {1, 2});
  EXPECT_EQ(KeysOf(map), "2");
}

TEST(ExactLruTest, ThereAreNeverMoreThanMaxEntries) {
  ExactLru<int, int> map(5);
  for (int step = 0; step < 100; ++step) {
    Insert(map, {step * 7 % 10});
    EXPECT_EQ(KeysOf(map).size(), step < 5 ? step + 1u : 5u) << step;
  }
}

}  // namespace
}  // namespace bpfmap::bench
