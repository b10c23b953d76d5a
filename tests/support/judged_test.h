// SPDX-License-Identifier: Apache-2.0
//
// For tests of BPF programs that have two judges: the programs run in this
// process and, as root, in the running kernel, which must say the same.
//
//   class FirewallTest : public JudgedTest {};
//   TEST_P(FirewallTest, Drops) { Object object = Open("firewall.bpf.o"); ... }
//   INSTANTIATE_TEST_SUITE_P(, FirewallTest, kJudges, NameOfJudge);
//
// The kernel's tests are skipped where it cannot be asked; with
// REQUIRE_KERNEL=1 they fail then.

#ifndef TESTS_SUPPORT_JUDGED_TEST_H_
#define TESTS_SUPPORT_JUDGED_TEST_H_

#include <memory>
#include <string>
#include <utility>

#include "bpfmap/programs/kernel_backend.h"
#include "bpfmap/programs/object.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_support.h"

namespace bpfmap {

enum class Judge { kHere, kKernel };

inline const auto kJudges = testing::Values(Judge::kHere, Judge::kKernel);

inline std::string NameOfJudge(const testing::TestParamInfo<Judge>& info) {
  return info.param == Judge::kHere ? "here" : "kernel";
}

class JudgedTest : public testing::TestWithParam<Judge> {
 protected:
  void SetUp() override {
    if (is_kernel()) SKIP_WITHOUT_KERNEL();
  }
  static bool is_kernel() { return GetParam() == Judge::kKernel; }

  static Object Open(const std::string& path) {
    std::unique_ptr<ObjectBackend> backend;
    if (is_kernel()) backend = std::make_unique<KernelBackend>();
    return Object::Open(path, nullptr, std::move(backend)).value();
  }
};

}  // namespace bpfmap

#endif  // TESTS_SUPPORT_JUDGED_TEST_H_
