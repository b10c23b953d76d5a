// SPDX-License-Identifier: Apache-2.0
//
// Arenas: pages come and go, and addresses of user space are cast.

#include "bpfmap/maps/arena_map.h"

#include <cstdint>
#include <cstring>

#include "bpfmap/maps/arena_pages.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

constexpr uint64_t kPage = ArenaMap<Cloud>::kPageSize;
constexpr uint64_t kAddress = uint64_t{1} << 44;
constexpr MapDef kDef{
    .type = MapType::kArena, .max_entries = 8, .map_flags = kMmapable};

MapDef At(uint64_t address) {
  MapDef def = kDef;
  def.map_extra = address;
  return def;
}

TEST(ArenaMapTest, AddressIsThatOfThisProcessUnlessItWasSaid) {
  ArenaMap<Cloud> anywhere(kDef);
  ASSERT_EQ(anywhere.Init(), Errno::kOk);
  EXPECT_EQ(anywhere.user_start(), anywhere.start());
  EXPECT_EQ(anywhere.start() % kPage, 0U);
  EXPECT_EQ(anywhere.ToLocal(anywhere.start() + 5), anywhere.start() + 5);
  EXPECT_EQ(anywhere.ToUser(anywhere.start() + 5), anywhere.start() + 5);

  ArenaMap<Cloud> map(At(kAddress));
  ASSERT_EQ(map.Init(), Errno::kOk);
  EXPECT_EQ(map.user_start(), kAddress);
  EXPECT_EQ(map.ToLocal(kAddress + 5), map.start() + 5);
  EXPECT_EQ(map.ToUser(map.start() + 5), kAddress + 5);
  EXPECT_EQ(map.ToLocal(map.start() + 5), map.start() + 5);
  EXPECT_EQ(map.ToLocal(5), map.start() + 5);  // the lower half of one
  EXPECT_EQ(map.ToLocal(0), 0U);
  EXPECT_EQ(map.ToUser(0), 0U);
}

TEST(ArenaMapTest, AllocatedPagesAreThereAndZero) {
  ArenaMap<Cloud> map(At(kAddress));
  ASSERT_EQ(map.Init(), Errno::kOk);
  EXPECT_FALSE(map.AreThere(0, 1));
  ASSERT_EQ(map.AllocatePages(0, 2), kAddress);
  EXPECT_TRUE(map.AreThere(0, 2 * kPage));
  EXPECT_FALSE(map.AreThere(0, 2 * kPage + 1));
  std::memset(map.Touch(0, 2 * kPage), 7, 2 * kPage);
  map.FreePages(kAddress, 2);
  EXPECT_FALSE(map.AreThere(0, 1));
  ASSERT_EQ(map.AllocatePages(kAddress, 1), kAddress);
  EXPECT_EQ(*static_cast<char*>(map.Touch(0, 1)), 0);
}

TEST(ArenaMapTest, PagesThatAreThereAreNotGivenAway) {
  ArenaMap<Cloud> map(At(kAddress));
  ASSERT_EQ(map.Init(), Errno::kOk);
  map.Touch(3 * kPage, 1);
  EXPECT_EQ(map.AllocatePages(kAddress + 2 * kPage, 2), 0U);
  EXPECT_EQ(map.AllocatePages(0, 5), 0U);
  EXPECT_EQ(map.AllocatePages(0, 4), kAddress + 4 * kPage);
  EXPECT_EQ(map.AllocatePages(0, 3), kAddress);
  EXPECT_EQ(map.AllocatePages(0, 1), 0U);
}

TEST(ArenaMapTest, AllocationRefusesWhatCannotBe) {
  ArenaMap<Cloud> map(At(kAddress));
  ASSERT_EQ(map.Init(), Errno::kOk);
  EXPECT_EQ(map.AllocatePages(0, 0), 0U);
  EXPECT_EQ(map.AllocatePages(0, 9), 0U);
  EXPECT_EQ(map.AllocatePages(kAddress + 8, 1), 0U);
  EXPECT_EQ(map.AllocatePages(kAddress + 8 * kPage, 1), 0U);
  EXPECT_EQ(map.AllocatePages(kAddress + 7 * kPage, 2), 0U);
  EXPECT_EQ(map.AllocatePages(1, 1), 0U);
}

TEST(ArenaMapTest, FreeingStopsAtTheEnd) {
  ArenaMap<Cloud> map(At(kAddress));
  ASSERT_EQ(map.Init(), Errno::kOk);
  ASSERT_EQ(map.AllocatePages(0, 8), kAddress);
  map.FreePages(kAddress + 6 * kPage, 0xffffffff);
  map.FreePages(kAddress + 8 * kPage, 1);
  map.FreePages(1, 1);
  EXPECT_TRUE(map.AreThere(kPage, 5 * kPage));
  EXPECT_FALSE(map.AreThere(6 * kPage, 1));
}

TEST(ArenaMapTest, FirstAddressOfUserSpaceCounts) {
  ArenaMap<Cloud> map(At(kAddress));
  ASSERT_EQ(map.Init(), Errno::kOk);
  map.SetUserStart(kAddress * 2);
  EXPECT_EQ(map.user_start(), kAddress);
}

}  // namespace
}  // namespace bpfmap
