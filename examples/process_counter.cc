// SPDX-License-Identifier: Apache-2.0

// process_counter: counts the openat(2) calls of each process.
//
//   process_counter            counts in the recording that comes with it
//   process_counter FILE       counts in a recording of yours; "-" is stdin
//
// The events come from a strace recording instead of a kernel. Everything
// after that is what a BPF tool does: two programs (process_counter_program.h)
// write maps through the program view, and this file, the user-space side,
// reads them through the user view (BpfMap, dressed as TypedMap).

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/typed_map.h"
#include "examples/input_file.h"
#include "examples/process_counter_program.h"
#include "examples/strace_parser.h"
#include "examples/strace_tasks.h"

ABSL_FLAG(uint32_t, top, 20, "How many processes to show; 0 shows all");
ABSL_FLAG(uint32_t, max_entries, 10240,
          "How many processes the map has room for; calls of further ones are "
          "dropped, and their number is printed");

namespace bpfmap::examples {
namespace {

constexpr size_t kMaxLine = 1 << 20;  // a longer line does not parse

struct Input {
  std::string name;
  std::FILE* file = nullptr;
};

struct LineCount {
  uint64_t read = 0;
  uint64_t not_parsed = 0;
  uint64_t first_not_parsed = 0;  // its number, from 1
  std::string sample;             // and how it begins
};

int Fail(absl::string_view message) {
  absl::FPrintF(stderr, "process_counter: %s\n", message);
  return 1;
}

// Reads up to the next newline, or the end. Bytes beyond kMaxLine + 1 are
// dropped. Returns false if there is nothing left.
bool ReadLine(std::FILE* file, std::string* line) {
  line->clear();
  int byte;
  while ((byte = std::getc(file)) != EOF && byte != '\n') {
    if (line->size() <= kMaxLine) line->push_back(static_cast<char>(byte));
  }
  return byte != EOF || !line->empty();
}

// Plays the kernel: runs the BPF programs on every event in `file`.
LineCount Replay(std::FILE* file, const ProcessCounterMaps& maps) {
  LineCount lines;
  StraceTasks tasks;
  std::string text;
  while (ReadLine(file, &text)) {
    ++lines.read;
    std::optional<StraceLine> line;
    if (text.size() <= kMaxLine) line = ParseStraceLine(text);
    if (!line) {
      if (++lines.not_parsed == 1) {
        lines.first_not_parsed = lines.read;
        lines.sample = text.substr(0, 60);
      }
      continue;
    }
    const StraceTasks::Task current = tasks.Follow(*line);
    if (current.renamed) OnTaskRename(maps, current.pid, current.comm);
    // The second part of a call that was interrupted is no second call.
    if (line->syscall == "openat" && line->event != StraceEvent::kResumed) {
      OnOpenat(maps, current.pid, current.comm);
    }
  }
  return lines;
}

using Counts = TypedMap<uint32_t, OpenatCount>;  // by process
using Rows = std::vector<Counts::Entry>;

// The map's entries, the largest count first.
absl::StatusOr<Rows> ReadRows(BpfMap* map) {
  const absl::StatusOr<Counts> counts = Counts::Create(map);
  if (!counts.ok()) return counts.status();
  Rows rows;
  auto entries = counts->Entries();
  for (const Counts::Entry& entry : entries) rows.push_back(entry);
  if (!entries.status().ok()) return entries.status();

  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    if (a.value.calls != b.value.calls) return a.value.calls > b.value.calls;
    return a.key < b.key;
  });
  return rows;
}

absl::StatusOr<uint64_t> ReadDropped(BpfMap* map) {
  const auto dropped = TypedMap<uint32_t, uint64_t>::Create(map);
  if (!dropped.ok()) return dropped.status();
  return dropped->Get(0);
}

void PrintRows(const Rows& rows, size_t top) {
  if (rows.empty()) {
    absl::PrintF("no openat calls\n\n");
    return;
  }
  if (top == 0 || top > rows.size()) top = rows.size();
  absl::PrintF("%7s  %-15s  %12s\n", "PID", "COMMAND", "OPENAT CALLS");
  for (size_t i = 0; i < top; ++i) {
    const auto& [pid, count] = rows[i];
    const std::string comm = absl::CHexEscape(count.comm);
    absl::PrintF("%7s  %-15s  %12d\n", pid == 0 ? "-" : absl::StrCat(pid),
                 comm.empty() ? "?" : comm, count.calls);
  }
  if (top < rows.size()) {
    absl::PrintF("%7s  %d more; --top=0 shows all\n", "...", rows.size() - top);
  }
  uint64_t calls = 0;
  for (const auto& [pid, count] : rows) calls += count.calls;
  absl::PrintF("\ntotal calls: %d\n", calls);
  absl::PrintF("processes: %d\n", rows.size());
}

void PrintLineCount(const LineCount& lines) {
  absl::PrintF("lines read: %d\n", lines.read);
  absl::PrintF("lines not parsed: %d\n", lines.not_parsed);
  if (lines.not_parsed > 0) {
    absl::PrintF("first line not parsed: %d: \"%s\"\n", lines.first_not_parsed,
                 absl::CHexEscape(lines.sample));
  }
}

int CountOpenatCalls(const Input& input) {
  auto counts = CreateMap(CountsDef(absl::GetFlag(FLAGS_max_entries)));
  if (!counts.ok()) return Fail(counts.status().message());
  auto dropped = CreateMap(DroppedDef());
  if (!dropped.ok()) return Fail(dropped.status().message());

  const ProcessCounterMaps maps = {
      .counts = CountsMap::Create(counts->get()).value(),
      .dropped = DroppedMap::Create(dropped->get()).value()};

  const LineCount lines = Replay(input.file, maps);
  if (std::ferror(input.file)) {
    return Fail(
        absl::StrCat("cannot read ", input.name, ": ", std::strerror(errno)));
  }

  const auto rows = ReadRows(counts->get());
  if (!rows.ok()) return Fail(rows.status().message());
  const auto lost = ReadDropped(dropped->get());
  if (!lost.ok()) return Fail(lost.status().message());
  PrintRows(*rows, absl::GetFlag(FLAGS_top));
  if (*lost > 0) {
    absl::PrintF("calls dropped, the map is full: %d; see --max_entries\n",
                 *lost);
  }
  PrintLineCount(lines);
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
