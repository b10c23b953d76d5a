// SPDX-License-Identifier: Apache-2.0
//
// Disassemble: an instruction as the kernel's verifier and bpftool write it,
// as in "r2 = *(u16 *)(r1 + 12)".

#ifndef BPFMAP_PROGRAMS_DISASSEMBLE_H_
#define BPFMAP_PROGRAMS_DISASSEMBLE_H_

#include <cstddef>
#include <span>
#include <string>

#include "bpfmap/programs/instruction.h"

namespace bpfmap {

// The instruction at `at`. One that does not exist is shown by its code. Jumps
// are relative: "goto +3".
// REQUIRES: at < program.size().
std::string Disassemble(std::span<const Instruction> program, std::size_t at);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_DISASSEMBLE_H_
