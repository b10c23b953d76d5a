// SPDX-License-Identifier: Apache-2.0

// map_bench: what an operation on a map costs, for every implementation in one
// run.
//
//   ./bazelw run -c opt //bench:map_bench -- --preset=goals
//
// It is one table: map x operation x key and value size x entries x pattern of
// keys x threads x implementation. The list of each is where that thing is:
//
//   operations.h  what is timed
//   contenders.h  whose maps are timed
//   presets.cc    which rows there are
//   workload.h    which keys and values, how full a map is
//
// Before a row is timed, its operation is run on every key and the contents of
// the map are compared (check.h). A row that does not pass shows an error
// instead of a time. README.md says how to read the table.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "bench/contenders.h"
#include "bench/operations.h"
#include "bench/presets.h"
#include "bench/row_filter.h"
#include "bench/row_spec.h"
#include "bench/session.h"
#include "bench/table_reporter.h"
#include "benchmark/benchmark.h"
#include "bpfmap/profiles/cpu.h"

ABSL_FLAG(uint32_t, seed, 1, "What keys, values and their order follow from");
ABSL_FLAG(std::string, preset, "full",
          "Which rows: smoke, goals, types, attacks, full");

namespace bpfmap::bench {
namespace {

// Rows that are compared stand together: implementations vary last.
// Returns the number of rows that --benchmark_filter leaves, for progress.
size_t AddAllRows(Preset preset, Session& session) {
  const RowFilter filter(benchmark::GetBenchmarkFilter());
  size_t count = 0;
  const std::vector<Contender> contenders = Contenders();
  for (const RowSpec& row : RowsOf(preset)) {
    for (const Contender& contender : contenders) {
      if (!TakesPart(preset, contender.name) || !contender.fits(row.def)) {
        continue;
      }
      contender.add_row(row, session);
      const std::string name = absl::StrCat(
          RowName(row, contender.name), "/manual_time/threads:", row.threads);
      if (filter.Selects(name)) ++count;
    }
  }
  return count;
}

constexpr char kHelp[] = R"(map_bench: what an operation on a map costs.

Usage: map_bench [--preset=PRESET] [--benchmark_filter=REGEX] [--seed=N]
                 [flags below]

A row is named
  MAP/OPERATION/IMPLEMENTATION/VIEW/kKEY_SIZEvVALUE_SIZE/nENTRIES/KEYS/
  manual_time/threads:N
with
  MAP                  hash array lru_hash percpu_hash percpu_array lpm_trie
                       bloom_filter array_of_maps hash_of_maps queue stack
                       ringbuf
  OPERATION            %s
  IMPLEMENTATION/VIEW  %s
  KEYS                 uniform zipf, or of the attacks sequential multiples
                       same_low_bits one_hash_range one_shard; not of
                       queue, stack and ringbuf, which have no keys
--benchmark_filter takes any part of it:
  map_bench --benchmark_filter=hash/lookup
  map_bench --benchmark_filter='update/.*/k4v8/n65536/.*threads:1$'
  map_bench --benchmark_list_tests

The run ends with a table on stdout; on stderr it shows how far it is. For every
number of every repetition, in JSON, use
  map_bench --benchmark_repetitions=5 --benchmark_out=FILE
There, time_per_op is what one operation takes one thread, in seconds by the
wall clock, and loop_per_op what was taken off for the loop around it; p50, p99
and p999 are ns. In a row insert_delete, one operation is
an insert and a delete; in a row push_pop, a push and a pop. Of a bloom_filter a
lookup_hit is a peek and an update is a push; of a map of maps a lookup_hit goes
on to the value in the inner map.

Every row is checked before it is timed. The program ends with 1 if a row had an
error, or if there was none. There are no rows of the kernel where bpf(2) is not
permitted, and none of embedded where a map needs more memory than that has.

--preset=smoke|goals|types|attacks|full
                                 Every contender on small maps for a moment;
                                 hash and array compared with the kernel; the
                                 other types; keys against weak hash functions;
                                 all others (full)
--seed=N                         Keys, values and their order follow from it (1)

Flags of Google Benchmark:
)";

void PrintHelp() {
  std::vector<std::string> names;
  for (const Contender& contender : Contenders()) {
    if (names.empty() || names.back() != contender.name) {
      names.push_back(contender.name);
    }
  }
  const auto name_of = [](std::string* out, const auto& operation) {
    absl::StrAppend(out, operation.kName);
  };
  std::printf(kHelp, absl::StrJoin(Operations(), " ", name_of).c_str(),
              absl::StrJoin(names, "\n                       ").c_str());
  std::fflush(stdout);
  benchmark::PrintDefaultHelp();
}

// The arguments, with the preset's time for a row in front: whatever follows is
// stronger.
std::vector<char*> WithMinTime(int argc, char** argv, std::string& min_time) {
  std::vector<char*> arguments(argv, argv + argc);
  for (absl::string_view argument : arguments) {
    if (!absl::ConsumePrefix(&argument, "--preset=")) continue;
    const auto preset = PresetOf(std::string(argument));
    if (!preset || MinTimeOf(*preset).empty()) continue;
    min_time = absl::StrCat("--benchmark_min_time=", MinTimeOf(*preset));
  }
  if (!min_time.empty()) {
    arguments.insert(arguments.begin() + 1, min_time.data());
  }
  return arguments;
}

int Main(int given_argc, char** given_argv) {
  std::string min_time;
  std::vector<char*> arguments = WithMinTime(given_argc, given_argv, min_time);
  bool has_format = false;
  for (const absl::string_view argument : arguments) {
    if (absl::StartsWith(argument, "--benchmark_format=")) has_format = true;
  }
  int argc = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&argc, arguments.data(), PrintHelp);
  const std::vector<char*> rest =
      absl::ParseCommandLine(argc, arguments.data());
  if (rest.size() > 1) {
    std::fprintf(stderr, "map_bench: not a flag: %s; see --help\n", rest[1]);
    return EXIT_FAILURE;
  }
  const std::optional<Preset> preset = PresetOf(absl::GetFlag(FLAGS_preset));
  if (!preset) {
    std::fprintf(stderr, "map_bench: not a preset: %s; see --help\n",
                 absl::GetFlag(FLAGS_preset).c_str());
    return EXIT_FAILURE;
  }

  // Counted here, as later on threads are pinned to one of them.
  if (PossibleCpus() < 2) {
    std::fprintf(stderr, "map_bench: there is one CPU for all threads\n");
  }
  Session session(absl::GetFlag(FLAGS_seed));
  benchmark::AddCustomContext("seed", absl::StrCat(session.seed()));
  benchmark::AddCustomContext("preset", absl::GetFlag(FLAGS_preset));
  TableReporter table(AddAllRows(*preset, session));
  // Until a process starts its first thread, glibc locks a mutex without atomic
  // instructions. No row may be so lucky as to come before.
  std::thread([] {}).join();
  const size_t rows =
      benchmark::RunSpecifiedBenchmarks(has_format ? nullptr : &table);
  session.Clear();
  benchmark::Shutdown();
  return rows > 0 && !session.failed() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace bpfmap::bench

int main(int argc, char** argv) { return bpfmap::bench::Main(argc, argv); }
