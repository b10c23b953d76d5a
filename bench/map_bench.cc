// map_bench: what an operation on a map costs, for every implementation in one
// run.
//
//   ./bazelw run -c opt //bench:map_bench -- --benchmark_filter=hash
//
// It is one table: map x operation x key and value size x entries x threads x
// implementation. The list of each is where that thing is:
//
//   operations.h       what is timed
//   implementations.h  whose maps are timed, and which rows they have
//   here               the rest
//   workload.h         which keys and values, how full a map is
//
// Before a row is timed, its operation is run on every key and the contents of
// the map are compared (check.h). A row that does not pass shows an error
// instead of a time.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bench/implementations.h"
#include "bench/operations.h"
#include "bench/row.h"
#include "benchmark/benchmark.h"
#include "maps/map_def.h"

ABSL_FLAG(uint32_t, seed, 1, "What keys, values and their order follow from");

namespace bpfmap::bench {
namespace {

struct Sizes {
  uint32_t key;  // arrays always have 4
  uint32_t value;
};

constexpr MapType kMaps[] = {MapType::kHash, MapType::kArray};
constexpr Sizes kSizes[] = {{4, 8}, {16, 64}};
constexpr uint32_t kEntries[] = {1024, 65536};
constexpr int kThreads[] = {1, 2};

// Every map that rows are about.
std::vector<MapDef> Definitions(MapType type) {
  std::vector<MapDef> defs;
  for (const Sizes& sizes : kSizes) {
    for (const uint32_t entries : kEntries) {
      defs.push_back({.type = type,
                      .key_size = type == MapType::kArray ? 4 : sizes.key,
                      .value_size = sizes.value,
                      .max_entries = entries,
                      .name = "map_bench"});
    }
  }
  return defs;
}

// What is compared with each other stands together: implementations come last.
template <typename Operation>
void AddRowsOf(const MapDef& def, int threads, Session& session) {
  std::apply(
      [&](const auto&... implementation) {
        const auto add = [&](const auto& one) {
          if (one.fits(def)) AddRow<Operation>(one, def, threads, session);
        };
        (add(implementation), ...);
      },
      Implementations());
}

template <typename Operation>
void AddRowsOf(MapType type, Session& session) {
  if (!Operation::Supports(type)) return;
  for (const MapDef& def : Definitions(type)) {
    for (const int threads : kThreads) {
      AddRowsOf<Operation>(def, threads, session);
    }
  }
}

void AddAllRows(Session& session) {
  for (const MapType type : kMaps) {
    std::apply(
        [&]<typename... Operation>(Operation...) {
          (AddRowsOf<Operation>(type, session), ...);
        },
        Operations());
  }
}

constexpr char kHelp[] = R"(map_bench: what an operation on a map costs.

Usage: map_bench [--benchmark_filter=REGEX] [--seed=N] [flags below]

A row is named
  MAP/OPERATION/IMPLEMENTATION/kKEY_SIZEvVALUE_SIZE/nENTRIES/real_time/threads:N
with
  MAP             %s
  OPERATION       %s
  IMPLEMENTATION  %s
--benchmark_filter takes any part of it:
  map_bench --benchmark_filter=hash/lookup
  map_bench --benchmark_filter='update/.*/k4v8/n65536/.*threads:1$'
  map_bench --benchmark_list_tests

Columns: time_per_op is what one operation takes one thread, by the wall clock.
CPU is the same in processor time: it changes less on a busy machine, and leaves
waiting out. Time is time_per_op divided by the number of threads. In a row
insert_delete, one operation is an insert and a delete.

Every row is checked before it is timed. The program ends with 1 if a row had an
error, or if there was none. There are no rows of the kernel where bpf(2) is not
permitted, and none of embedded where a map needs more memory than that has.

--seed=N                         Keys, values and their order follow from it (1)

Flags of Google Benchmark:
)";

void PrintHelp() {
  const auto name_of = [](std::string* out, const auto& one) {
    if constexpr (requires { one.name; }) {
      absl::StrAppend(out, one.name);
    } else if constexpr (requires { one.kName; }) {
      absl::StrAppend(out, one.kName);
    } else {
      absl::StrAppend(out, NameOf(one));
    }
  };
  std::printf(kHelp, absl::StrJoin(kMaps, " ", name_of).c_str(),
              absl::StrJoin(Operations(), " ", name_of).c_str(),
              absl::StrJoin(Implementations(), " ", name_of).c_str());
  std::fflush(stdout);
  benchmark::PrintDefaultHelp();
}

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv, PrintHelp);
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    std::fprintf(stderr, "map_bench: not a flag: %s; see --help\n", rest[1]);
    return EXIT_FAILURE;
  }

  Session session(absl::GetFlag(FLAGS_seed));
  benchmark::AddCustomContext("seed", absl::StrCat(session.seed()));
  AddAllRows(session);
  const size_t rows = benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return rows > 0 && !session.failed() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace bpfmap::bench

int main(int argc, char** argv) { return bpfmap::bench::Main(argc, argv); }
