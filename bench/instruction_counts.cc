// SPDX-License-Identifier: Apache-2.0

// instruction_counts: the rows of which callgrind counts the instructions, one
// after the other, and their names on stdout in that order. It is started by
// count_instructions.sh, which knows what callgrind has to be told.
//
// The rows are those of the presets goals and types with one thread and the
// smallest map, of the maps of this library and the floor: how many
// instructions an operation takes hardly depends on the size of the map. The
// seed of the hash function is 0, so that every run counts the same.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "bench/contender.h"
#include "bench/floor.h"
#include "bench/operations.h"
#include "bench/our_maps.h"
#include "bench/presets.h"
#include "bench/row_spec.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {
namespace {

// A ring buffer has one size, and its consumer would be a second thread.
bool IsCounted(const RowSpec& row) {
  if (row.def.type == MapType::kRingBuf) {
    return row.operation == ReserveSubmit::kName;
  }
  return row.threads == 1 && row.def.max_entries == 1 << 10;
}

bool HasSeed(MapType type) {
  return type == MapType::kHash || type == MapType::kPerCpuHash ||
         type == MapType::kLruHash || type == MapType::kHashOfMaps;
}

std::vector<RowSpec> CountedRows() {
  std::vector<RowSpec> rows;
  for (const Preset preset : {Preset::kGoals, Preset::kTypes}) {
    for (RowSpec row : RowsOf(preset)) {
      if (!IsCounted(row)) continue;
      if (HasSeed(row.def.type)) row.def.map_flags |= kZeroSeed;
      rows.push_back(row);
    }
  }
  return rows;
}

int Main() {
  // Until a process starts its first thread, glibc locks a mutex without atomic
  // instructions, and std::shared_ptr counts without them.
  std::thread([] {}).join();
  std::vector<Contender> contenders = FloorMaps();
  for (const Contender& ours : OurMaps()) contenders.push_back(ours);
  for (const RowSpec& row : CountedRows()) {
    for (const Contender& contender : contenders) {
      if (!TakesPart(Preset::kGoals, contender.name) ||
          !contender.fits(row.def)) {
        continue;
      }
      const std::string name = RowName(row, contender.name);
      const absl::Status status = contender.count_row(row, /*seed=*/1);
      if (!status.ok()) {
        std::fprintf(stderr, "instruction_counts: %s: %s\n", name.c_str(),
                     std::string(status.message()).c_str());
        return EXIT_FAILURE;
      }
      std::printf("%s\n", name.c_str());
    }
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace bpfmap::bench

int main() { return bpfmap::bench::Main(); }
