// SPDX-License-Identifier: Apache-2.0
//
// strace_events: a strace recording as events for the programs of
// process_counter.bpf.c, a line each (programs/event_line.h), and then the
// signal that ends its user.
//
//   strace_events <data/make.strace

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "examples/strace_replay.h"
#include "examples/strace_tasks.h"

namespace bpfmap::examples {
namespace {

// In quotes, with all that might end them escaped.
std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
      quoted += absl::StrFormat("\\x%02x", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

void Print(StraceHook hook, const StraceTasks::Task& task) {
  const std::string comm = Quoted(task.comm);
  absl::PrintF("pid=%d comm=%s ", task.pid, comm);
  if (hook == StraceHook::kOpenat) {
    absl::PrintF("tracepoint/syscalls/sys_enter_openat\n");
  } else {
    absl::PrintF("tracepoint/task/task_rename newcomm=%s\n", comm);
  }
}

}  // namespace

int Main() {
  ReplayStrace(stdin, Print);
  absl::PrintF("signal INT\n");
  return std::fflush(stdout) == 0 && !std::ferror(stdin) ? 0 : 1;
}

}  // namespace bpfmap::examples

int main() { return bpfmap::examples::Main(); }
