// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/decode.h"

#include <algorithm>
#include <cstdio>

namespace bpfmap {
namespace {

OpCode Plus(OpCode first, unsigned steps) {
  return static_cast<OpCode>(static_cast<unsigned>(first) + steps);
}

// 0 to 3 for 1, 2, 4 and 8 bytes.
unsigned SizeStep(uint8_t code) {
  switch (AccessSize(code)) {
    case 1:
      return 0;
    case 2:
      return 1;
    case 4:
      return 2;
    default:
      return 3;
  }
}

// Decodes one program. Each method returns false after it has set error_.
class Decoder {
 public:
  Decoder(std::span<const Instruction> program, bool like_linux)
      : program_(program), like_linux_(like_linux) {}

  LoadError Run(std::vector<Operation>* operations) {
    if (program_.empty() || program_.size() > kMaxInstructions) {
      error_ = {Errno::k2Big, 0,
                "a program has 1 to 1000000 instructions, this one has " +
                    std::to_string(program_.size())};
      return error_;
    }
    operations->assign(program_.size(), {});
    MarkSecondHalves();
    for (at_ = 0; at_ < program_.size(); ++at_) {
      op_ = &(*operations)[at_];
      op_->dst = program_[at_].dst();
      op_->src = program_[at_].src();
      op_->offset = program_[at_].offset;
      op_->imm = program_[at_].imm;
      if (!DecodeOne(program_[at_])) return error_;
      if (program_[at_].code == kLoadImm64) ++at_;
    }
    CheckEnds();
    if (like_linux_ && !error_.failed()) CheckReachable(*operations);
    return error_;
  }

 private:
  bool Refuse(std::string reason) {
    error_ = {Errno::kInval, static_cast<uint32_t>(at_), std::move(reason)};
    return false;
  }
  bool RefuseCode() {
    char text[32];
    std::snprintf(text, sizeof text, "unknown code 0x%02x", program_[at_].code);
    return Refuse(text);
  }
  bool RefuseReserved() {
    return Refuse("uses a field that must be 0 in this instruction");
  }

  void MarkSecondHalves() {
    second_half_.assign(program_.size(), false);
    for (std::size_t i = 0; i + 1 < program_.size(); ++i) {
      if (program_[i].code == kLoadImm64) second_half_[++i] = true;
    }
  }

  bool CheckRegisters(bool writes_dst) {
    const Instruction& i = program_[at_];
    if (i.dst() >= kRegisters) {
      return Refuse("r" + std::to_string(i.dst()) + " does not exist");
    }
    if (i.src() >= kRegisters) {
      return Refuse("r" + std::to_string(i.src()) + " does not exist");
    }
    if (writes_dst && i.dst() == 10) {
      return Refuse("r10, the frame pointer, cannot be written");
    }
    return true;
  }

  bool DecodeOne(const Instruction& i) {
    switch (i.code & kClassMask) {
      case kClassAlu:
      case kClassAlu64:
        return Arithmetic(i);
      case kClassJmp:
      case kClassJmp32:
        return Jump(i);
      case kClassLd:
        return i.code == kLoadImm64 ? LoadImm64(i) : PacketLoad(i);
      case kClassLdx:
        return Load(i);
      default:
        return Store(i);
    }
  }

  bool Arithmetic(const Instruction& i) {
    if (!CheckRegisters(/*writes_dst=*/true)) return false;
    const bool wide = (i.code & kClassMask) == kClassAlu64;
    const bool from_register = (i.code & kSourceRegister) != 0;
    switch (i.code & kOperationMask) {
      case kNeg:
        if (from_register || i.offset != 0 || i.imm != 0 || i.src() != 0) {
          return RefuseReserved();
        }
        op_->code = wide ? OpCode::kNeg64 : OpCode::kNeg32;
        return true;
      case kEnd:
        return ByteSwap(i, wide, from_register);
      case kMov:
        if (from_register && i.offset != 0) return MovSigned(i, wide);
        break;
    }
    if (from_register ? i.imm != 0 : i.src() != 0) return RefuseReserved();
    const unsigned form = (wide ? 0U : 2U) + (from_register ? 1U : 0U);
    const uint8_t operation = i.code & kOperationMask;
    const bool divides = operation == kDiv || operation == kMod;
    if (i.offset != 0 && !(divides && i.offset == 1)) return RefuseReserved();
    if (like_linux_ && !from_register && divides && i.imm == 0) {
      return Refuse("divides by the number 0");
    }
    const bool shifts =
        operation == kLsh || operation == kRsh || operation == kArsh;
    if (like_linux_ && !from_register && shifts &&
        static_cast<uint32_t>(i.imm) >= (wide ? 64U : 32U)) {
      return Refuse("shifts by " + std::to_string(i.imm) + " bits");
    }
    if (operation > kArsh) return RefuseCode();
    if (i.offset == 1) {
      op_->code =
          Plus(operation == kDiv ? OpCode::kSDiv64K : OpCode::kSMod64K, form);
      return true;
    }
    // In the order of BPFMAP_ARITHMETIC, in which there is no negation.
    const unsigned index = (operation >> 4) - (operation > kNeg ? 1U : 0U);
    op_->code = Plus(OpCode::kAdd64K, index * 4 + form);
    return true;
  }

  // addr_space_cast, whose operand is a pair of address spaces.
  bool Cast(const Instruction& i) {
    if (i.imm == kCastToKernel) {
      op_->code = OpCode::kCastToKernel;
    } else if (i.imm == kCastToUser) {
      op_->code = OpCode::kCastToUser;
    } else {
      return Refuse("casts between other address spaces than 1 and 0");
    }
    return true;
  }

  bool MovSigned(const Instruction& i, bool wide) {
    if (wide && i.offset == kAddressSpaceCast) return Cast(i);
    if (i.imm != 0) return RefuseReserved();
    switch (i.offset) {
      case 8:
        op_->code = wide ? OpCode::kMov64From8 : OpCode::kMov32From8;
        return true;
      case 16:
        op_->code = wide ? OpCode::kMov64From16 : OpCode::kMov32From16;
        return true;
      case 32:
        if (!wide) break;
        op_->code = OpCode::kMov64From32;
        return true;
    }
    return RefuseReserved();
  }

  bool ByteSwap(const Instruction& i, bool wide, bool big) {
    if (i.offset != 0 || i.src() != 0 || (wide && big)) return RefuseReserved();
    const OpCode first = wide  ? OpCode::kSwap16
                         : big ? OpCode::kBe16
                               : OpCode::kLe16;
    if (i.imm != 16 && i.imm != 32 && i.imm != 64) {
      return Refuse("swaps the bytes of " + std::to_string(i.imm) + " bits");
    }
    op_->code = Plus(first, i.imm == 16 ? 0 : i.imm == 32 ? 1 : 2);
    return true;
  }

  bool Target(int64_t distance) {
    const int64_t target = static_cast<int64_t>(at_) + 1 + distance;
    if (target < 0 || target >= static_cast<int64_t>(program_.size())) {
      return Refuse("jumps to instruction " + std::to_string(target) +
                    ", out of the program");
    }
    if (second_half_[static_cast<std::size_t>(target)]) {
      return Refuse("jumps into the middle of a load of 64 bits");
    }
    op_->offset = static_cast<int32_t>(distance) + 1;
    return true;
  }

  bool Jump(const Instruction& i) {
    if (!CheckRegisters(/*writes_dst=*/false)) return false;
    const bool wide = (i.code & kClassMask) == kClassJmp;
    const bool from_register = (i.code & kSourceRegister) != 0;
    const uint8_t operation = i.code & kOperationMask;
    if (operation == kCall) return Call(i, wide && !from_register);
    if (operation == kExit) {
      if (!wide || from_register) return RefuseCode();
      if (i.registers != 0 || i.offset != 0 || i.imm != 0) {
        return RefuseReserved();
      }
      op_->code = OpCode::kExit;
      return true;
    }
    if (operation == kJa) {
      if (from_register) return RefuseCode();
      if (i.registers != 0 || (wide ? i.imm : i.offset) != 0) {
        return RefuseReserved();
      }
      op_->code = OpCode::kGoto;
      return Target(wide ? i.offset : i.imm);
    }
    if (operation == kJcond) {
      if (!wide || from_register) return RefuseCode();
      if (i.registers != 0 || i.imm != 0) return RefuseReserved();
      op_->code = OpCode::kMayGoto;
      return Target(i.offset);
    }
    if (operation > kJsle) return RefuseCode();
    if (from_register ? i.imm != 0 : i.src() != 0) return RefuseReserved();
    // In the order of BPFMAP_COMPARISONS, in which there is no call and exit.
    const unsigned number = operation >> 4;
    const unsigned index = number - (operation > kExit ? 3U : 1U);
    const unsigned form = (wide ? 0U : 2U) + (from_register ? 1U : 0U);
    op_->code = Plus(OpCode::kJeq64K, index * 4 + form);
    return Target(i.offset);
  }

  bool Call(const Instruction& i, bool known_code) {
    if (!known_code) return RefuseCode();
    switch (i.src()) {
      case kCallHelper:
        if (i.dst() != 0 || i.offset != 0) return RefuseReserved();
        op_->code = i.imm == 12 ? OpCode::kTailCall : OpCode::kCallHelper;
        return true;
      case kCallLocal:
        if (i.dst() != 0 || i.offset != 0) return RefuseReserved();
        op_->code = OpCode::kCallLocal;
        return Target(i.imm);
      case kCallKernel:
        if (i.dst() != 0) return RefuseReserved();
        op_->code = OpCode::kUnknownCall;
        return true;
      default:
        return RefuseReserved();
    }
  }

  bool LoadImm64(const Instruction& i) {
    if (!CheckRegisters(/*writes_dst=*/true)) return false;
    if (at_ + 1 == program_.size()) {
      return Refuse(
          "is the first half of a load of 64 bits without the second");
    }
    const Instruction& next = program_[at_ + 1];
    if (next.code != 0 || next.registers != 0 || next.offset != 0) {
      return Refuse("is not followed by the second half of its 64 bits");
    }
    if (i.offset != 0 || i.src() > kPseudoMapIdxValue) return RefuseReserved();
    if (i.src() == 0) {
      op_->code = OpCode::kLoadImm;
      op_->imm =
          static_cast<int64_t>(uint64_t{static_cast<uint32_t>(next.imm)} << 32 |
                               static_cast<uint32_t>(i.imm));
      return true;
    }
    op_->code = OpCode::kLoadRegion;
    if (i.src() == kPseudoFunc) {
      if (next.imm != 0) return RefuseReserved();
      return Target(i.imm);
    }
    return true;
  }

  bool PacketLoad(const Instruction& i) {
    if (!CheckRegisters(/*writes_dst=*/false)) return false;
    const uint8_t mode = i.code & kModeMask;
    if ((mode != kModeAbs && mode != kModeInd) ||
        (i.code & kSizeMask) == kSizeDw) {
      return RefuseCode();
    }
    if (i.dst() != 0 || i.offset != 0 || (mode == kModeAbs && i.src() != 0)) {
      return RefuseReserved();
    }
    op_->code =
        Plus(mode == kModeAbs ? OpCode::kPacketAbs8 : OpCode::kPacketInd8,
             SizeStep(i.code));
    return true;
  }

  bool Load(const Instruction& i) {
    if (!CheckRegisters(/*writes_dst=*/true)) return false;
    const uint8_t mode = i.code & kModeMask;
    const unsigned step = SizeStep(i.code);
    if (mode != kModeMem && (mode != kModeMemSx || step == 3)) {
      return RefuseCode();
    }
    if (i.imm != 0) return RefuseReserved();
    op_->code = Plus(mode == kModeMem ? OpCode::kLoad8 : OpCode::kLoadS8, step);
    return true;
  }

  bool Store(const Instruction& i) {
    const uint8_t mode = i.code & kModeMask;
    const bool from_register = (i.code & kClassMask) == kClassStx;
    if (from_register && mode == kModeAtomic) return Atomic(i);
    if (!CheckRegisters(/*writes_dst=*/false)) return false;
    if (mode != kModeMem) return RefuseCode();
    if (from_register ? i.imm != 0 : i.src() != 0) return RefuseReserved();
    op_->code = Plus(from_register ? OpCode::kStoreR8 : OpCode::kStoreK8,
                     SizeStep(i.code));
    return true;
  }

  bool Atomic(const Instruction& i) {
    const unsigned step = SizeStep(i.code);
    if (i.imm == kLoadAcquire || i.imm == kStoreRelease) {
      const bool loads = i.imm == kLoadAcquire;
      if (!CheckRegisters(/*writes_dst=*/loads)) return false;
      op_->code =
          Plus(loads ? OpCode::kLoadAcquire8 : OpCode::kStoreRelease8, step);
      return true;
    }
    if (!CheckRegisters(/*writes_dst=*/false)) return false;
    if (step < 2) return RefuseCode();
    const unsigned wide = step == 3 ? 1 : 0;
    const bool fetches = (i.imm & kFetch) != 0;
    if (fetches && i.imm != kCmpXchg && i.src() == 10) {
      return Refuse("r10, the frame pointer, cannot be written");
    }
    switch (i.imm & ~kFetch) {
      case kAdd:
        return Fetching(fetches, 0, wide);
      case kOr:
        return Fetching(fetches, 1, wide);
      case kAnd:
        return Fetching(fetches, 2, wide);
      case kXor:
        return Fetching(fetches, 3, wide);
    }
    if (i.imm == kXchg) {
      op_->code = Plus(OpCode::kExchange32, wide);
      return true;
    }
    if (i.imm == kCmpXchg) {
      op_->code = Plus(OpCode::kCompareExchange32, wide);
      return true;
    }
    return Refuse("is no atomic operation: " + std::to_string(i.imm));
  }

  bool Fetching(bool fetches, unsigned operation, unsigned wide) {
    op_->code = Plus(fetches ? OpCode::kFetchAdd32 : OpCode::kAtomicAdd32,
                     operation + 4 * wide);
    return true;
  }

  // Functions follow one another: none may run into the next, or jump there.
  void CheckEnds() {
    std::vector<uint32_t> starts = FunctionStarts(program_);
    for (std::size_t f = 0; f < starts.size() && !error_.failed(); ++f) {
      const std::size_t end =
          f + 1 < starts.size() ? starts[f + 1] : program_.size();
      CheckFunction(starts[f], end);
    }
  }

  // Every instruction must be one that the program may come to.
  void CheckReachable(const std::vector<Operation>& operations) {
    std::vector<bool> reached(program_.size(), false);
    std::vector<std::size_t> open;
    const auto reach = [&](std::size_t at) {
      if (reached[at]) return;
      reached[at] = true;
      open.push_back(at);
    };
    for (const uint32_t start : FunctionStarts(program_)) reach(start);
    while (!open.empty()) {
      const std::size_t at = open.back();
      open.pop_back();
      const Instruction& i = program_[at];
      const uint8_t code_class = i.code & kClassMask;
      const uint8_t operation = i.code & kOperationMask;
      const bool is_jump = code_class == kClassJmp || code_class == kClassJmp32;
      if (is_jump && operation == kExit) continue;
      if (is_jump && operation != kCall) {
        reach(at + static_cast<std::size_t>(int64_t{operations[at].offset}));
        if (operation == kJa) continue;
      }
      if (i.code == kLoadImm64) reached[at + 1] = true;
      reach(at + (i.code == kLoadImm64 ? 2 : 1));
    }
    for (at_ = 0; at_ < reached.size(); ++at_) {
      if (reached[at_]) continue;
      Refuse("is never reached");
      return;
    }
  }

  void CheckFunction(std::size_t start, std::size_t end) {
    for (at_ = start; at_ < end; ++at_) {
      const Instruction& i = program_[at_];
      if (i.code == kLoadImm64) {
        ++at_;
        continue;
      }
      const uint8_t operation = i.code & kOperationMask;
      const bool is_jump = ((i.code & kClassMask) == kClassJmp ||
                            (i.code & kClassMask) == kClassJmp32) &&
                           operation != kCall && operation != kExit;
      if (!is_jump) continue;
      const bool is_long =
          (i.code & kClassMask) == kClassJmp32 && operation == kJa;
      const int64_t target =
          static_cast<int64_t>(at_) + 1 + (is_long ? i.imm : int32_t{i.offset});
      if (target < static_cast<int64_t>(start) ||
          target >= static_cast<int64_t>(end)) {
        Refuse("jumps to instruction " + std::to_string(target) +
               ", into another function");
        return;
      }
    }
    at_ = end - 1;
    const uint8_t code = program_[at_].code;
    const bool ends = !second_half_[at_] && (code == (kClassJmp | kExit) ||
                                             code == (kClassJmp | kJa) ||
                                             code == (kClassJmp32 | kJa));
    if (!ends) Refuse("is the last of a function, but no exit and no goto");
  }

  const std::span<const Instruction> program_;
  const bool like_linux_;
  std::vector<bool> second_half_;
  std::size_t at_ = 0;
  Operation* op_ = nullptr;
  LoadError error_;
};

}  // namespace

LoadError Decode(std::span<const Instruction> program, bool like_linux,
                 std::vector<Operation>* operations) {
  return Decoder(program, like_linux).Run(operations);
}

std::vector<uint32_t> FunctionStarts(std::span<const Instruction> program) {
  std::vector<uint32_t> starts = {0};
  for (std::size_t at = 0; at < program.size(); ++at) {
    const Instruction& i = program[at];
    const bool calls = i.code == (kClassJmp | kCall) && i.src() == kCallLocal;
    const bool loads = i.code == kLoadImm64 && i.src() == kPseudoFunc;
    if (calls || loads) {
      starts.push_back(
          static_cast<uint32_t>(static_cast<int64_t>(at) + 1 + i.imm));
    }
    if (i.code == kLoadImm64) ++at;
  }
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  return starts;
}

}  // namespace bpfmap
