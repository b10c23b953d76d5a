// SPDX-License-Identifier: Apache-2.0

#include "tests/support/kernel_backend.h"

namespace bpfmap {

const Backend* KernelBackend() { return nullptr; }

}  // namespace bpfmap
