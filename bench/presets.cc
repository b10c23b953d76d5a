#include "bench/presets.h"

#include <tuple>

#include "absl/strings/match.h"
#include "bench/operations.h"
#include "bench/workload.h"
#include "maps/map_def.h"

namespace bpfmap::bench {
namespace {

struct Sizes {
  uint32_t key;  // arrays always have 4
  uint32_t value;
};

constexpr MapType kMaps[] = {MapType::kHash, MapType::kArray};
constexpr Sizes kSizes[] = {{4, 8}, {16, 64}};
constexpr uint32_t kEntries[] = {1 << 10, 1 << 16, 1 << 20};
constexpr int kThreads[] = {1, 2};
constexpr Popularity kPopularities[] = {Popularity::kUniform,
                                        Popularity::kZipf};

bool IsSmoke(const RowSpec& row) {
  if (row.def.max_entries != kEntries[0]) return false;
  return row.popularity == Popularity::kUniform ||
         (row.def.value_size == 8 && row.threads == 2);
}

bool IsGoal(const RowSpec& row) {
  if (row.popularity != Popularity::kUniform) return false;
  const std::string& operation = row.operation;
  if (row.def.type == MapType::kArray) {
    return row.threads == 1 && row.def.value_size == 8 &&
           row.def.max_entries < kEntries[2] &&
           (operation == LookupHit::kName || operation == Update::kName);
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
    case Preset::kFull:
      return true;
  }
  return false;
}

template <typename Operation>
void AddRowsOf(MapType type, Preset preset, std::vector<RowSpec>& rows) {
  if (!Operation::Supports(type)) return;
  for (const Sizes& sizes : kSizes) {
    for (const uint32_t entries : kEntries) {
      for (const Popularity popularity : kPopularities) {
        if (popularity == Popularity::kZipf && !Operation::kSkewed) continue;
        for (const int threads : kThreads) {
          const RowSpec row = {
              .operation = Operation::kName,
              .def = {.type = type,
                      .key_size = type == MapType::kArray ? 4 : sizes.key,
                      .value_size = sizes.value,
                      .max_entries = entries,
                      .name = "map_bench"},
              .threads = threads,
              .popularity = popularity};
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
  if (name == "full") return Preset::kFull;
  return std::nullopt;
}

std::vector<RowSpec> RowsOf(Preset preset) {
  std::vector<RowSpec> rows;
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
  return preset != Preset::kGoals || !absl::StartsWith(contender, "embedded");
}

std::string MinTimeOf(Preset preset) {
  switch (preset) {
    case Preset::kSmoke:
      return "0";
    case Preset::kGoals:
      return "0.1";
    case Preset::kFull:
      return "";
  }
  return "";
}

}  // namespace bpfmap::bench
