// SPDX-License-Identifier: Apache-2.0

// RowSpec: what a row of the benchmark is about, whoever's map it is.

#ifndef BPFMAP_BENCH_ROW_SPEC_H_
#define BPFMAP_BENCH_ROW_SPEC_H_

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "bench/workload.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {

struct RowSpec {
  std::string operation;  // its kName
  MapDef def;
  int threads = 1;
  KeyPattern pattern = KeyPattern::kUniform;
};

// "hash".
inline std::string NameOf(MapType type) {
  return absl::AsciiStrToLower(MapTypeName(type));
}

// The name of a row, up to what Google Benchmark adds: "manual_time", and the
// threads. `implementation` is its name and view.
// It says nothing of a pattern of keys where there are none.
inline std::string RowName(const RowSpec& spec,
                           const std::string& implementation) {
  return absl::StrCat(NameOf(spec.def.type), "/", spec.operation, "/",
                      implementation, "/k", spec.def.key_size, "v",
                      spec.def.value_size, "/n", spec.def.max_entries,
                      HasKeys(spec.def.type) ? "/" : "",
                      HasKeys(spec.def.type) ? PatternName(spec.pattern) : "");
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_ROW_SPEC_H_
