// SPDX-License-Identifier: Apache-2.0

// Descriptors and ids of maps.

#include "bpfmap/maps/map_fd_table.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

std::shared_ptr<LocalMap> NewMap() {
  return CreateMap({.type = MapType::kArray,
                    .key_size = 4,
                    .value_size = 8,
                    .max_entries = 1})
      .value();
}

TEST(MapFdTableTest, DescriptorIsLowestThatIsFree) {
  MapFdTable fd_table;
  const uint32_t first = fd_table.Open(NewMap());
  EXPECT_EQ(first, 3u);
  EXPECT_EQ(fd_table.Open(NewMap()), first + 1);
  EXPECT_EQ(fd_table.Open(NewMap()), first + 2);
  EXPECT_EQ(fd_table.Close(first + 1), Errno::kOk);
  EXPECT_EQ(fd_table.Open(NewMap()), first + 1);
  EXPECT_EQ(fd_table.Open(NewMap()), first + 3);
}

TEST(MapFdTableTest, ClosedDescriptorIsBadF) {
  MapFdTable fd_table;
  MapWithId found;
  EXPECT_EQ(fd_table.Find(3, &found), Errno::kBadF);
  EXPECT_EQ(fd_table.Close(3), Errno::kBadF);
  const uint32_t fd = fd_table.Open(NewMap());
  EXPECT_EQ(fd_table.Find(fd, &found), Errno::kOk);
  EXPECT_EQ(fd_table.Close(fd), Errno::kOk);
  EXPECT_EQ(fd_table.Close(fd), Errno::kBadF);
}

TEST(MapFdTableTest, DescriptorKeepsMapAliveAndIdDoesNot) {
  MapFdTable fd_table;
  std::shared_ptr<LocalMap> map = NewMap();
  const std::weak_ptr<LocalMap> seen = map;
  const uint32_t fd = fd_table.Open(std::move(map));
  uint32_t id;
  {
    MapWithId found;
    ASSERT_EQ(fd_table.Find(fd, &found), Errno::kOk);
    id = found.id;
  }
  EXPECT_NE(fd_table.FindById(id), nullptr);
  EXPECT_EQ(fd_table.Close(fd), Errno::kOk);
  EXPECT_TRUE(seen.expired());
  EXPECT_EQ(fd_table.FindById(id), nullptr);
}

TEST(MapFdTableTest, IdIsMapsOwnAndNeverComesBack) {
  MapFdTable fd_table;
  const std::shared_ptr<LocalMap> map = NewMap();
  const auto id_of = [&](uint32_t fd) {
    MapWithId found;
    EXPECT_EQ(fd_table.Find(fd, &found), Errno::kOk);
    return found.id;
  };
  const uint32_t first = fd_table.Open(map);
  const uint32_t second = fd_table.Open(map);
  EXPECT_NE(first, second);
  EXPECT_EQ(id_of(first), id_of(second));
  uint32_t last = id_of(first);
  for (int i = 0; i < 10; ++i) {
    const uint32_t fd = fd_table.Open(NewMap());
    EXPECT_GT(id_of(fd), last);
    last = id_of(fd);
    EXPECT_EQ(fd_table.Close(fd), Errno::kOk);
  }
}

}  // namespace
}  // namespace bpfmap
