// SPDX-License-Identifier: Apache-2.0

// process_counter: counts the openat(2) calls of each process.
//
//   process_counter            counts in the recording that comes with it
//   process_counter FILE       counts in a recording of yours; "-" is stdin
//
// The events come from a strace recording instead of a kernel. Everything
// after that is what a BPF tool does: two programs (process_counter_program.h)
// write maps through the program view, and this file, the user-space side,
// reads them through the user view (BpfMap, dressed as TypedMap). The same tool
// in BPF C is process_counter.bpf.c.

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/typed_map.h"
#include "examples/input_file.h"
#include "examples/openat_table.h"
#include "examples/process_counter_program.h"
#include "examples/strace_replay.h"
#include "examples/strace_tasks.h"

ABSL_FLAG(uint32_t, top, 20, "How many processes to show; 0 shows all");
ABSL_FLAG(uint32_t, max_entries, 10240,
          "How many processes the map has room for; calls of further ones are "
          "dropped, and their number is printed");

namespace bpfmap::examples {
namespace {

struct Input {
  std::string name;
  std::FILE* file = nullptr;
};

int Fail(absl::string_view message) {
  absl::FPrintF(stderr, "process_counter: %s\n", message);
  return 1;
}

// The map's entries.
absl::StatusOr<std::vector<OpenatRow>> ReadRows(BpfMap* map) {
  const auto counts = TypedMap<uint32_t, OpenatCount>::Create(map);
  if (!counts.ok()) return counts.status();
  std::vector<OpenatRow> rows;
  auto entries = counts->Entries();
  for (const auto& [pid, count] : entries) {
    rows.push_back({pid, count.calls, count.comm});
  }
  if (!entries.status().ok()) return entries.status();
  return rows;
}

absl::StatusOr<uint64_t> ReadDropped(BpfMap* map) {
  const auto dropped = TypedMap<uint32_t, uint64_t>::Create(map);
  if (!dropped.ok()) return dropped.status();
  return dropped->Get(0);
}

int CountOpenatCalls(const Input& input) {
  auto counts = CreateMap(CountsDef(absl::GetFlag(FLAGS_max_entries)));
  if (!counts.ok()) return Fail(counts.status().message());
  auto dropped = CreateMap(DroppedDef());
  if (!dropped.ok()) return Fail(dropped.status().message());

  const ProcessCounterMaps maps = {
      .counts = CountsMap::Create(counts->get()).value(),
      .dropped = DroppedMap::Create(dropped->get()).value()};

  // Plays the kernel: runs the BPF programs on every event.
  const StraceLines lines = ReplayStrace(
      input.file, [&maps](StraceHook hook, const StraceTasks::Task& task) {
        if (hook == StraceHook::kOpenat) {
          OnOpenat(maps, task.pid, task.comm);
        } else {
          OnTaskRename(maps, task.pid, task.comm);
        }
      });
  if (std::ferror(input.file)) {
    return Fail(
        absl::StrCat("cannot read ", input.name, ": ", std::strerror(errno)));
  }

  const auto rows = ReadRows(counts->get());
  if (!rows.ok()) return Fail(rows.status().message());
  const auto lost = ReadDropped(dropped->get());
  if (!lost.ok()) return Fail(lost.status().message());
  absl::PrintF("%s%s%s", OpenatTable(*rows, absl::GetFlag(FLAGS_top)),
               DroppedText(*lost), LinesText(lines));
  if (std::fflush(stdout) != 0) {
    return Fail(absl::StrCat("cannot write: ", std::strerror(errno)));
  }
  return 0;
}

}  // namespace

int Main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Counts the openat calls of each process in a strace recording.\n"
      "Usage: process_counter [FLAGS] [FILE]\n"
      "FILE is the output of strace, - is stdin; without one, the recording\n"
      "in examples/data is read. To make one:\n"
      "  strace -f -Y -e trace=openat,%process -o FILE COMMAND");
  const std::vector<char*> args = absl::ParseCommandLine(argc, argv);
  if (args.size() > 2) return Fail("more than one file named; see --help");

  Input input;
  if (args.size() < 2) {
    input.name = RecordingPath(args[0], "make.strace");
    absl::FPrintF(stderr, "reading %s\n", input.name);
  } else if (absl::string_view(args[1]) == "-") {
    input = {"stdin", stdin};
  } else {
    input.name = UserPath(args[1]);
  }
  if (input.file == nullptr) input.file = std::fopen(input.name.c_str(), "rb");
  if (input.file == nullptr) {
    return Fail(
        absl::StrCat("cannot open ", input.name, ": ", std::strerror(errno)));
  }
  return CountOpenatCalls(input);
}

}  // namespace bpfmap::examples

int main(int argc, char** argv) { return bpfmap::examples::Main(argc, argv); }
