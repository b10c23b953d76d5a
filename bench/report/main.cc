// SPDX-License-Identifier: Apache-2.0

// report: turns the JSON of map_bench into one page of HTML with charts.
//
//   ./bazelw run -c opt //bench:map_bench -- --benchmark_repetitions=5
//       --benchmark_out=$PWD/results.json --benchmark_out_format=json
//   ./bazelw run //bench/report -- results.json --out=report.html
//
// or, with --markdown, into the tables of RESULTS.md.
//
// report_rows.h reads the file, report_series.h says what is compared with
// what, report_page.h writes the page.

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "bench/report/markdown.h"
#include "bench/report/page.h"
#include "bench/report/rows.h"

ABSL_FLAG(std::string, out, "report.html", "Where the page goes; - is stdout");
ABSL_FLAG(bool, markdown, false, "Tables of Markdown instead of a page");
ABSL_FLAG(std::string, title, "bpfmap: maps compared",
          "What stands above the page");

namespace bpfmap::bench {
namespace {

constexpr char kHelp[] =
    "report: turns the JSON of map_bench into one page of HTML with charts.\n"
    "\n"
    "Usage: report [--out=FILE] [--title=TEXT] RESULTS.json...\n"
    "       report --markdown [--out=FILE] RESULTS.json...\n"
    "\n"
    "RESULTS.json is what map_bench wrote with --benchmark_out=RESULTS.json\n"
    "--benchmark_out_format=json; - is stdin. Of repeated rows the medians\n"
    "are shown, of several files all rows. The page is one file that needs no\n"
    "network.\n"
    "\n"
    "--out=FILE     Where the page goes; - is stdout (report.html)\n"
    "--title=TEXT   What stands above it\n"
    "--markdown     Tables for bench/RESULTS.md. Of a FILE that is there, "
    "what\n"
    "               stands above the tables stays.\n"
    "\n"
    "Ends with 1 if the page could not be made, and says why in one line.\n";

int Fail(absl::string_view why) {
  absl::FPrintF(stderr, "report: %s\n", why);
  return EXIT_FAILURE;
}

// `bazel run` starts a program in its runfiles and tells where the user is.
std::string UserPath(const std::string& name) {
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  if (directory == nullptr) return name;
  return (std::filesystem::path(directory) / name).string();
}

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// Returns false, with errno set, where not all of it can be read.
bool ReadAll(const std::string& name, std::string& text) {
  File opened(nullptr, std::fclose);
  std::FILE* file = stdin;
  if (name != "-") {
    opened.reset(std::fopen(UserPath(name).c_str(), "rb"));
    file = opened.get();
    if (file == nullptr) return false;
  }
  char buffer[1 << 16];
  size_t size;
  while ((size = std::fread(buffer, 1, sizeof buffer, file)) > 0) {
    text.append(buffer, size);
  }
  return std::ferror(file) == 0;  // a folder can be opened, but not read
}

bool WriteAll(const std::string& name, const std::string& text) {
  if (name == "-") {
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
           std::fflush(stdout) == 0;
  }
  std::FILE* file = std::fopen(UserPath(name).c_str(), "wb");
  if (file == nullptr) return false;
  const bool written =
      std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written;
}

// The text of the file `out`.
std::string Written(const ReportRun& run, const std::string& out) {
  if (!absl::GetFlag(FLAGS_markdown)) {
    return ReportPage(run, absl::GetFlag(FLAGS_title));
  }
  std::string before;
  if (out == "-" || !ReadAll(out, before)) before.clear();
  return ReplaceTables(before, MarkdownTables(run));
}

int Main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    // Abseil would end with 1.
    if (std::strcmp(argv[i], "--help") == 0) {
      absl::PrintF("%s", kHelp);
      return EXIT_SUCCESS;
    }
  }
  absl::SetProgramUsageMessage(kHelp);
  const std::vector<char*> args = absl::ParseCommandLine(argc, argv);
  if (args.size() < 2) return Fail("name a file; see --help");
  ReportRun run;
  for (size_t i = 1; i < args.size(); ++i) {
    const std::string name = args[i];
    std::string text;
    if (!ReadAll(name, text)) {
      return Fail(
          absl::StrCat("cannot read ", name, ": ", std::strerror(errno)));
    }
    absl::StatusOr<ReportRun> one = ReadRun(text);
    if (!one.ok()) {
      return Fail(absl::StrCat(name == "-" ? "stdin" : name, ": ",
                               std::string(one.status().message())));
    }
    if (i == 1) run.machine = one->machine;
    run.rows.insert(run.rows.end(), one->rows.begin(), one->rows.end());
    run.without_result.insert(run.without_result.end(),
                              one->without_result.begin(),
                              one->without_result.end());
  }
  const std::string out = absl::GetFlag(FLAGS_out);
  if (!WriteAll(out, Written(run, out))) {
    return Fail(absl::StrCat("cannot write ", out, ": ", std::strerror(errno)));
  }
  if (out != "-") {
    absl::FPrintF(stderr, "report: %s has %d rows", out, run.rows.size());
    if (!run.without_result.empty()) {
      absl::FPrintF(stderr, ", and %d without a result",
                    run.without_result.size());
    }
    absl::FPrintF(stderr, "\n");
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace bpfmap::bench

int main(int argc, char** argv) { return bpfmap::bench::Main(argc, argv); }
