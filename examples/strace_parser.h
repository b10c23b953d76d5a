// SPDX-License-Identifier: Apache-2.0

// One line of strace output, taken apart.
//
// Understood are the layouts of strace 4 to 6 as it writes them to a terminal
// or, with -o, to a file:
//
//   1234 openat(AT_FDCWD, "a.c", O_RDONLY) = 3            -f -o FILE
//   1234<cc1> openat(AT_FDCWD, "a.c", O_RDONLY) = 3       -f -Y -o FILE
//   [pid  1234] openat(AT_FDCWD, "a.c", O_RDONLY) = 3     -f
//   openat(AT_FDCWD</tmp>, "a.c", O_RDONLY) = 3</tmp/a.c> -y
//   1234 16:20:01.123456 openat(...) = 3 <0.000010>       -f -tt -T -o FILE
//
// with the time stamps of -t, -tt, -ttt and -r, the instruction pointer of -i
// and the call number of -n. See strace(1).
//
// Thread-safe: no state.

#ifndef BPFMAP_EXAMPLES_STRACE_PARSER_H_
#define BPFMAP_EXAMPLES_STRACE_PARSER_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace bpfmap::examples {

enum class StraceEvent {
  kCall,        // name(arguments) = result
  kUnfinished,  // name(arguments <unfinished ...>: the rest comes later
  kResumed,     // <... name resumed>rest) = result: the rest
  kExit,        // +++ exited with 0 +++
  kOther,       // a signal, a stack frame, or words of strace's own
};

// The views point into the line that was parsed.
struct StraceLine {
  StraceEvent event = StraceEvent::kOther;

  // The thread, as the line names it. 0: the line names none, because strace
  // follows (or has left) one thread only.
  uint32_t tid = 0;

  // The thread's name (-Y), escaped as strace escapes it. Empty: not shown.
  absl::string_view comm;

  // Set for kCall, kUnfinished and kResumed; "openat".
  absl::string_view syscall;

  // Between the parentheses, as far as this line shows it; escaped.
  absl::string_view arguments;

  // Set for kCall and kResumed, unless strace shows no number ("= ?").
  std::optional<int64_t> result;

  // The thread in "strace: Process 1234 attached", a message that may stand
  // alone or cut a kUnfinished line short. 0: no such message.
  uint32_t attached = 0;
};

// Takes `line` (without its newline; a carriage return does not matter)
// apart, or returns nullopt if strace does not write such lines. A line that
// ends in the middle of a call counts as such.
std::optional<StraceLine> ParseStraceLine(absl::string_view line);

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_STRACE_PARSER_H_
