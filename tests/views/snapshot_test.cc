// SPDX-License-Identifier: Apache-2.0

// Snapshots of the test kit: what they hold, how they and maps are shown, and
// what a difference looks like.

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/lpm_key.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/program_map.h"
#include "bpfmap/maps/testing.h"
#include "bpfmap/maps/typed_map.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using ::testing::DescribeMatcher;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::PrintToString;

std::shared_ptr<LocalMap> Make(MapType type, uint32_t max_entries = 16,
                               MapFlags map_flags = {}) {
  return *CreateMap({.type = type,
                     .key_size = 4,
                     .value_size = 8,
                     .max_entries = max_entries,
                     .map_flags = map_flags,
                     .name = "counts"});
}

void Put(LocalMap& map, uint32_t key, uint64_t value) {
  ASSERT_THAT(map.Update(&key, &value), IsOk());
}

TEST(SnapshotTest, IsSortedByKey) {
  const auto map = Make(MapType::kHash);
  for (const uint32_t key : {300, 1, 20}) Put(*map, key, key + 1);
  const MapSnapshot snapshot = Snapshot(*map);
  EXPECT_EQ(snapshot.entries().size(), 3u);
  EXPECT_EQ(snapshot.error(), Errno::kOk);
  EXPECT_EQ(snapshot.ToString(),
            "HASH map \"counts\" with 3 of 16 entries\n"
            "  1: 2\n"
            "  20: 21\n"
            "  300: 301");
}

TEST(SnapshotTest, OutlivesItsMap) {
  auto map = Make(MapType::kHash);
  Put(*map, 1, 2);
  const MapSnapshot snapshot = Snapshot(*map);
  map.reset();
  EXPECT_THAT(snapshot.ToString(), EndsWith("\n  1: 2"));
}

TEST(SnapshotTest, IsSameThroughEachWayToMap) {
  const auto map = Make(MapType::kHash);
  Put(*map, 1, 2);
  const MapSnapshot snapshot = Snapshot(*map);
  EXPECT_EQ(Snapshot(map), snapshot);
  EXPECT_EQ(Snapshot(map.get()), snapshot);
  EXPECT_EQ(Snapshot(*TypedMap<uint32_t, uint64_t>::Create(map.get())),
            snapshot);
  EXPECT_EQ(Snapshot(*ProgramMap<uint32_t, uint64_t>::Create(map.get())),
            snapshot);
}

TEST(SnapshotTest, DiffOfEqualMapsIsEmpty) {
  const auto map = Make(MapType::kHash);
  Put(*map, 1, 2);
  EXPECT_EQ(Diff(Snapshot(*map), Snapshot(*map)), "");
}

TEST(SnapshotTest, DiffHasLineForEachKey) {
  const auto map = Make(MapType::kHash);
  for (const uint32_t key : {1, 2, 4}) Put(*map, key, key * 10);
  const MapSnapshot before = Snapshot(*map);
  const uint32_t two = 2;
  ASSERT_THAT(map->Delete(&two), IsOk());
  Put(*map, 1, 11);
  Put(*map, 3, 30);
  Put(*map, 5, 50);
  EXPECT_EQ(Diff(before, Snapshot(*map)),
            "HASH map \"counts\": 2 added, 1 removed, 1 changed\n"
            "  ~ 1: 10 -> 11\n"
            "  - 2: 20\n"
            "  + 3: 30\n"
            "  + 5: 50");
}

TEST(SnapshotTest, IsUnchangedSinceShowsDiff) {
  const auto map = Make(MapType::kHash);
  Put(*map, 1, 10);
  const MapSnapshot before = Snapshot(*map);
  EXPECT_THAT(*map, IsUnchangedSince(before));
  Put(*map, 1, 11);
  EXPECT_THAT(*map, Not(IsUnchangedSince(before)));
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(*map, IsUnchangedSince(before)),
                          "Expected: has the entries that it had\n"
                          "  Actual: HASH map \"counts\" with 1 of 16 "
                          "entries\n"
                          "  1: 11 (of type bpfmap::LocalMap), in which:\n"
                          "HASH map \"counts\": 0 added, 0 removed, 1 "
                          "changed\n"
                          "  ~ 1: 10 -> 11");
}

TEST(SnapshotTest, TwoMapsAreCompared) {
  const auto hash = Make(MapType::kHash, 4);
  const auto array = Make(MapType::kArray, 2);
  Put(*hash, 0, 5);
  Put(*array, 0, 5);
  EXPECT_THAT(*array, Not(HasSameEntriesAs(*hash)));
  Put(*hash, 1, 0);
  EXPECT_THAT(*array, HasSameEntriesAs(*hash));
  Put(*array, 1, 7);
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(array, HasSameEntriesAs(hash)),
                          "ARRAY map \"counts\": 0 added, 0 removed, 1 "
                          "changed\n  ~ 1: 0 -> 7");
  EXPECT_EQ(DescribeMatcher<LocalMap*>(HasSameEntriesAs(hash)),
            "has the entries of the HASH map \"counts\" with 2 of 4 entries\n"
            "  0: 5\n"
            "  1: 0");
}

TEST(SnapshotTest, MapWithoutRightToReadSaysSo) {
  const auto map = Make(MapType::kHash, 16, kWrOnly);
  const MapSnapshot snapshot = Snapshot(*map);
  EXPECT_EQ(snapshot.error(), Errno::kPerm);
  EXPECT_EQ(snapshot.ToString(),
            "HASH map \"counts\" with 0 of 16 entries (then EPERM)");
  const auto other = Make(MapType::kHash);
  EXPECT_EQ(Diff(Snapshot(*other), snapshot),
            "HASH map \"counts\": 0 added, 0 removed, 0 changed; reading ended "
            "with OK, then with EPERM");
}

TEST(SnapshotTest, MapWithoutKeysSaysSo) {
  const auto queue =
      *CreateMap({.type = MapType::kQueue, .value_size = 4, .max_entries = 2});
  EXPECT_EQ(Snapshot(*queue).ToString(),
            "QUEUE map with 0 of 2 entries (then EINVAL)");
}

TEST(SnapshotTest, EmptyPlacesAreLeftOut) {
  const auto map = *CreateMap({.type = MapType::kProgArray,
                               .key_size = 4,
                               .value_size = 4,
                               .max_entries = 3});
  EXPECT_EQ(Snapshot(*map).ToString(), "PROG_ARRAY map with 0 of 3 entries");
}

TEST(SnapshotTest, LongMapIsShownInPart) {
  const auto map = Make(MapType::kArray, 100);
  EXPECT_THAT(Snapshot(*map).ToString(), EndsWith("\n  63: 0\n  and 36 more"));
}

TEST(SnapshotTest, TakingOneIsNoUseOfLruElement) {
  LruHashMap<Cloud> map({.type = MapType::kLruHash,
                         .key_size = 4,
                         .value_size = 8,
                         .max_entries = 4},
                        {.order = LruOrder::kStrict});
  ASSERT_EQ(map.Init(), Errno::kOk);
  for (const uint32_t key : {1, 2, 3, 4}) Put(map, key, 0);
  const uint32_t one = 1;
  ASSERT_NE(map.LookupElem(&one), nullptr);  // a use
  const MapSnapshot before = Snapshot(map);
  Put(map, 5, 0);
  EXPECT_THAT(Diff(before, Snapshot(map)), HasSubstr("\n  - 2: 0"));
}

TEST(SnapshotTest, PrefixesAndBytesHaveTheirText) {
  const auto trie = *CreateMap({.type = MapType::kLpmTrie,
                                .key_size = 8,
                                .value_size = 3,
                                .max_entries = 4,
                                .map_flags = kNoPrealloc});
  const auto prefix = LpmKey<4>::Parse("10.0.0.0/8").value();
  ASSERT_THAT(trie->Update(&prefix, "\x01\x02\x03"), IsOk());
  EXPECT_THAT(Snapshot(*trie).ToString(), EndsWith("\n  10.0.0.0/8: 0x010203"));
}

TEST(SnapshotTest, PartsOfCpusAreInBrackets) {
  const ScopedPossibleCpus cpus(3);
  const auto map = Make(MapType::kPerCpuHash);
  const ScopedCpu cpu(1);
  const uint32_t key = 7;
  const uint64_t value = 5;
  ASSERT_THAT(map->UpdateElem(&key, &value, kAny), IsOk());
  EXPECT_THAT(Snapshot(*map).ToString(), EndsWith("\n  7: [0, 5, 0]"));
}

struct Port {
  uint32_t number;
  friend void PrintTo(const Port& port, std::ostream* out) {
    *out << "port " << port.number;
  }
};

TEST(SnapshotTest, TypedViewIsShownByPrintersOfItsTypes) {
  const auto map = Make(MapType::kHash);
  Put(*map, 80, 1);
  EXPECT_THAT(Snapshot(*TypedMap<Port, uint64_t>::Create(map.get())).ToString(),
              EndsWith("\n  port 80: 1"));
  EXPECT_THAT(
      Snapshot(*ProgramMap<Port, uint64_t>::Create(map.get())).ToString(),
      EndsWith("\n  port 80: 1"));
}

TEST(PrintMapTest, MapsAndViewsAreShownWithTheirEntries) {
  const auto map = CreateMap<HashMap>({.type = MapType::kHash,
                                       .key_size = 4,
                                       .value_size = 8,
                                       .max_entries = 16,
                                       .name = "counts"});
  HashMap<Cloud>& hash = **map;
  Put(hash, 1, 2);
  const std::string text = "HASH map \"counts\" with 1 of 16 entries\n  1: 2";
  EXPECT_EQ(PrintToString(hash), text);
  LocalMap& local = hash;
  EXPECT_EQ(PrintToString(local), text);
  EXPECT_EQ(PrintToString(*TypedMap<uint32_t, uint64_t>::Create(&hash)), text);
  EXPECT_EQ(PrintToString(*ProgramMap<uint32_t, uint64_t>::Create(&hash)),
            text);
  EXPECT_THAT(PrintToString(std::shared_ptr<LocalMap>(Make(MapType::kHash))),
              HasSubstr("HASH map \"counts\" with 0 of 16 entries"));
}

}  // namespace
}  // namespace bpfmap
