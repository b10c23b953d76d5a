// SPDX-License-Identifier: Apache-2.0

// Every row of golden/kernel_errno.tsv holds on every backend, the kernel too,
// or stands in golden/exempt.tsv with the reason why it is not asserted.

#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"
#include "gtest/gtest.h"
#include "tests/contract/golden_probe.h"
#include "tests/support/backend.h"

namespace bpfmap {
namespace {

constexpr MapType kTypes[] = {
    MapType::kHash,           MapType::kArray,       MapType::kProgArray,
    MapType::kPerCpuHash,     MapType::kPerCpuArray, MapType::kLruHash,
    MapType::kLruPerCpuHash,  MapType::kLpmTrie,     MapType::kArrayOfMaps,
    MapType::kHashOfMaps,     MapType::kQueue,       MapType::kStack,
    MapType::kRingBuf,        MapType::kBloomFilter, MapType::kUserRingBuf,
    MapType::kPerfEventArray, MapType::kStackTrace,  MapType::kCgroupArray,
    MapType::kDevMap,         MapType::kDevMapHash,  MapType::kCpuMap};

// The lines of a file beside this test, without comments.
std::vector<std::string> Lines(const std::string& name) {
  std::ifstream file(absl::StrCat("tests/contract/golden/", name));
  EXPECT_TRUE(file.is_open()) << name;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, "#")) lines.push_back(line);
  }
  return lines;
}

struct Exemption {
  std::vector<std::string> fields;  // who, map_type, op, condition, reason
  int uses = 0;

  // `row`: map_type, op, condition, result.
  bool Covers(const std::vector<std::string>& row,
              const Backend& backend) const {
    if (fields[0] == "local"
            ? backend.is_kernel
            : fields[0] != "all" && fields[0] != backend.name) {
      return false;
    }
    for (int i = 0; i < 3; ++i) {
      absl::string_view pattern = fields[i + 1];
      if (absl::ConsumeSuffix(&pattern, "*")
              ? !absl::StartsWith(row[i], pattern)
              : row[i] != pattern) {
        return false;
      }
    }
    return true;
  }
};

std::vector<Exemption> Exemptions() {
  std::vector<Exemption> exemptions;
  for (const std::string& line : Lines("exempt.tsv")) {
    exemptions.push_back({absl::StrSplit(line, '\t')});
    EXPECT_EQ(exemptions.back().fields.size(), 5u) << line;
  }
  return exemptions;
}

// The machine of the file had two CPUs, and local maps have as many here.
class GoldenTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (!GetParam().is_kernel) cpus_.emplace(2);
  }

 private:
  std::optional<ScopedPossibleCpus> cpus_;
};

// Rows that hold on a kernel with two CPUs or more, but not with one.
bool NeedsTwoCpus(const std::vector<std::string>& row) {
  return absl::EndsWith(row[2], ", per-CPU layout") ||
         absl::StartsWith(row[2], "full with keys 0 1 2 3, ");
}

TEST_P(GoldenTest, EveryRowHoldsOrIsExempt) {
  std::set<std::string> probed;
  std::set<std::string> missing;  // names of types
  for (const MapType type : kTypes) {
    if (!GetParam().has(type)) {
      missing.insert(MapTypeName(type));
      continue;
    }
    for (std::string& row : GoldenProbe(GetParam(), type).Run()) {
      probed.insert(std::move(row));
    }
  }
  std::vector<Exemption> exemptions = Exemptions();
  std::vector<std::string> wrong;
  std::set<std::string> expected;
  for (const std::string& line : Lines("kernel_errno.tsv")) {
    if (absl::StartsWith(line, "map_type\t")) continue;
    const std::vector<std::string> row = absl::StrSplit(line, '\t');
    ASSERT_EQ(row.size(), 4u) << line;
    if (missing.count(row[0]) != 0) continue;
    if (PossibleCpus() < 2 && NeedsTwoCpus(row)) {
      std::cout << "needs two CPUs: " << line << "\n";
      continue;
    }
    expected.insert(line);
    bool exempt = false;
    for (Exemption& exemption : exemptions) {
      if (exempt || !exemption.Covers(row, GetParam())) continue;
      exempt = true;
      ++exemption.uses;
      expected.insert(absl::StrJoin(row.begin(), row.begin() + 3, "\t"));
    }
    if (!exempt && probed.count(line) == 0) {
      wrong.push_back(absl::StrCat("Linux 6.18:  ", line));
    }
  }
  // The other half of a row that differs, or a condition the file lacks.
  for (const std::string& line : probed) {
    const std::string condition = line.substr(0, line.rfind('\t'));
    if (expected.count(line) == 0 && expected.count(condition) == 0) {
      wrong.push_back(absl::StrCat("backend ", GetParam().name, ": ", line));
    }
  }
  EXPECT_TRUE(wrong.empty()) << wrong.size() << " rows:\n"
                             << absl::StrJoin(wrong, "\n");
  EXPECT_GT(probed.size(), 600u);
}

TEST(ExemptionTest, EachIsNeededAndHasReason) {
  std::vector<Exemption> exemptions = Exemptions();
  for (const std::string& line : Lines("kernel_errno.tsv")) {
    const std::vector<std::string> row = absl::StrSplit(line, '\t');
    for (Exemption& exemption : exemptions) {
      for (const Backend& backend : Backends()) {
        if (exemption.Covers(row, backend)) ++exemption.uses;
      }
    }
  }
  for (const Exemption& exemption : exemptions) {
    const std::string text = absl::StrJoin(exemption.fields, " | ");
    EXPECT_GT(exemption.uses, 0) << text;
    EXPECT_GT(exemption.fields[4].size(), 10u) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, GoldenTest, ::testing::ValuesIn(Backends()),
                         BackendName);

}  // namespace
}  // namespace bpfmap
