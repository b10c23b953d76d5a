// Descriptors and ids of maps.

#include "bpfmap/maps/open_maps.h"

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

TEST(OpenMapsTest, ADescriptorIsTheLowestThatIsFree) {
  OpenMaps open_maps;
  const uint32_t first = open_maps.Open(NewMap());
  EXPECT_EQ(first, 3u);
  EXPECT_EQ(open_maps.Open(NewMap()), first + 1);
  EXPECT_EQ(open_maps.Open(NewMap()), first + 2);
  EXPECT_EQ(open_maps.Close(first + 1), Errno::kOk);
  EXPECT_EQ(open_maps.Open(NewMap()), first + 1);
  EXPECT_EQ(open_maps.Open(NewMap()), first + 3);
}

TEST(OpenMapsTest, WhatIsNotOpenIsBadF) {
  OpenMaps open_maps;
  NumberedMap found;
  EXPECT_EQ(open_maps.Find(3, &found), Errno::kBadF);
  EXPECT_EQ(open_maps.Close(3), Errno::kBadF);
  const uint32_t fd = open_maps.Open(NewMap());
  EXPECT_EQ(open_maps.Find(fd, &found), Errno::kOk);
  EXPECT_EQ(open_maps.Close(fd), Errno::kOk);
  EXPECT_EQ(open_maps.Close(fd), Errno::kBadF);
}

TEST(OpenMapsTest, ADescriptorKeepsAMapAliveAndAnIdDoesNot) {
  OpenMaps open_maps;
  std::shared_ptr<LocalMap> map = NewMap();
  const std::weak_ptr<LocalMap> seen = map;
  const uint32_t fd = open_maps.Open(std::move(map));
  uint32_t id;
  {
    NumberedMap found;
    ASSERT_EQ(open_maps.Find(fd, &found), Errno::kOk);
    id = found.id;
  }
  EXPECT_NE(open_maps.FindById(id), nullptr);
  EXPECT_EQ(open_maps.Close(fd), Errno::kOk);
  EXPECT_TRUE(seen.expired());
  EXPECT_EQ(open_maps.FindById(id), nullptr);
}

TEST(OpenMapsTest, AnIdIsAMapsOwnAndNeverComesBack) {
  OpenMaps open_maps;
  const std::shared_ptr<LocalMap> map = NewMap();
  const auto id_of = [&](uint32_t fd) {
    NumberedMap found;
    EXPECT_EQ(open_maps.Find(fd, &found), Errno::kOk);
    return found.id;
  };
  const uint32_t first = open_maps.Open(map);
  const uint32_t second = open_maps.Open(map);
  EXPECT_NE(first, second);
  EXPECT_EQ(id_of(first), id_of(second));
  uint32_t last = id_of(first);
  for (int i = 0; i < 10; ++i) {
    const uint32_t fd = open_maps.Open(NewMap());
    EXPECT_GT(id_of(fd), last);
    last = id_of(fd);
    EXPECT_EQ(open_maps.Close(fd), Errno::kOk);
  }
}

}  // namespace
}  // namespace bpfmap
