// SPDX-License-Identifier: Apache-2.0

// The machine of a run, from the "context" of Google Benchmark's JSON.

#ifndef BPFMAP_BENCH_REPORT_MACHINE_H_
#define BPFMAP_BENCH_REPORT_MACHINE_H_

#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json_fwd.hpp"

namespace bpfmap::bench {

// Label and value. Left out is what `context` does not say, or says in another
// form than Google Benchmark does; keys that a program has added come last.
std::vector<std::pair<std::string, std::string>> DescribeMachine(
    const nlohmann::json& context);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_MACHINE_H_
