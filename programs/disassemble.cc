// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/disassemble.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdint>
#include <cstdio>

#include "bpfmap/programs/helper_names.h"

namespace bpfmap {
namespace {

// printf into a string; what is written here is short.
[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...) {
  char text[160];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

std::string Unknown(const Instruction& i) {
  return Format("(unknown code 0x%02x)", i.code);
}

const char* TypeOf(uint8_t code, bool is_signed = false) {
  switch (AccessSize(code)) {
    case 1:
      return is_signed ? "s8" : "u8";
    case 2:
      return is_signed ? "s16" : "u16";
    case 4:
      return is_signed ? "s32" : "u32";
    default:
      return is_signed ? "s64" : "u64";
  }
}

// "*(u16 *)(r1 + 12)"
std::string Memory(const Instruction& i, int base, bool is_signed = false) {
  return Format("*(%s *)(r%d %c %d)", TypeOf(i.code, is_signed), base,
                i.offset < 0 ? '-' : '+', i.offset < 0 ? -i.offset : i.offset);
}

const char* SignOf(uint8_t code, bool is_signed) {
  switch (code & kOperationMask) {
    case kAdd:
      return "+=";
    case kSub:
      return "-=";
    case kMul:
      return "*=";
    case kDiv:
      return is_signed ? "s/=" : "/=";
    case kOr:
      return "|=";
    case kAnd:
      return "&=";
    case kLsh:
      return "<<=";
    case kRsh:
      return ">>=";
    case kMod:
      return is_signed ? "s%=" : "%=";
    case kXor:
      return "^=";
    case kArsh:
      return "s>>=";
    default:
      return nullptr;
  }
}

const char* ComparisonOf(uint8_t code) {
  switch (code & kOperationMask) {
    case kJeq:
      return "==";
    case kJgt:
      return ">";
    case kJge:
      return ">=";
    case kJset:
      return "&";
    case kJne:
      return "!=";
    case kJsgt:
      return "s>";
    case kJsge:
      return "s>=";
    case kJlt:
      return "<";
    case kJle:
      return "<=";
    case kJslt:
      return "s<";
    case kJsle:
      return "s<=";
    default:
      return nullptr;
  }
}

std::string Arithmetic(const Instruction& i) {
  const char bank = (i.code & kClassMask) == kClassAlu64 ? 'r' : 'w';
  const std::string dst = Format("%c%d", bank, i.dst());
  const bool from_register = (i.code & kSourceRegister) != 0;
  const std::string src =
      from_register ? Format("%c%d", bank, i.src()) : Format("%" PRId32, i.imm);
  switch (i.code & kOperationMask) {
    case kNeg:
      return dst + " = -" + dst;
    case kMov:
      if (from_register && bank == 'r' && i.offset == kAddressSpaceCast) {
        return Format("%s = addr_space_cast(%s, %d, %d)", dst.c_str(),
                      src.c_str(), i.imm >> 16, i.imm & 0xffff);
      }
      if (from_register && i.offset != 0) {
        return Format("%s = (s%d)%s", dst.c_str(), i.offset, src.c_str());
      }
      return dst + " = " + src;
    case kEnd: {
      const char* const swap = bank == 'r'     ? "bswap"
                               : from_register ? "be"
                                               : "le";
      return Format("r%d = %s%d r%d", i.dst(), swap, i.imm, i.dst());
    }
  }
  const char* const sign = SignOf(i.code, i.offset != 0);
  return sign == nullptr ? Unknown(i) : dst + " " + sign + " " + src;
}

std::string Call(const Instruction& i) {
  if (i.src() == kCallLocal) return Format("call pc%+" PRId32, i.imm);
  if (i.src() == kCallKernel) return Format("call kernel function %d", i.imm);
  const char* const name = HelperName(static_cast<uint32_t>(i.imm));
  if (name == nullptr) return Format("call unknown#%" PRId32, i.imm);
  return Format("call bpf_%s#%" PRId32, name, i.imm);
}

std::string Jump(const Instruction& i) {
  const bool wide = (i.code & kClassMask) == kClassJmp;
  switch (i.code & kOperationMask) {
    case kJa:
      return wide ? Format("goto %+d", i.offset)
                  : Format("gotol %+" PRId32, i.imm);
    case kCall:
      return Call(i);
    case kExit:
      return "exit";
    case kJcond:
      return Format("may_goto %+d", i.offset);
  }
  const char* const comparison = ComparisonOf(i.code);
  if (comparison == nullptr) return Unknown(i);
  const char bank = wide ? 'r' : 'w';
  const std::string src = (i.code & kSourceRegister) != 0
                              ? Format("%c%d", bank, i.src())
                              : Format("%" PRId32, i.imm);
  return Format("if %c%d %s %s goto %+d", bank, i.dst(), comparison,
                src.c_str(), i.offset);
}

std::string LoadImm64(const Instruction& i, const Instruction* next) {
  const uint32_t upper = next != nullptr ? static_cast<uint32_t>(next->imm) : 0;
  switch (i.src()) {
    case kPseudoMapFd:
    case kPseudoMapIdx:
      return Format("r%d = map[%" PRId32 "]", i.dst(), i.imm);
    case kPseudoMapValue:
    case kPseudoMapIdxValue:
      return Format("r%d = map[%" PRId32 "][0]+%" PRIu32, i.dst(), i.imm,
                    upper);
    case kPseudoBtfId:
      return Format("r%d = btf[%" PRId32 "]", i.dst(), i.imm);
    case kPseudoFunc:
      return Format("r%d = function pc%+" PRId32, i.dst(), i.imm);
  }
  return Format("r%d = 0x%" PRIx64 " ll", i.dst(),
                uint64_t{upper} << 32 | static_cast<uint32_t>(i.imm));
}

std::string Atomic(const Instruction& i) {
  const std::string memory = Memory(i, i.dst());
  const char bank = AccessSize(i.code) == 8 ? 'r' : 'w';
  switch (i.imm) {
    case kXchg:
      return Format("%c%d = xchg(%s, %c%d)", bank, i.src(), memory.c_str(),
                    bank, i.src());
    case kCmpXchg:
      return Format("%c0 = cmpxchg(%s, %c0, %c%d)", bank, memory.c_str(), bank,
                    bank, i.src());
    case kLoadAcquire:
      return Format("r%d = load_acquire(%s)", i.dst(),
                    Memory(i, i.src()).c_str());
    case kStoreRelease:
      return Format("store_release(%s, r%d)", memory.c_str(), i.src());
  }
  const bool fetch = (i.imm & kFetch) != 0;
  const char* const sign = SignOf(static_cast<uint8_t>(i.imm), false);
  if (sign == nullptr) return Unknown(i);
  if (!fetch) {
    return Format("lock %s %s %c%d", memory.c_str(), sign, bank, i.src());
  }
  return Format("%c%d = fetch(%s %s %c%d)", bank, i.src(), memory.c_str(), sign,
                bank, i.src());
}

std::string Load(const Instruction& i, const Instruction* next) {
  if (i.code == kLoadImm64) return LoadImm64(i, next);
  const uint8_t mode = i.code & kModeMask;
  if (mode == kModeAbs) {
    return Format("r0 = *(%s *)skb[%" PRId32 "]", TypeOf(i.code), i.imm);
  }
  if (mode == kModeInd) {
    return Format("r0 = *(%s *)skb[r%d %+" PRId32 "]", TypeOf(i.code), i.src(),
                  i.imm);
  }
  return Unknown(i);
}

}  // namespace

std::string Disassemble(std::span<const Instruction> program, std::size_t at) {
  const Instruction& i = program[at];
  const Instruction* const next =
      at + 1 < program.size() ? &program[at + 1] : nullptr;
  const uint8_t mode = i.code & kModeMask;
  switch (i.code & kClassMask) {
    case kClassLd:
      return Load(i, next);
    case kClassLdx:
      if (mode != kModeMem && mode != kModeMemSx) return Unknown(i);
      return Format("r%d = ", i.dst()) + Memory(i, i.src(), mode == kModeMemSx);
    case kClassSt:
      if (mode != kModeMem) return Unknown(i);
      return Memory(i, i.dst()) + Format(" = %" PRId32, i.imm);
    case kClassStx:
      if (mode == kModeAtomic) return Atomic(i);
      if (mode != kModeMem) return Unknown(i);
      return Memory(i, i.dst()) + Format(" = r%d", i.src());
    case kClassJmp:
    case kClassJmp32:
      return Jump(i);
    default:
      return Arithmetic(i);
  }
}

}  // namespace bpfmap
