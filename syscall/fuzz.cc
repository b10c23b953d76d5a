// SPDX-License-Identifier: Apache-2.0

// RunFuzzInput() for libFuzzer, which needs clang. It prints its seed, and
// takes its own flags:
//
//   ./bazelw test --config=fuzz //syscall:fuzz
//   ./bazelw run --config=fuzz //syscall:fuzz -- -max_total_time=3600 CORPUS

#include <cstddef>
#include <cstdint>

#include "bpfmap/syscall/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  bpfmap::RunFuzzInput(data, size);
  return 0;
}
