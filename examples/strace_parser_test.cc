// SPDX-License-Identifier: Apache-2.0

#include "examples/strace_parser.h"

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace bpfmap::examples {
namespace {

// The line, which must parse.
StraceLine Parse(absl::string_view text) {
  const std::optional<StraceLine> line = ParseStraceLine(text);
  EXPECT_TRUE(line.has_value()) << text;
  return line.value_or(StraceLine{});
}

TEST(StraceParserTest, ACallHasANameArgumentsAndAResult) {
  const StraceLine line =
      Parse("openat(AT_FDCWD, \"a.c\", O_RDONLY|O_NOCTTY) = 3");
  EXPECT_EQ(line.event, StraceEvent::kCall);
  EXPECT_EQ(line.tid, 0u);
  EXPECT_EQ(line.comm, "");
  EXPECT_EQ(line.syscall, "openat");
  EXPECT_EQ(line.arguments, "AT_FDCWD, \"a.c\", O_RDONLY|O_NOCTTY");
  EXPECT_EQ(line.result, 3);
}

TEST(StraceParserTest, AFailedCallHasANegativeResult) {
  const StraceLine line = Parse(
      "12 openat(AT_FDCWD, \"a.h\", O_RDONLY) = -1 ENOENT (No such file or "
      "directory)");
  EXPECT_EQ(line.event, StraceEvent::kCall);
  EXPECT_EQ(line.result, -1);
}

TEST(StraceParserTest, ACallWithoutANumberHasNoResult) {
  const StraceLine line = Parse("12 exit_group(0)          = ?");
  EXPECT_EQ(line.syscall, "exit_group");
  EXPECT_EQ(line.event, StraceEvent::kCall);
  EXPECT_EQ(line.result, std::nullopt);
  EXPECT_EQ(Parse("12 openat(AT_FDCWD, \"a\", O_RDONLY) = ? ERESTARTSYS (To "
                  "be restarted if SA_RESTART is set)")
                .result,
            std::nullopt);
}

TEST(StraceParserTest, TheThreadLeadsTheLineOrStandsInBrackets) {
  for (const char* text : {
           "1234 openat(AT_FDCWD, \"a\", O_RDONLY) = 3",
           "1234   openat(AT_FDCWD, \"a\", O_RDONLY) = 3",
           "[pid 1234] openat(AT_FDCWD, \"a\", O_RDONLY) = 3",
           "[pid  1234] openat(AT_FDCWD, \"a\", O_RDONLY) = 3",
       }) {
    const StraceLine line = Parse(text);
    EXPECT_EQ(line.tid, 1234u) << text;
    EXPECT_EQ(line.syscall, "openat") << text;
    EXPECT_EQ(line.comm, "") << text;
  }
}

TEST(StraceParserTest, TheNameOfTheThreadStandsBesideItsNumber) {
  EXPECT_EQ(Parse("1234<cc1> openat(AT_FDCWD, \"a\", O_RDONLY) = 3").comm,
            "cc1");
  EXPECT_EQ(Parse("[pid 1234<cc1>] openat(AT_FDCWD, \"a\", 0) = 3").comm,
            "cc1");
  // As strace 6.1 wrote it for a thread named `a>b "c" \e[3)`.
  const StraceLine odd =
      Parse(R"(26030<a\76b \"c\" \33[3)> openat(AT_FDCWD, "x", O_RDONLY) = 4)");
  EXPECT_EQ(odd.comm, R"(a\76b \"c\" \33[3))");
  EXPECT_EQ(odd.result, 4);
}

TEST(StraceParserTest, EveryTimeStampIsSkipped) {
  for (const char* stamp : {
           "16:20:01 ",                          // -t
           "16:20:01.123456 ",                   // -tt
           "1795250756.828577 ",                 // -ttt
           "1795250756 ",                        // --timestamps=unix,s
           "     0.000123 ",                     // -r
           "16:20:01.123456 (+     0.000123) ",  // -r -tt
           "[00007f7224cbb1d0] ",                // -i
           "[????????????????] ",                // -i, no address
           "[ 257] ",                            // -n
           "16:20:01 [ 257] [00007f7224cbb1d0] ",
       }) {
    for (const char* thread : {"", "77 ", "77<cc1> ", "[pid    77] "}) {
      const std::string text =
          std::string(thread) + stamp + "openat(AT_FDCWD, \"a\", O_RDONLY) = 3";
      const StraceLine line = Parse(text);
      EXPECT_EQ(line.tid, *thread == '\0' ? 0u : 77u) << text;
      EXPECT_EQ(line.syscall, "openat") << text;
      EXPECT_EQ(line.event, StraceEvent::kCall) << text;
    }
  }
}

TEST(StraceParserTest, AnInterruptedCallComesInTwoParts) {
  const StraceLine begun = Parse(
      "15 openat(AT_FDCWD, \"/lib/libgmp.so.10\", O_RDONLY <unfinished ...>");
  EXPECT_EQ(begun.event, StraceEvent::kUnfinished);
  EXPECT_EQ(begun.syscall, "openat");
  EXPECT_EQ(begun.arguments, "AT_FDCWD, \"/lib/libgmp.so.10\", O_RDONLY");
  EXPECT_EQ(begun.result, std::nullopt);

  const StraceLine ended = Parse("15 <... openat resumed>)        = 3");
  EXPECT_EQ(ended.event, StraceEvent::kResumed);
  EXPECT_EQ(ended.tid, 15u);
  EXPECT_EQ(ended.syscall, "openat");
  EXPECT_EQ(ended.result, 3);
}

TEST(StraceParserTest, TheSecondPartMayBeInterruptedToo) {
  const StraceLine line =
      Parse("[pid 15] <... openat resumed> <unfinished ...>) = ?");
  EXPECT_EQ(line.event, StraceEvent::kResumed);
  EXPECT_EQ(line.syscall, "openat");
  EXPECT_EQ(Parse("15 <... futex resumed> <unfinished ...>").event,
            StraceEvent::kResumed);
}

TEST(StraceParserTest, ACallThatStraceLeftBehindIsUnfinished) {
  EXPECT_EQ(Parse("15 openat(AT_FDCWD, \"a\", O_RDONLY <detached ...>").event,
            StraceEvent::kUnfinished);
}

TEST(StraceParserTest, FileDescriptorsMayBeDecorated) {
  const StraceLine line = Parse(
      "openat(AT_FDCWD</tmp/hello>, \"a.c\", O_RDONLY) = 3</tmp/hello/a.c> "
      "<0.000006>");
  EXPECT_EQ(line.event, StraceEvent::kCall);
  EXPECT_EQ(line.result, 3);
}

// Lines of strace 6.1 for files with such names.
TEST(StraceParserTest, ParenthesesAndQuotesInNamesDoNotEndACall) {
  EXPECT_EQ(
      Parse(R"(7 openat(AT_FDCWD, "x) = 7", O_RDONLY) = -1 ENOTDIR)").result,
      -1);
  EXPECT_EQ(Parse(R"(7 openat(AT_FDCWD, "a\"b) = 5", O_RDONLY) = 4)").result,
            4);
  EXPECT_EQ(Parse(R"(7 openat(4</tmp/a\"b>, "x) = 7", O_RDONLY) = -1 ENOTDIR)")
                .result,
            -1);
  EXPECT_EQ(Parse(R"(7 openat(AT_FDCWD, "<x>\n\\", O_RDONLY) = 8)").result, 8);
}

TEST(StraceParserTest, AnExitIsAnEventOfItsThread) {
  const StraceLine line = Parse("15893<cc> +++ exited with 0 +++");
  EXPECT_EQ(line.event, StraceEvent::kExit);
  EXPECT_EQ(line.tid, 15893u);
  EXPECT_EQ(Parse("+++ killed by SIGSEGV (core dumped) +++").event,
            StraceEvent::kExit);
}

TEST(StraceParserTest, SignalsAndMessagesParseAndAreNoCalls) {
  for (const char* text : {
           "12 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---",
           "[pid 12] 16:20:01 --- stopped by SIGSTOP ---",
           "strace: Process 12 attached",
           "strace: [ Process PID=12 runs in 32 bit mode. ]",
           "[ Process PID=12 runs in 32 bit mode. ]",
           " > /usr/lib/libc.so.6(open64+0x5b) [0xf6b5b]",
       }) {
    const StraceLine line = Parse(text);
    EXPECT_EQ(line.event, StraceEvent::kOther) << text;
    EXPECT_EQ(line.syscall, "") << text;
  }
}

TEST(StraceParserTest, AnAttachedThreadIsNamed) {
  EXPECT_EQ(Parse("strace: Process 16400 attached").attached, 16400u);
  EXPECT_EQ(Parse("strace: Process 16400<thr> attached").attached, 16400u);
  EXPECT_EQ(Parse("strace: Process 16400 detached").attached, 0u);
}

TEST(StraceParserTest, ACallMayBeCutShortByAMessage) {
  const StraceLine line = Parse(
      "clone3({flags=CLONE_VM|CLONE_THREAD, tls=0x7f}strace: Process 164 "
      "attached");
  EXPECT_EQ(line.event, StraceEvent::kUnfinished);
  EXPECT_EQ(line.syscall, "clone3");
  EXPECT_EQ(line.arguments, "{flags=CLONE_VM|CLONE_THREAD, tls=0x7f}");
  EXPECT_EQ(line.attached, 164u);
}

TEST(StraceParserTest, ACarriageReturnDoesNotMatter) {
  const StraceLine line = Parse("12 openat(AT_FDCWD, \"a\", O_RDONLY) = 3\r");
  EXPECT_EQ(line.syscall, "openat");
  EXPECT_EQ(line.result, 3);
  EXPECT_EQ(Parse("12 +++ exited with 0 +++\r").event, StraceEvent::kExit);
}

TEST(StraceParserTest, CallsWithSimilarNamesAreToldApart) {
  EXPECT_EQ(Parse("12 openat2(AT_FDCWD, \"a\", {}, 24) = 3").syscall,
            "openat2");
  EXPECT_EQ(Parse("12 open(\"openat(\", O_RDONLY) = 3").syscall, "open");
}

TEST(StraceParserTest, WhatStraceDoesNotWriteDoesNotParse) {
  using std::string_literals::operator""s;
  for (const std::string& text : {
           ""s,
           " "s,
           "\0\0\0\0"s,
           "\x7f"s
           "ELF\2\1\1\0"s,
           "cc -O2 -c -o main.o main.c"s,
           "main.c:3:12: error: expected ';'"s,
           "1234"s,
           "1234 "s,
           "[pid"s,
           "[pid 12"s,
           "[pid 12] "s,
           "[pid x] openat() = 3"s,
           "12<cc openat() = 3"s,
           "99999999999999999999999 "s,
           "(+ "s,
           "<... "s,
           "<... resumed>"s,
           "+++ exited"s,
           "--- "s,
           "openat"s,
           "openat("s,
           "openat(AT_FDCWD, \"a\""s,             // the recording broke off
           "openat(AT_FDCWD, \"a\", O_RDONLY)"s,  // here too
           "openat(AT_FDCWD, \"a\", O_RDONLY) ="s,
           "openat(AT_FDCWD, \"a) = 3"s,
           "openat(\\"s,
           "% time     seconds  usecs/call     calls    errors syscall"s,
           "\xef\xbb\xbfopenat(AT_FDCWD, \"a\", O_RDONLY) = 3"s,
       }) {
    EXPECT_FALSE(ParseStraceLine(text).has_value()) << text;
  }
}

TEST(StraceParserTest, ANumberTooLargeForAThreadIsATime) {
  EXPECT_EQ(Parse("4194304 openat(AT_FDCWD, \"a\", 0) = 3").tid, 4194304u);
  EXPECT_EQ(Parse("4194305 openat(AT_FDCWD, \"a\", 0) = 3").tid, 0u);
}

// Whatever a line is cut to, the parser stays within it (run under ASan).
TEST(StraceParserTest, EveryPieceOfALineIsSafeToParse) {
  const std::string text =
      "[pid 12<a\\76>] 16:20:01.5 (+ 0.1) [ 257] clone3({flags=CLONE_VM}, "
      "\"\\\"\")  = 3</a> strace: Process 12<a> attached";
  for (size_t start = 0; start <= text.size(); ++start) {
    for (size_t size = 0; size <= text.size() - start; ++size) {
      const std::string piece = text.substr(start, size);
      (void)ParseStraceLine(piece);
    }
  }
}

}  // namespace
}  // namespace bpfmap::examples
