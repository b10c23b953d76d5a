// SPDX-License-Identifier: Apache-2.0
//
// Instructions one by one, for tests and for programs made by hand:
//
//   const std::vector<Instruction> program = {
//       Mov64(R0, 7), Alu64(kAdd, R0, R1), JumpIf(kJeq, R0, 8, +1),
//       Mov64(R0, 0), Exit()};
//
// Sizes are kSizeB, kSizeH, kSizeW and kSizeDw of instruction.h; jumps count
// from the next instruction.

#ifndef BPFMAP_PROGRAMS_ASSEMBLER_H_
#define BPFMAP_PROGRAMS_ASSEMBLER_H_

#include <cstdint>
#include <vector>

#include "bpfmap/programs/instruction.h"

namespace bpfmap::assembler {

struct Register {
  uint8_t number;
};
inline constexpr Register R0{0}, R1{1}, R2{2}, R3{3}, R4{4}, R5{5}, R6{6},
    R7{7}, R8{8}, R9{9}, R10{10};

using Code = std::vector<Instruction>;

// dst = dst `operation` src, of 64 and of 32 bits.
constexpr Instruction Alu64(uint8_t operation, Register dst, int32_t imm,
                            int16_t offset = 0) {
  return Instruction::Of(kClassAlu64 | operation, dst.number, 0, offset, imm);
}
constexpr Instruction Alu64(uint8_t operation, Register dst, Register src,
                            int16_t offset = 0) {
  return Instruction::Of(kClassAlu64 | kSourceRegister | operation, dst.number,
                         src.number, offset, 0);
}
constexpr Instruction Alu32(uint8_t operation, Register dst, int32_t imm,
                            int16_t offset = 0) {
  return Instruction::Of(kClassAlu | operation, dst.number, 0, offset, imm);
}
constexpr Instruction Alu32(uint8_t operation, Register dst, Register src,
                            int16_t offset = 0) {
  return Instruction::Of(kClassAlu | kSourceRegister | operation, dst.number,
                         src.number, offset, 0);
}
constexpr Instruction Mov64(Register dst, int32_t imm) {
  return Alu64(kMov, dst, imm);
}
constexpr Instruction Mov64(Register dst, Register src) {
  return Alu64(kMov, dst, src);
}
constexpr Instruction Mov32(Register dst, int32_t imm) {
  return Alu32(kMov, dst, imm);
}
constexpr Instruction Mov32(Register dst, Register src) {
  return Alu32(kMov, dst, src);
}
constexpr Instruction Neg64(Register dst) { return Alu64(kNeg, dst, 0); }
constexpr Instruction Neg32(Register dst) { return Alu32(kNeg, dst, 0); }
constexpr Instruction ToLittle(Register dst, int32_t bits) {
  return Alu32(kEnd, dst, bits);
}
constexpr Instruction ToBig(Register dst, int32_t bits) {
  return Instruction::Of(kClassAlu | kSourceRegister | kEnd, dst.number, 0, 0,
                         bits);
}
constexpr Instruction SwapBytes(Register dst, int32_t bits) {
  return Alu64(kEnd, dst, bits);
}

constexpr Instruction JumpIf(uint8_t comparison, Register dst, int32_t imm,
                             int16_t offset) {
  return Instruction::Of(kClassJmp | comparison, dst.number, 0, offset, imm);
}
constexpr Instruction JumpIf(uint8_t comparison, Register dst, Register src,
                             int16_t offset) {
  return Instruction::Of(kClassJmp | kSourceRegister | comparison, dst.number,
                         src.number, offset, 0);
}
constexpr Instruction JumpIf32(uint8_t comparison, Register dst, int32_t imm,
                               int16_t offset) {
  return Instruction::Of(kClassJmp32 | comparison, dst.number, 0, offset, imm);
}
constexpr Instruction JumpIf32(uint8_t comparison, Register dst, Register src,
                               int16_t offset) {
  return Instruction::Of(kClassJmp32 | kSourceRegister | comparison, dst.number,
                         src.number, offset, 0);
}
constexpr Instruction Goto(int16_t offset) {
  return Instruction::Of(kClassJmp | kJa, 0, 0, offset, 0);
}
constexpr Instruction GotoLong(int32_t offset) {
  return Instruction::Of(kClassJmp32 | kJa, 0, 0, 0, offset);
}
constexpr Instruction Exit() {
  return Instruction::Of(kClassJmp | kExit, 0, 0, 0, 0);
}
constexpr Instruction CallHelper(int32_t number) {
  return Instruction::Of(kClassJmp | kCall, 0, kCallHelper, 0, number);
}
constexpr Instruction CallFunction(int32_t offset) {
  return Instruction::Of(kClassJmp | kCall, 0, kCallLocal, 0, offset);
}

// dst = *(src + offset), and *(dst + offset) = src.
constexpr Instruction Load(uint8_t size, Register dst, Register src,
                           int16_t offset) {
  return Instruction::Of(kClassLdx | kModeMem | size, dst.number, src.number,
                         offset, 0);
}
constexpr Instruction LoadSigned(uint8_t size, Register dst, Register src,
                                 int16_t offset) {
  return Instruction::Of(kClassLdx | kModeMemSx | size, dst.number, src.number,
                         offset, 0);
}
constexpr Instruction Store(uint8_t size, Register dst, int16_t offset,
                            Register src) {
  return Instruction::Of(kClassStx | kModeMem | size, dst.number, src.number,
                         offset, 0);
}
constexpr Instruction StoreImm(uint8_t size, Register dst, int16_t offset,
                               int32_t imm) {
  return Instruction::Of(kClassSt | kModeMem | size, dst.number, 0, offset,
                         imm);
}
constexpr Instruction Atomic(uint8_t size, int32_t operation, Register dst,
                             int16_t offset, Register src) {
  return Instruction::Of(kClassStx | kModeAtomic | size, dst.number, src.number,
                         offset, operation);
}
// r0 = the packet at `imm`, or at src + imm.
constexpr Instruction LoadAbsolute(uint8_t size, int32_t imm) {
  return Instruction::Of(kClassLd | kModeAbs | size, 0, 0, 0, imm);
}
constexpr Instruction LoadIndirect(uint8_t size, Register src, int32_t imm) {
  return Instruction::Of(kClassLd | kModeInd | size, 0, src.number, 0, imm);
}

// Instructions that take two places.
inline Code Load64(Register dst, uint8_t kind, int32_t low, int32_t high) {
  return {Instruction::Of(kLoadImm64, dst.number, kind, 0, low),
          Instruction::Of(0, 0, 0, 0, high)};
}
inline Code LoadNumber(Register dst, uint64_t number) {
  return Load64(dst, 0, static_cast<int32_t>(number),
                static_cast<int32_t>(number >> 32));
}
inline Code LoadMap(Register dst, int32_t fd) {
  return Load64(dst, kPseudoMapFd, fd, 0);
}
inline Code LoadMapValue(Register dst, int32_t fd, int32_t offset) {
  return Load64(dst, kPseudoMapValue, fd, offset);
}
inline Code LoadFunction(Register dst, int32_t offset) {
  return Load64(dst, kPseudoFunc, offset, 0);
}

// Pieces, one after the other.
inline Code Join(std::initializer_list<Code> parts) {
  Code all;
  for (const Code& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace bpfmap::assembler

#endif  // BPFMAP_PROGRAMS_ASSEMBLER_H_
