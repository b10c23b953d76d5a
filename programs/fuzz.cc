// SPDX-License-Identifier: Apache-2.0
//
// The entry of libFuzzer; build with --config=fuzz.

#include <cstddef>
#include <cstdint>

#include "bpfmap/programs/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  bpfmap::FuzzProgram({data, size});
  return 0;
}
