// SPDX-License-Identifier: Apache-2.0

// The keys that an LRU map keeps: golden/lru_survivors.tsv holds, for 16 sizes,
// two kinds of maps and eight ways to use them, the keys that Linux 6.18 kept
// on a machine with two CPUs, one of them used. Maps with values for each CPU
// keep the same ones, unless present keys are updated.

#include <cstdint>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/lru_per_cpu_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

constexpr int kCpus = 2;

// A scenario, as the file names it.
struct Scenario {
  absl::string_view name;
  // Called before key `k` is inserted into a map of `size` elements.
  void (*before)(LocalMap& map, uint32_t size, uint32_t k);
  void (*insert)(LocalMap& map, uint32_t k);
};

void LookUp(LocalMap& map, uint32_t end, uint32_t step) {
  for (uint32_t key = 0; key < end; key += step) map.LookupElem(&key);
}
void Nothing(LocalMap&, uint32_t, uint32_t) {}
void InsertAsUser(LocalMap& map, uint32_t k) {
  const uint64_t value[kCpus] = {k, k};
  EXPECT_EQ(map.Update(&k, value), Errno::kOk);
}
void InsertAsProgram(LocalMap& map, uint32_t k) {
  const uint64_t value = k;
  EXPECT_EQ(map.UpdateElem(&k, &value, kAny), Errno::kOk);
}

const Scenario kScenarios[] = {
    {"insert only", Nothing, InsertAsUser},
    {"program looks up keys 0..9 before each insert",
     [](LocalMap& map, uint32_t, uint32_t) { LookUp(map, 10, 1); },
     InsertAsUser},
    {"program looks up even keys once at size/2 and at size",
     [](LocalMap& map, uint32_t size, uint32_t k) {
       if (k == size / 2 || k == size) LookUp(map, k, 2);
     },
     InsertAsUser},
    {"program looks up all once at size",
     [](LocalMap& map, uint32_t size, uint32_t k) {
       if (k == size) LookUp(map, k, 1);
     },
     InsertAsUser},
    {"system call looks up keys 0..9 before each insert",
     [](LocalMap& map, uint32_t, uint32_t) {
       uint64_t value[kCpus];
       for (uint32_t key = 0; key < 10; ++key) (void)map.Lookup(&key, value);
     },
     InsertAsUser},
    {"delete keys 0,3,6.. at size, then insert",
     [](LocalMap& map, uint32_t size, uint32_t k) {
       if (k != size) return;
       for (uint32_t key = 0; key < size; key += 3) (void)map.Delete(&key);
     },
     InsertAsUser},
    {"update key 0 before each insert",
     [](LocalMap& map, uint32_t, uint32_t k) {
       if (k != 0) InsertAsUser(map, 0);
     },
     InsertAsUser},
    {"inserted by a program", Nothing, InsertAsProgram},
};

// The keys below `end` that are in the map, as the file writes them.
std::string Survivors(LocalMap& map, uint32_t end) {
  std::string ranges;
  uint32_t count = 0;
  const auto has = [&](uint32_t key) {
    uint64_t value[kCpus];
    return key < end && map.Lookup(&key, value) == Errno::kOk;
  };
  for (uint32_t first = 0; first < end; ++first) {
    if (!has(first)) continue;
    uint32_t last = first;
    while (has(last + 1)) ++last;
    absl::StrAppend(&ranges, ranges.empty() ? "" : ",", first);
    if (last != first) absl::StrAppend(&ranges, "-", last);
    count += last - first + 1;
    first = last;
  }
  return absl::StrCat(ranges.empty() ? "(none)" : ranges, "\t", count);
}

template <typename Map>
class LruSurvivorsTest : public testing::Test {
 protected:
  static constexpr bool kPerCpu = std::is_same_v<Map, LruPerCpuHashMap<Cloud>>;

  const ScopedPossibleCpus cpus_{kCpus};
};

using Maps = testing::Types<LruHashMap<Cloud>, LruPerCpuHashMap<Cloud>>;
TYPED_TEST_SUITE(LruSurvivorsTest, Maps);

// Goes through the file with one map at a time, as it was made.
TYPED_TEST(LruSurvivorsTest, AreLinuxsKeyForKey) {
  std::ifstream file("tests/contract/golden/lru_survivors.tsv");
  ASSERT_TRUE(file.is_open());
  std::string line, map_is_for;
  std::getline(file, line);  // the names of the columns
  std::unique_ptr<TypeParam> map;
  const Scenario* scenario = nullptr;
  uint32_t inserted = 0;
  int rows = 0;
  for (; std::getline(file, line); ++rows) {
    const std::vector<std::string> row = absl::StrSplit(line, '\t');
    ASSERT_EQ(row.size(), 6u) << line;
    uint32_t size, end;
    ASSERT_TRUE(absl::SimpleAtoi(row[0], &size));
    ASSERT_TRUE(absl::SimpleAtoi(row[3], &end));
    if (this->kPerCpu && row[2] == "update key 0 before each insert") continue;
    const std::string wanted = absl::StrCat(row[0], row[1], row[2]);
    if (wanted != map_is_for) {
      map_is_for = wanted;
      inserted = 0;
      scenario = nullptr;
      for (const Scenario& candidate : kScenarios) {
        if (candidate.name == row[2]) scenario = &candidate;
      }
      ASSERT_NE(scenario, nullptr) << line;
      map = std::make_unique<TypeParam>(MapDef{
          .type = this->kPerCpu ? MapType::kLruPerCpuHash : MapType::kLruHash,
          .key_size = 4,
          .value_size = 8,
          .max_entries = size,
          .map_flags = row[1] == "NO_COMMON_LRU" ? kNoCommonLru : MapFlags{}});
      ASSERT_EQ(map->Init(), Errno::kOk);
    }
    for (; inserted < end; ++inserted) {
      const ScopedCpu cpu(0);
      scenario->before(*map, size, inserted);
      scenario->insert(*map, inserted);
    }
    EXPECT_EQ(Survivors(*map, end + 1), absl::StrCat(row[4], "\t", row[5]))
        << line;
  }
  EXPECT_EQ(rows, 4032);
}

}  // namespace
}  // namespace bpfmap
