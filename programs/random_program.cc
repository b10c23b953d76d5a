// SPDX-License-Identifier: Apache-2.0
//
// Between pieces this holds: r0 to r5 and r7 to r9 are numbers, r6 points to
// the scratch value; the 64 bytes below r10 - 16 hold numbers; r10 - 8 holds
// the context. In a function there are only r0 to r5 and the 64 bytes.

#include "bpfmap/programs/random_program.h"

#include <cstddef>
#include <initializer_list>
#include <utility>

#include "bpfmap/programs/instruction.h"

namespace bpfmap {

using namespace assembler;  // NOLINT: programs are written in it

namespace {

constexpr int16_t kContextSlot = -8;
constexpr int16_t kNumbers = -80;  // 64 bytes from there on
constexpr int16_t kKey = -96;      // 8 bytes
constexpr int16_t kValue = -112;   // 16 bytes
// A call of a function is made with this, until functions have their places.
constexpr int32_t kUnplaced = 0x7fff0000;
constexpr uint32_t kFunctions = 2;
// Functions that bpf_loop() and bpf_for_each_map_elem() call come after them.
constexpr uint32_t kCallbacks = 2;

constexpr uint8_t kSizes[] = {kSizeB, kSizeH, kSizeW, kSizeDw};

}  // namespace

int32_t RandomProgram::Number() {
  switch (Below(5)) {
    case 0:
      return static_cast<int32_t>(Below(16));
    case 1:
      return -static_cast<int32_t>(Below(16));
    case 2:
      return static_cast<int32_t>(1U << Below(32));
    case 3:
      return static_cast<int32_t>((1U << Below(32)) - 1);
    default:
      return static_cast<int32_t>(random_());
  }
}

unsigned RandomProgram::AnyNumber() {
  for (;;) {
    const unsigned number = Below(in_function_ ? 6 : 10);
    if (number != 6 && static_cast<int>(number) != busy_) return number;
  }
}

// After a call r1 to r5 are set anew.
Code RandomProgram::SetArguments() {
  Code code;
  for (const Register r : {R1, R2, R3, R4, R5}) {
    code.push_back(Mov64(r, Number()));
  }
  return code;
}

Code RandomProgram::Arithmetic() {
  constexpr uint8_t kOperations[] = {kAdd, kSub, kMul, kDiv, kOr,  kAnd,
                                     kLsh, kRsh, kMod, kXor, kMov, kArsh};
  const bool wide = Below(2) == 0;
  const Register dst = Any();
  const Register src = Any();
  switch (Below(10)) {
    case 0:
      return LoadNumber(dst, random_());
    case 1:
      return {wide ? Neg64(dst) : Neg32(dst)};
    case 2: {
      constexpr int32_t kBits[] = {16, 32, 64};
      const int32_t bits = OneOf(kBits);
      switch (Below(3)) {
        case 0:
          return {ToLittle(dst, bits)};
        case 1:
          return {ToBig(dst, bits)};
        default:
          return {SwapBytes(dst, bits)};
      }
    }
    case 3: {
      constexpr int16_t kBits[] = {8, 16, 32};
      const int16_t bits = OneOf(kBits);
      return {wide || bits == 32 ? Alu64(kMov, dst, src, bits)
                                 : Alu32(kMov, dst, src, bits)};
    }
  }
  const uint8_t operation = OneOf(kOperations);
  const bool divides = operation == kDiv || operation == kMod;
  const bool shifts =
      operation == kLsh || operation == kRsh || operation == kArsh;
  const int16_t is_signed = divides && Below(2) == 0 ? 1 : 0;
  if (Below(2) == 0) {
    return {wide ? Alu64(operation, dst, src, is_signed)
                 : Alu32(operation, dst, src, is_signed)};
  }
  int32_t imm = Number();
  if (shifts) imm = static_cast<int32_t>(Below(wide ? 64 : 32));
  if (divides && imm == 0) imm = 3;
  return {wide ? Alu64(operation, dst, imm, is_signed)
               : Alu32(operation, dst, imm, is_signed)};
}

// A place for numbers: on the stack, or in the scratch value.
Code RandomProgram::Place(uint8_t size, Register* base, int16_t* offset) {
  const int16_t bytes = static_cast<int16_t>(AccessSize(size));
  const int16_t within = static_cast<int16_t>(
      Below(64 / static_cast<uint32_t>(bytes)) * static_cast<uint32_t>(bytes));
  const bool on_stack = in_function_ || Below(2) == 0;
  *base = on_stack ? R10 : R6;
  *offset = static_cast<int16_t>(on_stack ? kNumbers + within : within);
  return {};
}

Code RandomProgram::Memory() {
  const uint8_t size = OneOf(kSizes);
  Register base = R10;
  int16_t offset = 0;
  Place(size, &base, &offset);
  switch (Below(4)) {
    case 0:
      return {Load(size, Any(), base, offset)};
    case 1:
      return {StoreImm(size, base, offset, Number())};
    case 2:
      return {Store(size, base, offset, Any())};
    default:
      return {size == kSizeDw ? Load(size, Any(), base, offset)
                              : LoadSigned(size, Any(), base, offset)};
  }
}

// Linux's verifier does not follow what an atomic fetch takes from a number on
// the stack that it knows: of two paths with two such numbers it looks at one,
// and then removes the branch that only the other takes. So a fetch from the
// stack is made where the verifier knows nothing of the number.
Code RandomProgram::AtomicPiece() {
  constexpr int32_t kOperations[] = {
      kAdd,         kOr,           kAnd,          kXor,  kAdd | kFetch,
      kOr | kFetch, kAnd | kFetch, kXor | kFetch, kXchg, kCmpXchg};
  const uint8_t size = Below(2) == 0 ? kSizeW : kSizeDw;
  Register base = R10;
  int16_t offset = 0;
  Place(size, &base, &offset);
  int32_t operation = OneOf(kOperations);
  const Register src = Any();
  const bool stack_fetch =
      base.number == R10.number && (operation & kFetch) != 0;
  if (stack_fetch && in_function_) operation = kAdd;
  const Code atomic = {Atomic(size, operation, base, offset, src)};
  if (!stack_fetch || in_function_) return atomic;
  return Join(
      {{Load(size, src, R6, 0), Store(size, R10, offset, src)}, atomic});
}

Code RandomProgram::Jump(int depth) {
  constexpr uint8_t kComparisons[] = {kJeq,  kJgt, kJge, kJset, kJne, kJsgt,
                                      kJsge, kJlt, kJle, kJslt, kJsle};
  Code body;
  for (uint32_t i = Below(4) + 1; i > 0; --i) {
    body = Join({body, Piece(depth + 1)});
  }
  const int16_t offset = static_cast<int16_t>(body.size());
  const uint8_t comparison = OneOf(kComparisons);
  const Register left = Any();
  const Register right = Any();
  const int32_t number = Number();
  Instruction jump;
  switch (Below(4)) {
    case 0:
      jump = JumpIf(comparison, left, number, offset);
      break;
    case 1:
      jump = JumpIf(comparison, left, right, offset);
      break;
    case 2:
      jump = JumpIf32(comparison, left, number, offset);
      break;
    default:
      jump = JumpIf32(comparison, left, right, offset);
  }
  return Join({{jump}, body});
}

Code RandomProgram::Loop(int depth) {
  if (busy_ >= 0 || in_function_) return Arithmetic();
  const Register counter = R9;
  busy_ = 9;
  Code body;
  for (uint32_t i = Below(3) + 1; i > 0; --i) {
    body = Join({body, Piece(depth + 2)});
  }
  busy_ = -1;
  const int32_t turns = static_cast<int32_t>(Below(6)) + 1;
  const int16_t back = static_cast<int16_t>(-static_cast<int>(body.size()) - 2);
  return Join({{Mov64(counter, turns)},
               body,
               {Alu64(kAdd, counter, -1), JumpIf(kJne, counter, 0, back)}});
}

// An update or a delete; the result is what it returns.
Code RandomProgram::MapPiece() {
  const bool hash = Below(2) == 0;
  Code code = LoadMap(R1, hash ? maps_.hash : maps_.array);
  const int32_t key = static_cast<int32_t>(Below(6));
  code = Join({code,
               {StoreImm(kSizeDw, R10, kKey, key), Mov64(R2, R10),
                Alu64(kAdd, R2, kKey)}});
  if (Below(3) == 0) {
    return Join({code, {CallHelper(3)}, SetArguments()});
  }
  return Join(
      {code,
       {Store(kSizeDw, R10, kValue, R7), Store(kSizeDw, R10, kValue + 8, R8),
        Mov64(R3, R10), Alu64(kAdd, R3, kValue),
        Mov64(R4, static_cast<int32_t>(Below(4))), CallHelper(2)},
       SetArguments()});
}

// A lookup, and a change of what was found.
Code RandomProgram::LookupPiece() {
  const bool hash = Below(2) == 0;
  const int16_t at = static_cast<int16_t>(Below(2) * 8);
  const Code change = {Load(kSizeDw, R1, R0, at), Alu64(kXor, R1, R7),
                       Store(kSizeDw, R0, at, R1),
                       Atomic(kSizeDw, kAdd, R0, 8, R8), Mov64(R0, R1)};
  return Join({LoadMap(R1, hash ? maps_.hash : maps_.array),
               {StoreImm(kSizeDw, R10, kKey, static_cast<int32_t>(Below(6))),
                Mov64(R2, R10), Alu64(kAdd, R2, kKey), CallHelper(1),
                JumpIf(kJeq, R0, 0, static_cast<int16_t>(change.size()))},
               change,
               SetArguments()});
}

// Reads and writes after a check of data_end.
Code RandomProgram::PacketPiece() {
  const uint8_t size = OneOf(kSizes);
  const int32_t checked = static_cast<int32_t>(Below(100)) + 8;
  const int16_t at = static_cast<int16_t>(
      Below(static_cast<uint32_t>(checked - AccessSize(size)) + 1));
  const Instruction access =
      Below(2) == 0 ? Store(size, R2, at, R7) : Load(size, R8, R2, at);
  return Join({{Load(kSizeDw, R1, R10, kContextSlot), Load(kSizeW, R2, R1, 76),
                Load(kSizeW, R3, R1, 80), Mov64(R4, R2),
                Alu64(kAdd, R4, checked), JumpIf(kJgt, R4, R3, 1), access},
               SetArguments()});
}

Code RandomProgram::CallPiece() {
  const int32_t which = static_cast<int32_t>(Below(kFunctions));
  return Join({{CallFunction(kUnplaced + which)}, SetArguments()});
}

// A helper that calls a function, with 0 for what it passes on.
Code RandomProgram::CallbackPiece(uint32_t which) {
  const Code function =
      LoadFunction(R2, kUnplaced + static_cast<int32_t>(kFunctions + which));
  const Code rest = {Mov64(R3, 0), Mov64(R4, 0)};
  if (which == 0) {
    return Join({{Mov64(R1, static_cast<int32_t>(Below(20)))},
                 function,
                 rest,
                 {CallHelper(181)},
                 SetArguments()});
  }
  return Join({LoadMap(R1, maps_.array),
               function,
               rest,
               {CallHelper(164)},
               SetArguments()});
}

Code RandomProgram::Piece(int depth) {
  const uint32_t kind = Below(20);
  if (depth < 3 && kind < 4) return Jump(depth);
  if (depth < 2 && kind == 4) return Loop(depth);
  if (kind < 8) return Memory();
  if (kind == 8) return AtomicPiece();
  if (in_function_) return Arithmetic();
  if (kind == 9) return MapPiece();
  if (kind == 10) return LookupPiece();
  if (kind == 11) return PacketPiece();
  if (kind == 12) return CallPiece();
  if (kind == 13) return CallbackPiece(Below(kCallbacks));
  return Arithmetic();
}

Code RandomProgram::Function() {
  in_function_ = true;
  Code code = {Mov64(R0, Number())};
  for (int16_t i = 0; i < 64; i += 8) {
    code.push_back(
        StoreImm(kSizeDw, R10, static_cast<int16_t>(kNumbers + i), Number()));
  }
  for (uint32_t i = Below(8) + 1; i > 0; --i) code = Join({code, Piece(1)});
  code.push_back(Exit());
  in_function_ = false;
  return code;
}

// Changes the element that it is called for, if it is for one, and goes on, or
// ends the calls.
Code RandomProgram::Callback(uint32_t which) {
  Code code;
  if (which == 1) {
    code = {Load(kSizeDw, R1, R3, 8), Alu64(kXor, R1, Number()),
            Store(kSizeDw, R3, 8, R1), Atomic(kSizeDw, kAdd, R3, 0, R1)};
  }
  code = Join({code, SetArguments(), Function()});
  code.back() = Alu64(kAnd, R0, 1);
  code.push_back(Exit());
  return code;
}

Code RandomProgram::Make(int pieces) {
  Code code = Join({{Store(kSizeDw, R10, kContextSlot, R1)},
                    LoadMapValue(R6, maps_.scratch, 0)});
  for (int16_t i = 0; i < 64; i += 8) {
    code.push_back(
        StoreImm(kSizeDw, R10, static_cast<int16_t>(kNumbers + i), Number()));
  }
  for (const Register r : {R0, R7, R8, R9}) {
    code = Join({code, LoadNumber(r, random_())});
  }
  code = Join({code, SetArguments()});
  for (int i = 0; i < pieces; ++i) code = Join({code, Piece(0)});
  for (const uint8_t r : {0, 1, 2, 3, 4, 5, 7, 8, 9}) {
    code.push_back(Store(kSizeDw, R6, static_cast<int16_t>(64 + 8 * r), {r}));
  }
  code.push_back(Exit());
  // Each function once, so that none is without a caller.
  std::vector<std::size_t> starts;
  std::vector<Code> functions;
  Code calls;
  for (uint32_t i = 0; i < kFunctions; ++i) {
    functions.push_back(Function());
    calls = Join({calls,
                  {CallFunction(kUnplaced + static_cast<int32_t>(i))},
                  SetArguments()});
  }
  for (uint32_t i = 0; i < kCallbacks; ++i) {
    functions.push_back(Callback(i));
    calls = Join({calls, CallbackPiece(i)});
  }
  code.pop_back();
  code = Join({code, calls, {Exit()}});
  for (const Code& function : functions) {
    starts.push_back(code.size());
    code = Join({code, function});
  }
  for (std::size_t at = 0; at < code.size(); ++at) {
    const bool is_call =
        code[at].code == (kClassJmp | kCall) && code[at].src() == kCallLocal;
    const bool is_address =
        code[at].code == kLoadImm64 && code[at].src() == kPseudoFunc;
    if (!is_call && !is_address) continue;
    const std::size_t which =
        static_cast<std::size_t>(code[at].imm - kUnplaced);
    code[at].imm =
        static_cast<int32_t>(starts[which]) - static_cast<int32_t>(at) - 1;
  }
  return code;
}

}  // namespace bpfmap
