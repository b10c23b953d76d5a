// report: turns the JSON of map_bench into one page of HTML with charts.
//
//   ./bazelw run -c opt //bench:map_bench -- --benchmark_repetitions=5
//       --benchmark_out=$PWD/results.json --benchmark_out_format=json
//   ./bazelw run //bench:report -- results.json --out=report.html
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
#include "bench/report_page.h"
#include "bench/report_rows.h"

ABSL_FLAG(std::string, out, "report.html", "Where the page goes; - is stdout");
ABSL_FLAG(std::string, title, "bpfmap: maps compared",
          "What stands above the page");

namespace bpfmap::bench {
namespace {

constexpr char kHelp[] =
    "report: turns the JSON of map_bench into one page of HTML with charts.\n"
    "\n"
    "Usage: report [--out=FILE] [--title=TEXT] RESULTS.json\n"
    "\n"
    "RESULTS.json is what map_bench wrote with --benchmark_out=RESULTS.json\n"
    "--benchmark_out_format=json; - is stdin. Of repeated rows the medians\n"
    "are shown. The page is one file that needs no network.\n"
    "\n"
    "--out=FILE     Where the page goes; - is stdout (report.html)\n"
    "--title=TEXT   What stands above it\n"
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
  if (args.size() != 2) return Fail("name one file; see --help");
  const std::string name = args[1];
  std::string text;
  if (!ReadAll(name, text)) {
    return Fail(absl::StrCat("cannot read ", name, ": ", std::strerror(errno)));
  }
  const absl::StatusOr<ReportRun> run = ReadRun(text);
  if (!run.ok()) {
    return Fail(absl::StrCat(name == "-" ? "stdin" : name, ": ",
                             std::string(run.status().message())));
  }
  const std::string out = absl::GetFlag(FLAGS_out);
  if (!WriteAll(out, ReportPage(*run, absl::GetFlag(FLAGS_title)))) {
    return Fail(absl::StrCat("cannot write ", out, ": ", std::strerror(errno)));
  }
  if (out != "-") {
    absl::FPrintF(stderr, "report: %s has %d rows", out, run->rows.size());
    if (!run->without_result.empty()) {
      absl::FPrintF(stderr, ", and %d without a result",
                    run->without_result.size());
    }
    absl::FPrintF(stderr, "\n");
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace bpfmap::bench

int main(int argc, char** argv) { return bpfmap::bench::Main(argc, argv); }
