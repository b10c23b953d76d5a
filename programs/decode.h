// SPDX-License-Identifier: Apache-2.0
//
// Decode: turns the instructions of a program into operations, and refuses what
// no program may contain.
//
// Refused are instructions that do not exist, fields that must be 0, registers
// that there are not, jumps and calls out of the program, and a program that
// can run off its end. Memory accesses are checked when the program runs. A
// call of a helper that there is not is no error either: libbpf leaves such
// calls where the program will not come.

#ifndef BPFMAP_PROGRAMS_DECODE_H_
#define BPFMAP_PROGRAMS_DECODE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/operation.h"

namespace bpfmap {

// Why a program was not loaded.
struct LoadError {
  Errno error = Errno::kOk;
  uint32_t instruction = 0;
  std::string reason;  // one sentence, without the place

  bool failed() const { return error != Errno::kOk; }
};

// Sets *operations to those of `program`. Loads of 64 bits other than plain
// numbers become LoadRegion with `offset` and `imm` as in the instruction, for
// Program to resolve.
//   E2BIG   no instruction, or more than kMaxInstructions
//   EINVAL  see above
//
// With `like_linux` it refuses, as Linux does, what has a meaning in RFC 9669:
// a division by the constant 0, a shift by as many bits as there are, and
// instructions that no jump and no other instruction leads to.
LoadError Decode(std::span<const Instruction> program, bool like_linux,
                 std::vector<Operation>* operations);

// Where functions start, in order: 0, and the targets of local calls and of
// kPseudoFunc.
// REQUIRES: Decode() took the program.
std::vector<uint32_t> FunctionStarts(std::span<const Instruction> program);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_DECODE_H_
