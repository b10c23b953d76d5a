// SPDX-License-Identifier: Apache-2.0
//
// Operation: an instruction as the engine runs it, decoded and checked.
//
// A program's operations have the numbers of its instructions, so that an
// operation's place says which instruction it is.

#ifndef BPFMAP_PROGRAMS_OPERATION_H_
// clang-format off
#define BPFMAP_PROGRAMS_OPERATION_H_

#include <cstdint>

namespace bpfmap {

// Lists of operations: each calls X(name). K takes `imm` as its second operand,
// R a register. 64 and 32 are the bits that count.
#define BPFMAP_WIDTHS_AND_SOURCES(X, name) \
  X(name##64K) X(name##64R) X(name##32K) X(name##32R)

#define BPFMAP_ARITHMETIC(X)          \
  BPFMAP_WIDTHS_AND_SOURCES(X, Add)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Sub)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Mul)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Div)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Or)   \
  BPFMAP_WIDTHS_AND_SOURCES(X, And)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Lsh)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Rsh)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Mod)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Xor)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Mov)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Arsh) \
  BPFMAP_WIDTHS_AND_SOURCES(X, SDiv) \
  BPFMAP_WIDTHS_AND_SOURCES(X, SMod)

#define BPFMAP_COMPARISONS(X)        \
  BPFMAP_WIDTHS_AND_SOURCES(X, Jeq)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Jgt)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Jge)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Jset) \
  BPFMAP_WIDTHS_AND_SOURCES(X, Jne)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Jsgt) \
  BPFMAP_WIDTHS_AND_SOURCES(X, Jsge) \
  BPFMAP_WIDTHS_AND_SOURCES(X, Jlt)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Jle)  \
  BPFMAP_WIDTHS_AND_SOURCES(X, Jslt) \
  BPFMAP_WIDTHS_AND_SOURCES(X, Jsle)

#define BPFMAP_ONE_OPERAND(X)                                          \
  X(Neg64) X(Neg32) X(Mov64From8) X(Mov64From16) X(Mov64From32)        \
  X(Mov32From8) X(Mov32From16) X(Le16) X(Le32) X(Le64) X(Be16) X(Be32) \
  X(Be64) X(Swap16) X(Swap32) X(Swap64) X(CastToKernel) X(CastToUser)

#define BPFMAP_MEMORY(X)                                                 \
  X(Load8) X(Load16) X(Load32) X(Load64) X(LoadS8) X(LoadS16) X(LoadS32) \
  X(StoreK8) X(StoreK16) X(StoreK32) X(StoreK64) X(StoreR8) X(StoreR16)  \
  X(StoreR32) X(StoreR64) X(PacketAbs8) X(PacketAbs16) X(PacketAbs32)    \
  X(PacketInd8) X(PacketInd16) X(PacketInd32) X(LoadAcquire8)            \
  X(LoadAcquire16) X(LoadAcquire32) X(LoadAcquire64) X(StoreRelease8)    \
  X(StoreRelease16) X(StoreRelease32) X(StoreRelease64)

#define BPFMAP_ATOMICS(X)                                                   \
  X(AtomicAdd32) X(AtomicOr32) X(AtomicAnd32) X(AtomicXor32) X(AtomicAdd64) \
  X(AtomicOr64) X(AtomicAnd64) X(AtomicXor64) X(FetchAdd32) X(FetchOr32)    \
  X(FetchAnd32) X(FetchXor32) X(FetchAdd64) X(FetchOr64) X(FetchAnd64)      \
  X(FetchXor64) X(Exchange32) X(Exchange64) X(CompareExchange32)            \
  X(CompareExchange64)

// Invalid stands in the second place of a load of 64 bits. Goto is an
// unconditional jump; UnknownCall ends the run when it is reached.
#define BPFMAP_CONTROL(X)                                         \
  X(Invalid) X(Goto) X(MayGoto) X(Exit) X(CallHelper) X(TailCall) \
  X(CallLocal) X(UnknownCall) X(LoadImm) X(LoadRegion)
// clang-format on

// In the order of their numbers.
#define BPFMAP_OPERATIONS(X) \
  BPFMAP_CONTROL(X)          \
  BPFMAP_ARITHMETIC(X)       \
  BPFMAP_COMPARISONS(X) BPFMAP_ONE_OPERAND(X) BPFMAP_MEMORY(X) BPFMAP_ATOMICS(X)

enum class OpCode : uint16_t {
#define BPFMAP_NAME(name) k##name,
  BPFMAP_OPERATIONS(BPFMAP_NAME)
#undef BPFMAP_NAME
};

// Jumps under a condition.
constexpr bool IsConditional(OpCode code) {
  return code == OpCode::kMayGoto ||
         (code >= OpCode::kJeq64K && code <= OpCode::kJsle32R);
}

// Jumps and local calls: `offset` says where to.
constexpr bool HasTarget(OpCode code) {
  return code == OpCode::kGoto || code == OpCode::kCallLocal ||
         IsConditional(code);
}

struct Operation {
  OpCode code = OpCode::kInvalid;
  uint8_t dst = 0;
  uint8_t src = 0;
  // Loads and stores: bytes. Jumps and local calls: operations from this one to
  // the target. LoadRegion: the region, of those of the program.
  int32_t offset = 0;
  // The second operand, sign-extended. LoadRegion: the address. CallHelper: the
  // number.
  int64_t imm = 0;
};
static_assert(sizeof(Operation) == 16);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_OPERATION_H_
