// SPDX-License-Identifier: Apache-2.0

// Slots that are taken and given back, with memory that can grow and without.

#include "bpfmap/maps/internal/slot_freelist.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "bpfmap/profiles/heap.h"
#include "gtest/gtest.h"

namespace bpfmap::internal {
namespace {

constexpr uint64_t kSlotSize = 24;

TEST(SlotPoolTest, SlotThatWasGivenBackLastIsTakenFirst) {
  alignas(8) std::byte block[4 * kSlotSize] = {};
  Heap heap;
  SlotFreelist<Cloud> pool(heap);
  pool.Init(block, kSlotSize, 4);
  for (uint32_t slot = 1; slot <= 4; ++slot) {
    ASSERT_TRUE(pool.Reserve(1));
    EXPECT_EQ(pool.Take(), slot);
  }
  pool.GiveBack(2);
  pool.GiveBack(4);
  EXPECT_TRUE(pool.Reserve(2));
  EXPECT_EQ(pool.Take(), 4u);
  EXPECT_EQ(pool.Take(), 2u);
}

TEST(SlotPoolTest, FreeSlotKeepsItsBytesButForLink) {
  alignas(8) std::byte block[2 * kSlotSize] = {};
  Heap heap;
  SlotFreelist<Cloud> pool(heap);
  pool.Init(block, kSlotSize, 2);
  const uint32_t slot = pool.Take();
  std::memset(pool.At(slot), 0x5a, kSlotSize);
  pool.GiveBack(slot);
  for (std::size_t at = 4; at < kSlotSize; ++at) {
    EXPECT_EQ(pool.At(slot)[at], std::byte{0x5a});
  }
}

TEST(SlotPoolTest, WhereMemoryCannotGrowItEnds) {
  static Embedded::Memory memory;
  alignas(8) std::byte block[3 * kSlotSize] = {};
  SlotFreelist<Embedded> pool(memory);
  pool.Init(block, kSlotSize, 3);
  EXPECT_FALSE(pool.Reserve(4));
  ASSERT_TRUE(pool.Reserve(3));
  const uint32_t first = pool.Take();
  pool.Take();
  EXPECT_FALSE(pool.Reserve(2));
  pool.GiveBack(first);
  EXPECT_TRUE(pool.Reserve(2));
  EXPECT_EQ(memory.remaining(), Embedded::Memory::kTotalSize);
}

TEST(SlotPoolTest, WhereMemoryGrowsSlotsStayWhereTheyAre) {
  alignas(8) std::byte block[2 * kSlotSize] = {};
  Heap heap;
  SlotFreelist<Cloud> pool(heap);
  pool.Init(block, kSlotSize, 2);
  std::vector<std::byte*> places;
  std::set<std::byte*> different;
  for (uint32_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(pool.Reserve(2));
    const uint32_t slot = pool.Take();
    ASSERT_EQ(slot, i + 1);
    places.push_back(pool.At(slot));
    std::memset(places.back(), i % 256, kSlotSize);
    EXPECT_TRUE(different.insert(places.back()).second);
  }
  for (uint32_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(pool.At(i + 1), places[i]);
    EXPECT_EQ(pool.At(i + 1)[kSlotSize - 1], static_cast<std::byte>(i % 256));
  }
}

}  // namespace
}  // namespace bpfmap::internal
