// SPDX-License-Identifier: Apache-2.0
//
// ReachedCalls: the calls of helpers that Linux's verifier surely comes to.
//
// The verifier looks at a call only where it finds a way there, and libraries
// rely on it: a branch that asks a constant whether the kernel has a helper
// hides the call. Left out here are branches that a constant decides, and all
// that comes after a branch that read-only variables may decide, which the
// verifier knows the values of.

#ifndef BPFMAP_PROGRAMS_REACHED_CALLS_H_
#define BPFMAP_PROGRAMS_REACHED_CALLS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "bpfmap/programs/instruction.h"

namespace bpfmap {

// The places of such calls in the program, in order.
// REQUIRES: Decode() took the program.
std::vector<uint32_t> ReachedCalls(std::span<const Instruction> program);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_REACHED_CALLS_H_
