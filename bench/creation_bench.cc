// SPDX-License-Identifier: Apache-2.0
//
// creation_bench: what it costs to create a map and to destroy it, as a unit
// test does for each of its cases: here, and in the kernel by bpf(2).
//
//   ./bazelw run -c opt //bench:creation_bench
//   ./bazelw run -c opt //bench:creation_bench -- --out=$PWD/bench/RESULTS.md
//
// A table of Markdown on stdout; with --out, it takes the place of the one in
// that file. Times are of one creation and one destruction, by the clock: the
// median of 9 batches. As root, so that the kernel's column is there: it is the
// time of the two system calls, and leaves out what the kernel does later to
// free the map.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/results_file.h"
#include "bench/row_spec.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {
namespace {

using Clock = std::chrono::steady_clock;

// A batch is long enough for the clock, and short enough for what the kernel
// has yet to free.
constexpr int kBatches = 9;
constexpr auto kBatchTime = std::chrono::milliseconds(2);
constexpr int kMostOfBatch = 2000;

constexpr uint32_t kSmall = 16;
constexpr uint32_t kMedium = 1 << 10;
constexpr uint32_t kLarge = 1 << 16;
constexpr uint32_t kHuge = 1 << 20;

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "creation_bench: %s\n", why.c_str());
  std::exit(1);
}

MapDef Def(MapType type, uint32_t key_size, uint32_t value_size,
           uint32_t max_entries) {
  return {.type = type,
          .key_size = key_size,
          .value_size = value_size,
          .max_entries = max_entries,
          .map_flags = type == MapType::kLpmTrie ? kNoPrealloc : MapFlags{}};
}

std::vector<MapDef> Defs() {
  std::vector<MapDef> defs;
  for (const uint32_t entries : {kSmall, kMedium, kLarge, kHuge}) {
    for (const MapType type :
         {MapType::kHash, MapType::kLruHash, MapType::kArray}) {
      defs.push_back(Def(type, 4, 8, entries));
    }
  }
  for (const uint32_t entries : {kMedium, kLarge}) {
    for (const MapType type : {MapType::kPerCpuHash, MapType::kPerCpuArray}) {
      defs.push_back(Def(type, 4, 8, entries));
    }
    defs.push_back(Def(MapType::kLpmTrie, 8, 8, entries));
    for (const MapType type :
         {MapType::kQueue, MapType::kStack, MapType::kBloomFilter}) {
      defs.push_back(Def(type, 0, 8, entries));
    }
  }
  defs.push_back(Def(MapType::kProgArray, 4, 4, kMedium));
  defs.push_back(Def(MapType::kRingBuf, 0, 0, 4096));
  defs.push_back(Def(MapType::kRingBuf, 0, 0, 256 << 10));
  // Types stand together, as in the other tables.
  std::stable_sort(
      defs.begin(), defs.end(),
      [](const MapDef& a, const MapDef& b) { return a.type < b.type; });
  return defs;
}

// Nanoseconds of create_and_destroy(), which returns whether it worked; none if
// it does not.
template <typename CreateAndDestroy>
std::optional<double> Measure(CreateAndDestroy create_and_destroy) {
  if (!create_and_destroy()) return std::nullopt;
  std::vector<double> times;
  while (times.size() < kBatches) {
    int count = 0;
    const auto start = Clock::now();
    auto end = start;
    for (; end - start < kBatchTime && count < kMostOfBatch; ++count) {
      if (!create_and_destroy()) return std::nullopt;
      end = Clock::now();
    }
    times.push_back(
        std::chrono::duration<double, std::nano>(end - start).count() / count);
  }
  std::nth_element(times.begin(), times.begin() + kBatches / 2, times.end());
  return times[kBatches / 2];
}

std::string Ns(std::optional<double> ns) {
  return ns ? absl::StrFormat("%.0f", *ns) : "";
}

std::string Table() {
  std::string out =
      "| map | key/value | entries | here | kernel | ratio |\n"
      "| --- | --- | --- | --- | --- | --- |\n";
  for (const MapDef& def : Defs()) {
    const auto ours = Measure([&] { return CreateMap(def).ok(); });
    if (!ours) Die(absl::StrCat("no map: ", NameOf(def.type)));
    const auto kernel = Measure([&] {
      std::unique_ptr<KernelMap> map;
      return KernelMap::Create(def, &map) == Errno::kOk;
    });
    absl::StrAppend(
        &out, "| ", NameOf(def.type), " | ", def.key_size, "/", def.value_size,
        " | ", def.max_entries, " | ", Ns(ours), " | ", Ns(kernel), " | ",
        kernel ? absl::StrFormat("%.1fx", *kernel / *ours) : "", " |\n");
  }
  return out;
}

}  // namespace
}  // namespace bpfmap::bench

int main(int argc, char** argv) {
  using namespace bpfmap::bench;
  return WriteTable(argc, argv, "creation_bench", Table());
}
