// SPDX-License-Identifier: Apache-2.0

#include "bench/presets.h"

#include <tuple>

#include "absl/strings/match.h"
#include "bench/operations.h"
#include "bench/workload.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {
namespace {

struct Sizes {
  uint32_t key;
  uint32_t value;
};

constexpr MapType kMaps[] = {
    MapType::kHash,        MapType::kArray,       MapType::kLruHash,
    MapType::kPerCpuHash,  MapType::kPerCpuArray, MapType::kLpmTrie,
    MapType::kBloomFilter, MapType::kArrayOfMaps, MapType::kHashOfMaps,
    MapType::kQueue,       MapType::kStack,       MapType::kRingBuf};
constexpr uint32_t kSmallest = 1 << 10;
constexpr uint32_t kRingBytes = 1 << 21;  // KernelLoop::kTurns records, twice
constexpr int kThreads[] = {1, 2};
constexpr KeyPattern kPatterns[] = {KeyPattern::kUniform, KeyPattern::kZipf};
constexpr KeyPattern kAttacks[] = {
    KeyPattern::kUniform,     KeyPattern::kSequential,   KeyPattern::kMultiples,
    KeyPattern::kSameLowBits, KeyPattern::kOneHashRange, KeyPattern::kOneShard};

// The small ones first.
std::vector<Sizes> SizesOf(MapType type) {
  switch (KindOf(type)) {
    case MapKind::kPushPop:
      return {{0, 8}, {0, 64}};
    case MapKind::kBloom:
      return {{0, 8}};
    case MapKind::kRing:
      return {{0, 0}};
    case MapKind::kMapOfMaps:
      return {{4, 4}};
    case MapKind::kKeyed:
      if (type == MapType::kLpmTrie) return {{8, 8}};
      if (IsArray(type)) return {{4, 8}, {4, 64}};
      return {{4, 8}, {16, 64}};
  }
  return {};
}

std::vector<uint32_t> EntriesOf(MapType type) {
  switch (KindOf(type)) {
    case MapKind::kRing:
      return {kRingBytes};
    case MapKind::kMapOfMaps:
      return {kSmallest};  // each has an inner map of its own
    case MapKind::kPushPop:
      return {kSmallest, 1 << 16};
    default:
      return {kSmallest, 1 << 16, 1 << 20};
  }
}

// Whether it is one of the two that most of this benchmark is about.
bool IsHashOrArray(MapType type) {
  return type == MapType::kHash || type == MapType::kArray;
}

bool IsSmoke(const RowSpec& row) {
  if (row.def.max_entries != EntriesOf(row.def.type)[0]) return false;
  if (row.pattern == KeyPattern::kUniform) return true;
  return IsHashOrArray(row.def.type) && row.def.value_size == 8 &&
         row.threads == 2;
}

bool IsGoal(const RowSpec& row) {
  if (row.pattern != KeyPattern::kUniform) return false;
  const std::string& operation = row.operation;
  if (row.def.type == MapType::kArray) {
    return row.threads == 1 && row.def.value_size == 8 &&
           row.def.max_entries < 1 << 20 &&
           (operation == LookupHit::kName || operation == Update::kName);
  }
  if (row.def.type != MapType::kHash) return false;
  if (row.threads == 1) return operation != Mix50And50::kName;
  return operation == LookupHit::kName || operation == InsertDelete::kName ||
         operation == Mix50And50::kName;
}

// The same for the other types.
bool IsGoalOfTypes(const RowSpec& row) {
  const MapType type = row.def.type;
  if (IsHashOrArray(type) || row.pattern != KeyPattern::kUniform ||
      row.def.value_size != SizesOf(type)[0].value) {
    return false;
  }
  if (!HasKeys(type)) return row.def.max_entries == EntriesOf(type)[0];
  return row.threads == 1 || row.operation == InsertEvict::kName ||
         (type == MapType::kLruHash && row.operation == LookupHit::kName);
}

bool IsIn(Preset preset, const RowSpec& row) {
  switch (preset) {
    case Preset::kSmoke:
      return IsSmoke(row);
    case Preset::kGoals:
      return IsGoal(row);
    case Preset::kTypes:
      return IsGoalOfTypes(row);
    case Preset::kAttacks:  // see AddAttacks
      return false;
    case Preset::kFull:
      return true;
  }
  return false;
}

// 12,288 keys each.
template <typename Operation>
void AddAttacks(std::vector<RowSpec>& rows) {
  if (!Operation::Supports(MapType::kHash)) return;
  for (const int threads : kThreads) {
    for (const KeyPattern pattern : kAttacks) {
      rows.push_back(
          {.operation = Operation::kName,
           .def = {.type = MapType::kHash,
                   .key_size = 4,
                   .value_size = 8,
                   .max_entries = 1 << 14,
                   .map_flags = pattern == KeyPattern::kOneShard ? kZeroSeed
                                                                 : MapFlags{},
                   .name = "map_bench"},
           .threads = threads,
           .pattern = pattern});
    }
  }
}

template <typename Operation>
void AddRowsOf(MapType type, Preset preset, std::vector<RowSpec>& rows) {
  if (!Operation::Supports(type)) return;
  for (const Sizes& sizes : SizesOf(type)) {
    for (const uint32_t entries : EntriesOf(type)) {
      for (const KeyPattern pattern : kPatterns) {
        if (pattern == KeyPattern::kZipf && !Operation::kSkewed) continue;
        for (const int threads : kThreads) {
          // A ring's other thread is its consumer.
          if (KindOf(type) == MapKind::kRing && threads > 1) continue;
          const RowSpec row = {
              .operation = Operation::kName,
              .def = {.type = type,
                      .key_size = sizes.key,
                      .value_size = sizes.value,
                      .max_entries = entries,
                      .map_flags =
                          type == MapType::kLpmTrie ? kNoPrealloc : MapFlags{},
                      .name = "map_bench"},
              .threads = threads,
              .pattern = pattern};
          if (IsIn(preset, row)) rows.push_back(row);
        }
      }
    }
  }
}

}  // namespace

std::optional<Preset> PresetOf(const std::string& name) {
  if (name == "smoke") return Preset::kSmoke;
  if (name == "goals") return Preset::kGoals;
  if (name == "types") return Preset::kTypes;
  if (name == "attacks") return Preset::kAttacks;
  if (name == "full") return Preset::kFull;
  return std::nullopt;
}

std::vector<RowSpec> RowsOf(Preset preset) {
  std::vector<RowSpec> rows;
  if (preset == Preset::kAttacks) {
    std::apply([&]<typename... Operation>(
                   Operation...) { (AddAttacks<Operation>(rows), ...); },
               Operations());
    return rows;
  }
  for (const MapType type : kMaps) {
    std::apply(
        [&]<typename... Operation>(Operation...) {
          (AddRowsOf<Operation>(type, preset, rows), ...);
        },
        Operations());
  }
  return rows;
}

bool TakesPart(Preset preset, const std::string& contender) {
  if (preset == Preset::kAttacks) return contender == "cloud/program";
  return (preset != Preset::kGoals && preset != Preset::kTypes) ||
         !absl::StartsWith(contender, "embedded");
}

std::string MinTimeOf(Preset preset) {
  switch (preset) {
    case Preset::kSmoke:
      return "0";
    case Preset::kGoals:
    case Preset::kTypes:
    case Preset::kAttacks:
      return "0.05";
    case Preset::kFull:
      return "";
  }
  return "";
}

}  // namespace bpfmap::bench
