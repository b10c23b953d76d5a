#include "bench/presets.h"

#include <tuple>

#include "absl/strings/match.h"
#include "bench/operations.h"
#include "bench/workload.h"
#include "maps/map_def.h"

namespace bpfmap::bench {
namespace {

struct Sizes {
  uint32_t key;  // of maps that choose: see KeySize()
  uint32_t value;
};

constexpr MapType kMaps[] = {MapType::kHash, MapType::kArray, MapType::kQueue,
                             MapType::kStack};
constexpr Sizes kSizes[] = {{4, 8}, {16, 64}};
constexpr uint32_t kEntries[] = {1 << 10, 1 << 16, 1 << 20};
constexpr int kThreads[] = {1, 2};
constexpr KeyPattern kPatterns[] = {KeyPattern::kUniform, KeyPattern::kZipf};
constexpr KeyPattern kAttacks[] = {
    KeyPattern::kUniform,     KeyPattern::kSequential,   KeyPattern::kMultiples,
    KeyPattern::kSameLowBits, KeyPattern::kOneHashRange, KeyPattern::kOneShard};

uint32_t KeySize(MapType type, const Sizes& sizes) {
  if (!HasKeys(type)) return 0;
  return type == MapType::kArray ? 4 : sizes.key;
}

bool IsSmoke(const RowSpec& row) {
  if (row.def.max_entries != kEntries[0]) return false;
  return row.pattern == KeyPattern::kUniform ||
         (row.def.value_size == 8 && row.threads == 2);
}

bool IsGoal(const RowSpec& row) {
  if (row.pattern != KeyPattern::kUniform) return false;
  const std::string& operation = row.operation;
  if (row.def.type == MapType::kArray) {
    return row.threads == 1 && row.def.value_size == 8 &&
           row.def.max_entries < kEntries[2] &&
           (operation == LookupHit::kName || operation == Update::kName);
  }
  if (!HasKeys(row.def.type)) {
    return row.def.value_size == 8 && row.def.max_entries == kEntries[0];
  }
  if (row.threads == 1) return operation != Mix50And50::kName;
  return operation == LookupHit::kName || operation == InsertDelete::kName ||
         operation == Mix50And50::kName;
}

bool IsIn(Preset preset, const RowSpec& row) {
  switch (preset) {
    case Preset::kSmoke:
      return IsSmoke(row);
    case Preset::kGoals:
      return IsGoal(row);
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
                   .map_flags =
                       pattern == KeyPattern::kOneShard ? kZeroSeed : 0,
                   .name = "map_bench"},
           .threads = threads,
           .pattern = pattern});
    }
  }
}

template <typename Operation>
void AddRowsOf(MapType type, Preset preset, std::vector<RowSpec>& rows) {
  if (!Operation::Supports(type)) return;
  for (const Sizes& sizes : kSizes) {
    for (const uint32_t entries : kEntries) {
      if (!HasKeys(type) && entries == kEntries[2]) continue;
      for (const KeyPattern pattern : kPatterns) {
        if (pattern == KeyPattern::kZipf && !Operation::kSkewed) continue;
        for (const int threads : kThreads) {
          const RowSpec row = {.operation = Operation::kName,
                               .def = {.type = type,
                                       .key_size = KeySize(type, sizes),
                                       .value_size = sizes.value,
                                       .max_entries = entries,
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
  return preset != Preset::kGoals || !absl::StartsWith(contender, "embedded");
}

std::string MinTimeOf(Preset preset) {
  switch (preset) {
    case Preset::kSmoke:
      return "0";
    case Preset::kGoals:
    case Preset::kAttacks:
      return "0.1";
    case Preset::kFull:
      return "";
  }
  return "";
}

}  // namespace bpfmap::bench
