// SPDX-License-Identifier: Apache-2.0

#include "bench/results_file.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace bpfmap::bench {
namespace {

int Fail(absl::string_view program, absl::string_view why) {
  std::fprintf(stderr, "%s: %s\n", std::string(program).c_str(),
               std::string(why).c_str());
  return EXIT_FAILURE;
}

}  // namespace

std::string WithTable(absl::string_view text, absl::string_view program,
                      absl::string_view table) {
  const std::string first =
      absl::StrCat("<!-- From here on: bench/", program, " -->\n");
  const std::string last =
      absl::StrCat("<!-- Up to here: bench/", program, " -->\n");
  const size_t begin = text.find(first);
  const size_t end = text.find(last);
  if (begin == absl::string_view::npos || end == absl::string_view::npos ||
      end < begin) {
    return "";
  }
  return absl::StrCat(text.substr(0, begin), first, "\n", table, "\n",
                      text.substr(end));
}

int WriteTable(int argc, char** argv, absl::string_view program,
               absl::string_view table) {
  std::printf("%s", std::string(table).c_str());
  if (argc == 1) return EXIT_SUCCESS;
  absl::string_view out = argv[1];
  if (argc > 2 || !absl::ConsumePrefix(&out, "--out=")) {
    return Fail(program, "the only argument is --out=FILE");
  }
  const std::string name(out);
  std::ifstream in(name);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string with_table = WithTable(text, program, table);
  if (with_table.empty()) return Fail(program, "no place for it in " + name);
  std::ofstream file(name);
  file << with_table << std::flush;
  return file ? EXIT_SUCCESS : Fail(program, "cannot write " + name);
}

}  // namespace bpfmap::bench
