// SPDX-License-Identifier: Apache-2.0

// kernel_support.h where tests do not run on the machine that built them, or
// not on Linux.

#include <string>

#include "tests/support/kernel_support.h"

namespace bpfmap {

bool KernelAvailable() { return false; }

const std::string& WhyNoKernel() {
  static const std::string& why =
      *new std::string("an emulator has no bpf(2) to ask");
  return why;
}

bool KernelRequired() { return false; }

}  // namespace bpfmap
