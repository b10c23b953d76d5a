// SPDX-License-Identifier: Apache-2.0
//
// For tests of BPF programs: a test that depends on this fails if, all its
// cases together, less than 90% of the lines of a BPF source ran; it names
// those that did not. Only runs in this process count.
//
// A test that was asked for some of its cases only (--gtest_filter) is not
// judged.

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bpfmap/programs/coverage.h"
#include "bpfmap/programs/lcov.h"
#include "gtest/gtest.h"

namespace {

constexpr std::size_t kLeastPercent = 90;

class LineCoverage : public testing::Environment {
 public:
  void TearDown() override {
    if (testing::GTEST_FLAG(filter) != "*") return;
    const bpfmap::Lcov lcov = bpfmap::ProcessCoverage()->Collect();
    EXPECT_FALSE(lcov.files().empty()) << "no program of a BPF source ran";
    for (const auto& [name, file] : lcov.files()) Check(name, file);
  }

 private:
  static void Check(const std::string& name, const bpfmap::Lcov::File& file) {
    std::string others;
    std::size_t ran = 0;
    for (const auto& [line, count] : file.lines) {
      if (count != 0) {
        ++ran;
      } else {
        others += " " + std::to_string(line);
      }
    }
    EXPECT_GE(ran * 100, file.lines.size() * kLeastPercent)
        << name << ": " << ran << " of " << file.lines.size()
        << " lines ran, and not these:" << others;
  }
};

// Before anything asks whether to count. `bazel coverage` says it itself.
bool Start() {
  if (std::getenv("COVERAGE_DIR") == nullptr &&
      std::getenv("BPFMAP_COVERAGE") == nullptr) {
    const std::string file = testing::TempDir() + "/coverage.info";
    std::remove(file.c_str());
    setenv("BPFMAP_COVERAGE", file.c_str(), 1);
  }
  testing::AddGlobalTestEnvironment(new LineCoverage);
  return true;
}

[[maybe_unused]] const bool kStarted = Start();

}  // namespace
