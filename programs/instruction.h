// SPDX-License-Identifier: Apache-2.0
//
// Instruction: one instruction of a BPF program, as it lies in an object file,
// and the names of its parts.
//
// Numbers and meanings are those of RFC 9669 and of <linux/bpf.h>. Loads of 64
// bits take two instructions; the second one has the code 0 and carries the
// upper half in `imm`.

#ifndef BPFMAP_PROGRAMS_INSTRUCTION_H_
#define BPFMAP_PROGRAMS_INSTRUCTION_H_

#include <bit>
#include <cstdint>

namespace bpfmap {

struct Instruction {
  uint8_t code = 0;
  uint8_t registers = 0;  // use dst() and src()
  int16_t offset = 0;
  int32_t imm = 0;

  constexpr uint8_t dst() const {
    return kDstIsLow ? registers & 0xf : registers >> 4;
  }
  constexpr uint8_t src() const {
    return kDstIsLow ? registers >> 4 : registers & 0xf;
  }

  static constexpr Instruction Of(uint8_t code, unsigned dst, unsigned src,
                                  int16_t offset, int32_t imm) {
    const unsigned registers =
        kDstIsLow ? src << 4 | (dst & 0xf) : dst << 4 | (src & 0xf);
    return {code, static_cast<uint8_t>(registers), offset, imm};
  }

  friend bool operator==(const Instruction&, const Instruction&) = default;

 private:
  static constexpr bool kDstIsLow = std::endian::native == std::endian::little;
};
static_assert(sizeof(Instruction) == 8);

// The lowest three bits of a code: its class.
inline constexpr uint8_t kClassMask = 0x07;
inline constexpr uint8_t kClassLd = 0x00;
inline constexpr uint8_t kClassLdx = 0x01;
inline constexpr uint8_t kClassSt = 0x02;
inline constexpr uint8_t kClassStx = 0x03;
inline constexpr uint8_t kClassAlu = 0x04;
inline constexpr uint8_t kClassJmp = 0x05;
inline constexpr uint8_t kClassJmp32 = 0x06;
inline constexpr uint8_t kClassAlu64 = 0x07;

// Arithmetic and jumps: the fourth bit says where the second operand is, the
// rest is the operation.
inline constexpr uint8_t kSourceRegister = 0x08;
inline constexpr uint8_t kOperationMask = 0xf0;

inline constexpr uint8_t kAdd = 0x00;
inline constexpr uint8_t kSub = 0x10;
inline constexpr uint8_t kMul = 0x20;
inline constexpr uint8_t kDiv = 0x30;
inline constexpr uint8_t kOr = 0x40;
inline constexpr uint8_t kAnd = 0x50;
inline constexpr uint8_t kLsh = 0x60;
inline constexpr uint8_t kRsh = 0x70;
inline constexpr uint8_t kNeg = 0x80;
inline constexpr uint8_t kMod = 0x90;
inline constexpr uint8_t kXor = 0xa0;
inline constexpr uint8_t kMov = 0xb0;
inline constexpr uint8_t kArsh = 0xc0;
inline constexpr uint8_t kEnd = 0xd0;

inline constexpr uint8_t kJa = 0x00;
inline constexpr uint8_t kJeq = 0x10;
inline constexpr uint8_t kJgt = 0x20;
inline constexpr uint8_t kJge = 0x30;
inline constexpr uint8_t kJset = 0x40;
inline constexpr uint8_t kJne = 0x50;
inline constexpr uint8_t kJsgt = 0x60;
inline constexpr uint8_t kJsge = 0x70;
inline constexpr uint8_t kCall = 0x80;
inline constexpr uint8_t kExit = 0x90;
inline constexpr uint8_t kJlt = 0xa0;
inline constexpr uint8_t kJle = 0xb0;
inline constexpr uint8_t kJslt = 0xc0;
inline constexpr uint8_t kJsle = 0xd0;
inline constexpr uint8_t kJcond = 0xe0;  // may_goto

// Loads and stores: two bits of size, three of mode.
inline constexpr uint8_t kSizeMask = 0x18;
inline constexpr uint8_t kSizeW = 0x00;   // 4 bytes
inline constexpr uint8_t kSizeH = 0x08;   // 2
inline constexpr uint8_t kSizeB = 0x10;   // 1
inline constexpr uint8_t kSizeDw = 0x18;  // 8

inline constexpr uint8_t kModeMask = 0xe0;
inline constexpr uint8_t kModeImm = 0x00;
inline constexpr uint8_t kModeAbs = 0x20;
inline constexpr uint8_t kModeInd = 0x40;
inline constexpr uint8_t kModeMem = 0x60;
inline constexpr uint8_t kModeMemSx = 0x80;
inline constexpr uint8_t kModeAtomic = 0xc0;

// `imm` of an atomic instruction: an operation of arithmetic above,
// with or without kFetch, or one of these.
inline constexpr int32_t kFetch = 0x01;
inline constexpr int32_t kXchg = 0xe0 | kFetch;
inline constexpr int32_t kCmpXchg = 0xf0 | kFetch;
inline constexpr int32_t kLoadAcquire = 0x100;
inline constexpr int32_t kStoreRelease = 0x110;

// A load of 64 bits, and what its source register says it loads (BPF_PSEUDO_*).
inline constexpr uint8_t kLoadImm64 = kClassLd | kSizeDw | kModeImm;
inline constexpr uint8_t kPseudoMapFd = 1;
inline constexpr uint8_t kPseudoMapValue = 2;
inline constexpr uint8_t kPseudoBtfId = 3;
inline constexpr uint8_t kPseudoFunc = 4;
inline constexpr uint8_t kPseudoMapIdx = 5;
inline constexpr uint8_t kPseudoMapIdxValue = 6;

// The source register of a call: a helper, a function of the program,
// or a function of the kernel.
inline constexpr uint8_t kCallHelper = 0;
inline constexpr uint8_t kCallLocal = 1;
inline constexpr uint8_t kCallKernel = 2;

// addr_space_cast: kMov of 64 bits between registers with this offset. The
// operand has the address space of the destination in its upper half, and that
// of the source: 1 is that of an arena's pointers, as user space has them.
inline constexpr int16_t kAddressSpaceCast = 1;
inline constexpr int32_t kCastToKernel = 1;
inline constexpr int32_t kCastToUser = 1 << 16;

// Limits of Linux.
inline constexpr uint32_t kMaxInstructions = 1'000'000;  // of a program
inline constexpr int kRegisters = 11;                    // r10: the frame
inline constexpr uint32_t kStackSize = 512;              // bytes of a frame
inline constexpr int kMaxFrames = 8;                     // of a program
inline constexpr int kMaxTailCalls = 33;

// Bytes that a load or store of `code` moves.
constexpr int AccessSize(uint8_t code) {
  switch (code & kSizeMask) {
    case kSizeB:
      return 1;
    case kSizeH:
      return 2;
    case kSizeW:
      return 4;
    default:
      return 8;
  }
}

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_INSTRUCTION_H_
