// SPDX-License-Identifier: Apache-2.0

// For tests that ask the running kernel: whether it can be asked.

#ifndef BPFMAP_TESTS_SUPPORT_KERNEL_SUPPORT_H_
#define BPFMAP_TESTS_SUPPORT_KERNEL_SUPPORT_H_

#include <string>

#include "gtest/gtest.h"

namespace bpfmap {

// Whether this process may create every map that the kernel tests need. The
// first call tries it on a small array map with a lock in its value, as the BTF
// for a lock needs CAP_BPF on every system. False too where the kernel's maps
// are for another number of CPUs than local ones, see with_possible_cpus.sh.
bool KernelAvailable();

// Why KernelAvailable() is false, in one sentence; empty where it is true.
const std::string& WhyNoKernel();

// Whether the environment says REQUIRE_KERNEL=1: to go without the kernel is
// then a failure.
bool KernelRequired();

}  // namespace bpfmap

// The first line of a test, or of SetUp(), that asks the kernel. Where the
// kernel cannot be asked it ends the test: skipped, or failed where
// REQUIRE_KERNEL=1.
#define SKIP_WITHOUT_KERNEL()                                          \
  do {                                                                 \
    if (::bpfmap::KernelAvailable()) break;                            \
    if (::bpfmap::KernelRequired()) FAIL() << ::bpfmap::WhyNoKernel(); \
    GTEST_SKIP() << ::bpfmap::WhyNoKernel();                           \
  } while (false)

#endif  // BPFMAP_TESTS_SUPPORT_KERNEL_SUPPORT_H_
