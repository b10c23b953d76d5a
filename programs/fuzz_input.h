// SPDX-License-Identifier: Apache-2.0
//
// FuzzProgram: loads bytes as a program, and runs it.
//
// Nothing may come of it but a load error, a fault or a result.

#ifndef BPFMAP_PROGRAMS_FUZZ_INPUT_H_
#define BPFMAP_PROGRAMS_FUZZ_INPUT_H_

#include <cstdint>
#include <span>

namespace bpfmap {

// The result.
enum class FuzzOutcome { kRefused, kFaulted, kEnded };

// The first byte of `input` says which type; the rest are instructions. Maps
// are those of the descriptors 1 to 9: one of each kind.
FuzzOutcome FuzzProgram(std::span<const uint8_t> input);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_FUZZ_INPUT_H_
