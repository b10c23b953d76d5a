// SPDX-License-Identifier: Apache-2.0

#include "examples/strace_replay.h"

#include <cstddef>
#include <optional>

#include "examples/strace_parser.h"

namespace bpfmap::examples {
namespace {

constexpr size_t kMaxLine = 1 << 20;  // a longer line does not parse

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

}  // namespace

StraceLines ReplayStrace(
    std::FILE* file,
    const std::function<void(StraceHook, const StraceTasks::Task&)>& fire) {
  StraceLines lines;
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
    if (current.renamed) fire(StraceHook::kTaskRename, current);
    // The second part of a call that was interrupted is no second call.
    if (line->syscall == "openat" && line->event != StraceEvent::kResumed) {
      fire(StraceHook::kOpenat, current);
    }
  }
  return lines;
}

}  // namespace bpfmap::examples
