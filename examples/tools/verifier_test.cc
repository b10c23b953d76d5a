// SPDX-License-Identifier: Apache-2.0
//
// The verifier of the running kernel takes each of these programs, with the
// types of that kernel. guard is not among them: without BPF trampolines a
// kernel takes no LSM program at all.

#include <memory>
#include <string>

#include "bpfmap/programs/kernel_backend.h"
#include "bpfmap/programs/testing.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_support.h"

namespace bpfmap {
namespace {

class VerifierTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { SKIP_WITHOUT_KERNEL(); }
};

TEST_P(VerifierTest, TakesObject) {
  auto object =
      Object::Open(std::string("examples/tools/") + GetParam() + ".bpf.o",
                   nullptr, std::make_unique<KernelBackend>())
          .value();
  ASSERT_OK(object.SetKernelTypes("/sys/kernel/btf/vmlinux"));
  EXPECT_OK(object.Load());
}

INSTANTIATE_TEST_SUITE_P(, VerifierTest,
                         testing::Values("balancer", "biolatency", "connect",
                                         "conntrack", "execsnoop", "opensnoop",
                                         "redirector", "runqlat", "tcplife"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           return std::string(info.param);
                         });

}  // namespace
}  // namespace bpfmap
