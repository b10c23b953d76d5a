// SPDX-License-Identifier: Apache-2.0

// KernelBackend: the running kernel as a backend of backend.h.

#ifndef BPFMAP_TESTS_SUPPORT_KERNEL_BACKEND_H_
#define BPFMAP_TESTS_SUPPORT_KERNEL_BACKEND_H_

#include "tests/support/backend.h"

namespace bpfmap {

// Null where tests do not run on the machine that built them, or not on Linux:
// there is no kernel then that answers bpf(2).
const Backend* KernelBackend();

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_KERNEL_BACKEND_H_
