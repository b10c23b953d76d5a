// SPDX-License-Identifier: Apache-2.0

#include "examples/strace_parser.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace bpfmap::examples {
namespace {

using absl::string_view;

// Linux has no larger process number (PID_MAX_LIMIT): a larger number at the
// start of a line is a time.
constexpr uint32_t kMaxPid = 4 * 1024 * 1024;

// The index of the first byte that is not in `set`, or the size.
size_t SpanOf(string_view text, string_view set) {
  const size_t end = text.find_first_not_of(set);
  return end == string_view::npos ? text.size() : end;
}

// Consumes "1234" or "1234<name>". Nothing is consumed if this is no number
// of a thread.
bool ConsumeThread(string_view* text, uint32_t* tid, string_view* comm) {
  const size_t digits = SpanOf(*text, "0123456789");
  uint32_t number = 0;
  if (!absl::SimpleAtoi(text->substr(0, digits), &number)) return false;
  if (number == 0 || number > kMaxPid) return false;
  string_view rest = text->substr(digits);
  if (absl::ConsumePrefix(&rest, "<")) {
    // strace writes a '>' within the name as \76.
    const size_t end = rest.find('>');
    if (end == string_view::npos) return false;
    *comm = rest.substr(0, end);
    rest.remove_prefix(end + 1);
  }
  *tid = number;
  *text = rest;
  return true;
}

// Consumes the thread in front of a line: "[pid  1234] " or "1234 ".
void ConsumeThreadPrefix(string_view* text, StraceLine* line) {
  string_view rest = *text;
  const bool bracket = absl::ConsumePrefix(&rest, "[pid ");
  if (bracket) rest = absl::StripLeadingAsciiWhitespace(rest);
  uint32_t tid = 0;
  string_view comm;
  if (!ConsumeThread(&rest, &tid, &comm)) return;
  if (!absl::ConsumePrefix(&rest, bracket ? "] " : " ")) return;
  line->tid = tid;
  line->comm = comm;
  *text = absl::StripLeadingAsciiWhitespace(rest);
}

// Consumes what may stand between the thread and the event: "16:20:01.123456"
// (-t, -r and their like), "(+     0.000123)" (-r with -t), "[00007f0123]"
// (-i) and "[ 257]" (-n), each followed by a space.
void ConsumeStamps(string_view* text) {
  for (;;) {
    string_view rest = *text;
    if (absl::ConsumePrefix(&rest, "(+")) {
      rest.remove_prefix(SpanOf(rest, " .0123456789"));
      if (!absl::ConsumePrefix(&rest, ")")) return;
    } else if (absl::ConsumePrefix(&rest, "[")) {
      rest.remove_prefix(SpanOf(rest, " ?0123456789abcdef"));
      if (!absl::ConsumePrefix(&rest, "]")) return;
    } else {
      const size_t stamp = SpanOf(rest, ".:0123456789");
      if (stamp == 0) return;
      rest.remove_prefix(stamp);
    }
    if (!absl::ConsumePrefix(&rest, " ")) return;
    *text = absl::StripLeadingAsciiWhitespace(rest);
  }
}

// Consumes "strace: Process 1234 attached" from the end.
bool ConsumeAttached(string_view* text, uint32_t* tid) {
  constexpr string_view kMessage = "strace: Process ";
  const size_t start = text->rfind(kMessage);
  if (start == string_view::npos) return false;
  string_view rest = text->substr(start + kMessage.size());
  uint32_t number = 0;
  string_view comm;
  if (!ConsumeThread(&rest, &number, &comm) || rest != " attached") {
    return false;
  }
  *tid = number;
  text->remove_suffix(text->size() - start);
  return true;
}

// Splits "arguments) = result" at the parenthesis that closes the call; one
// within a string does not. False if there is none.
bool SplitAtResult(string_view text, StraceLine* line) {
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;  // the next byte is escaped
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string && text[i] == ')') {
      string_view result =
          absl::StripLeadingAsciiWhitespace(text.substr(i + 1));
      if (!absl::ConsumePrefix(&result, "= ")) continue;
      line->arguments = text.substr(0, i);
      int64_t number = 0;
      const size_t digits = SpanOf(result, "-0123456789");
      if (absl::SimpleAtoi(result.substr(0, digits), &number)) {
        line->result = number;
      }
      return !result.empty();
    }
  }
  return false;
}

// "openat" of "openat(...": empty if `text` does not start with a name.
string_view SyscallName(string_view text) {
  constexpr string_view kLetters = "_abcdefghijklmnopqrstuvwxyz";
  if (SpanOf(text, kLetters) == 0) return {};
  size_t end = SpanOf(text, "_abcdefghijklmnopqrstuvwxyz0123456789");
  return text.substr(0, end);
}

bool ParseCall(string_view text, StraceLine* line) {
  line->syscall = SyscallName(text);
  if (line->syscall.empty()) return false;
  text.remove_prefix(line->syscall.size());
  if (!absl::ConsumePrefix(&text, "(")) return false;
  if (SplitAtResult(text, line)) {
    line->event = StraceEvent::kCall;
    return true;
  }
  if (!absl::ConsumeSuffix(&text, "<unfinished ...>") &&
      !absl::ConsumeSuffix(&text, "<detached ...>") &&
      !ConsumeAttached(&text, &line->attached)) {
    return false;
  }
  line->event = StraceEvent::kUnfinished;
  line->arguments = absl::StripTrailingAsciiWhitespace(text);
  return true;
}

// After "<... ".
bool ParseResumed(string_view text, StraceLine* line) {
  line->syscall = SyscallName(text);
  text.remove_prefix(line->syscall.size());
  if (line->syscall.empty() || !absl::ConsumePrefix(&text, " resumed>")) {
    return false;
  }
  line->event = StraceEvent::kResumed;
  if (!SplitAtResult(text, line)) line->arguments = text;
  return true;
}

}  // namespace

std::optional<StraceLine> ParseStraceLine(string_view text) {
  StraceLine line;
  text = absl::StripTrailingAsciiWhitespace(text);
  if (absl::StartsWith(text, " > ")) return line;  // -k: a stack frame
  text = absl::StripLeadingAsciiWhitespace(text);
  ConsumeThreadPrefix(&text, &line);
  ConsumeStamps(&text);

  if (absl::ConsumePrefix(&text, "<... ")) {
    if (!ParseResumed(text, &line)) return std::nullopt;
    return line;
  }
  if (absl::ConsumePrefix(&text, "+++ ")) {
    if (!absl::EndsWith(text, " +++")) return std::nullopt;
    line.event = StraceEvent::kExit;
    return line;
  }
  if (absl::StartsWith(text, "--- ") && absl::EndsWith(text, " ---")) {
    return line;
  }
  if (absl::StartsWith(text, "strace: ")) {
    ConsumeAttached(&text, &line.attached);
    return line;
  }
  if (absl::StartsWith(text, "[ Process PID=")) return line;
  if (!ParseCall(text, &line)) return std::nullopt;
  return line;
}

}  // namespace bpfmap::examples
