// SPDX-License-Identifier: Apache-2.0
//
// memory_bench: what memory a map takes by element: here, and in the kernel.
//
//   ./bazelw run -c opt //bench:memory_bench
//   ./bazelw run -c opt //bench:memory_bench -- --out=$PWD/bench/RESULTS.md
//
// A table of Markdown on stdout; with --out, it takes the place of the one in
// that file. Here it is what the resident memory of the process grew by from
// before the map was created until it was filled; for the kernel, what it says
// itself (memlock). As root, so that the kernel's column is there.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/kernel/fits.h"
#include "bench/resident_memory.h"
#include "bench/results_file.h"
#include "bench/row_spec.h"
#include "bench/workload.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {
namespace {

struct Row {
  MapDef def;
  uint32_t elements;
};

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "memory_bench: %s\n", why.c_str());
  std::exit(1);
}

MapDef Def(MapType type, uint32_t key_size, uint32_t value_size,
           uint32_t max_entries, MapFlags flags = {}) {
  return {.type = type,
          .key_size = key_size,
          .value_size = value_size,
          .max_entries = max_entries,
          .map_flags = flags};
}

std::vector<Row> Rows() {
  std::vector<Row> rows;
  const auto add = [&rows](const MapDef& def) {
    for (const uint32_t elements :
         {uint32_t{1000}, def.max_entries / 4 * 3, def.max_entries}) {
      rows.push_back({def, elements});
    }
  };
  constexpr uint32_t kLarge = 1 << 16;
  for (const MapFlags flags : {MapFlags{}, kNoPrealloc}) {
    add(Def(MapType::kHash, 4, 8, kLarge, flags));
    add(Def(MapType::kHash, 16, 64, kLarge, flags));
  }
  add(Def(MapType::kHash, 4, 256, kLarge, kNoPrealloc));
  add(Def(MapType::kHash, 4, 8, 1 << 20));
  rows.push_back({Def(MapType::kHash, 4, 8, 10'000'000, kNoPrealloc), 1000});
  add(Def(MapType::kLruHash, 4, 8, kLarge));
  add(Def(MapType::kPerCpuHash, 4, 8, kLarge));
  add(Def(MapType::kLpmTrie, 8, 8, kLarge, kNoPrealloc));
  for (const MapType type : {MapType::kArray, MapType::kPerCpuArray}) {
    rows.push_back({Def(type, 4, 8, kLarge), kLarge});
  }
  for (const MapType type :
       {MapType::kQueue, MapType::kStack, MapType::kBloomFilter}) {
    rows.push_back({Def(type, 0, 8, kLarge), kLarge});
  }
  return rows;
}

// Puts element number `i` of `row` into `map`.
Errno Put(BpfMap& map, const MapDef& def, uint32_t i) {
  // Numbers differ, and lie far apart.
  const uint32_t number = IsArray(def.type) ? i : i * 2654435761U;
  std::vector<uint8_t> key(def.key_size);
  // For each CPU there is, too.
  const std::vector<uint64_t> value(1024, 1);
  if (def.type == MapType::kLpmTrie) {
    const uint32_t length = 32;
    std::memcpy(key.data(), &length, sizeof length);
    std::memcpy(key.data() + sizeof length, &number, sizeof number);
  } else if (def.key_size != 0) {
    std::memcpy(key.data(), &number, sizeof number);
  }
  return map.Update(def.key_size == 0 ? nullptr : key.data(), value.data());
}

void Fill(BpfMap& map, const Row& row) {
  for (uint32_t i = 0; i < row.elements; ++i) {
    if (Put(map, row.def, i) != Errno::kOk) {
      Die(absl::StrCat("no element ", i, " in ", NameOf(row.def.type)));
    }
  }
}

double BytesHere(const Row& row) {
  const int64_t before = ResidentBytes();
  const auto map = CreateMap(row.def);
  if (!map.ok()) Die(std::string(map.status().message()));
  Fill(**map, row);
  return static_cast<double>(ResidentBytes() - before) / row.elements;
}

std::optional<double> BytesInKernel(const Row& row) {
  if (!KernelFits(row.def)) return std::nullopt;
  std::unique_ptr<KernelMap> map;
  if (KernelMap::Create(row.def, &map) != Errno::kOk) return std::nullopt;
  // All others have their memory from the start.
  if (HasAny(row.def.map_flags, kNoPrealloc)) Fill(*map, row);
  return KernelBytes(*map) / row.elements;
}

std::string Table() {
  std::string out =
      "| map | key/value | max_entries | elements | here, B each | kernel, B "
      "each | ratio |\n| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const Row& row : Rows()) {
    const MapDef& def = row.def;
    const double ours = BytesHere(row);
    const std::optional<double> kernel = BytesInKernel(row);
    const bool says_so =
        HasAny(def.map_flags, kNoPrealloc) && def.type != MapType::kLpmTrie;
    absl::StrAppend(&out, "| ", NameOf(def.type),
                    says_so ? ", no prealloc" : "", " | ", def.key_size, "/",
                    def.value_size, " | ", def.max_entries, " | ", row.elements,
                    absl::StrFormat(" | %.0f | ", ours));
    if (kernel) absl::StrAppendFormat(&out, "%.0f", *kernel);
    absl::StrAppend(&out, " | ");
    if (kernel) absl::StrAppendFormat(&out, "%.2fx", ours / *kernel);
    absl::StrAppend(&out, " |\n");
  }
  return out;
}

}  // namespace
}  // namespace bpfmap::bench

int main(int argc, char** argv) {
  using namespace bpfmap::bench;
  return WriteTable(argc, argv, "memory_bench", Table());
}
