// SPDX-License-Identifier: Apache-2.0
//
// The file of a process's coverage.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "bpfmap/profiles/platform/update_file.h"
#include "bpfmap/programs/coverage.h"

namespace bpfmap {
namespace {

// "" if nothing is to be counted.
std::string FileName() {
  const char* const file = std::getenv("BPFMAP_COVERAGE");
  if (file != nullptr) return file;
  const char* const folder = std::getenv("COVERAGE_DIR");
  if (folder == nullptr || *folder == 0) return "";
  return std::string(folder) + "/bpf_programs.dat";
}

// Never destroyed: programs may outlive static objects.
std::string& File() {
  static std::string& file = *new std::string(FileName());
  return file;
}

void Write() {
  const Lcov counted = ProcessCoverage()->Collect();
  if (counted.files().empty() && counted.unnamed().empty()) return;
  std::string summary;
  const auto add = [&](const std::string& old) {
    Lcov lcov = counted;
    lcov.MergeText(old);
    summary = lcov.Summary();
    return lcov.Text();
  };
  if (!platform::UpdateFile(File().c_str(), add)) {
    std::fprintf(stderr, "bpfmap: cannot write the coverage to %s\n",
                 File().c_str());
    return;
  }
  // In `bazel coverage` it would stand in the output of every test.
  if (std::getenv("BPFMAP_COVERAGE") == nullptr) return;
  std::fprintf(stderr, "bpfmap: coverage in %s until now:\n%s", File().c_str(),
               summary.c_str());
}

Coverage* Start() {
  if (File().empty()) return nullptr;
  std::atexit(Write);
  return new Coverage;
}

}  // namespace

Coverage* ProcessCoverage() {
  static Coverage* const coverage = Start();
  return coverage;
}

}  // namespace bpfmap
