// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/context_bytes.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "bpfmap/programs/context.h"

namespace bpfmap {
namespace {

// Registers of calls by the names of their members, where the type has them:
// the parameters in order, and the result.
struct CallRegisters {
  const char* parameters[6];
  const char* result;
};
constexpr CallRegisters kCallRegisters[] = {
    // x86-64, in the kernel's and in user space's <asm/ptrace.h>.
    {{"di", "si", "dx", "cx", "r8", "r9"}, "ax"},
    {{"rdi", "rsi", "rdx", "rcx", "r8", "r9"}, "rax"},
    // aarch64
    {{"regs[0]", "regs[1]", "regs[2]", "regs[3]", "regs[4]", "regs[5]"},
     "regs[0]"},
    // riscv64
    {{"a0", "a1", "a2", "a3", "a4", "a5"}, "a0"},
    // s390x
    {{"gprs[2]", "gprs[3]", "gprs[4]", "gprs[5]", "gprs[6]", "gprs[7]"},
     "gprs[2]"},
};
constexpr int kResult = -1;

bool TakesArguments(ProgramType type) {
  const ContextLayout& layout = ContextOf(type);
  return layout.holds_pointers && type != ProgramType::kNetfilter;
}

// The struct of types whose programs may declare something else.
const char* KnownStruct(ProgramType type) {
  switch (type) {
    case ProgramType::kKprobe:
      return "pt_regs";
    case ProgramType::kPerfEvent:
      return "bpf_perf_event_data";
    default:
      return nullptr;
  }
}

// An array without a size, at the end of a struct, is longer than the struct.
void MakeRoom(const BtfTypes& types, const BtfPlace& place,
              std::vector<uint8_t>* bytes) {
  const auto end = static_cast<std::size_t>(EndOf(types, place));
  if (end > bytes->size()) bytes->resize(end);
}

}  // namespace

uint32_t ContextTypeOf(const BtfTypes& types, const ProgramSpec& program) {
  return ContextTypeOf(types, program.type, program.parsed.type);
}

uint32_t ContextTypeOf(const BtfTypes& types, uint32_t function,
                       ProgramType program) {
  const auto parameters = types.ParametersOf(types.TargetOf(function));
  if (parameters.empty()) return 0;
  const uint32_t pointer = types.Resolve(parameters[0].type);
  const uint32_t type = types.Resolve(types.TargetOf(pointer));
  if (types.KindOf(type) == BtfKind::kStruct) return type;
  if (types.KindOf(type) == BtfKind::kForward) {
    const uint32_t whole = types.Find(types.NameOf(type), BtfKind::kStruct);
    if (whole != 0) return whole;
  }
  const char* const known = KnownStruct(program);
  return known == nullptr ? 0 : types.Find(known, BtfKind::kStruct);
}

std::string ContextBytes::Build(const Context& context) {
  if (TakesArguments(program_type_) && context.fields().empty()) {
    return BuildArguments(context);
  }
  return BuildStruct(context);
}

uint64_t ContextBytes::NumberOf(const ContextValue& value) {
  return value.number() != nullptr ? *value.number()
                                   : world_.AddText(*value.text());
}

std::string ContextBytes::BuildArguments(const Context& context) {
  constexpr int kMost = 12;
  for (const Context::Argument& argument : context.arguments()) {
    if (argument.index < 0 || argument.index >= kMost) {
      return "there is no argument " + std::to_string(argument.index);
    }
    arguments_ =
        std::max(arguments_, static_cast<uint32_t>(argument.index) + 1);
  }
  std::vector<uint64_t> words(arguments_ + context.result().size());
  for (const Context::Argument& argument : context.arguments()) {
    words[static_cast<std::size_t>(argument.index)] = NumberOf(argument.value);
  }
  if (!context.result().empty()) {
    words.back() = NumberOf(context.result()[0]);
  }
  bytes_.resize(8 * words.size());
  if (!words.empty()) std::memcpy(bytes_.data(), words.data(), bytes_.size());
  return "";
}

std::string ContextBytes::BuildStruct(const Context& context) {
  if (type_ == 0) {
    if (context.fields().empty() && context.arguments().empty()) return "";
    return "its parameter points to no struct that the object's BTF has, so "
           "nothing has a name: run it on a struct of C++, RunOn()";
  }
  bytes_.resize(static_cast<std::size_t>(types_.SizeOf(type_)));
  for (const Context::Field& field : context.fields()) {
    std::string reason = SetField(field.name, field.value);
    if (!reason.empty()) return reason;
  }
  for (const Context::Argument& argument : context.arguments()) {
    if (argument.index < 0) {
      return "there is no argument " + std::to_string(argument.index);
    }
    std::string reason = SetRegister(argument.index, argument.value);
    if (!reason.empty()) return reason;
  }
  if (context.result().empty()) return "";
  return SetRegister(kResult, context.result()[0]);
}

std::string ContextBytes::SetRegister(int index, const ContextValue& value) {
  for (const CallRegisters& registers : kCallRegisters) {
    const bool has = index < static_cast<int>(std::size(registers.parameters));
    if (!has) break;
    const char* const name =
        index == kResult ? registers.result : registers.parameters[index];
    BtfPlace place;
    if (FindPlace(types_, type_, name, &place).empty()) {
      return SetField(name, value);
    }
  }
  return types_.Spell(type_) + " has no register of argument " +
         std::to_string(index);
}

std::string ContextBytes::SetField(const std::string& name,
                                   const ContextValue& value) {
  BtfPlace place;
  std::string reason = FindPlace(types_, type_, name, &place);
  if (!reason.empty()) {
    // A string of a tracepoint: its offset and size are in a word, and its
    // bytes after the struct.
    if (value.text() == nullptr ||
        !FindPlace(types_, type_, "__data_loc_" + name, &place).empty()) {
      return reason;
    }
    MakeRoom(types_, place, &bytes_);
    const std::string& text = *value.text();
    const auto size = static_cast<uint32_t>(text.size() + 1);
    PutNumber(types_, place,
              uint64_t{size} << 16 | static_cast<uint32_t>(bytes_.size()),
              bytes_);
    bytes_.insert(bytes_.end(), text.c_str(), text.c_str() + size);
    return "";
  }
  const uint64_t size = types_.SizeOf(place.type);
  MakeRoom(types_, place, &bytes_);
  if (value.text() != nullptr) return SetText(place, *value.text());
  if (place.bits == 0 && size != 1 && size != 2 && size != 4 && size != 8) {
    return name + " is no number: it is " + types_.Spell(place.type);
  }
  PutNumber(types_, place, *value.number(), bytes_);
  return "";
}

std::string ContextBytes::SetText(const BtfPlace& place,
                                  const std::string& text) {
  const uint64_t size = types_.SizeOf(place.type);
  if (types_.KindOf(place.type) == BtfKind::kArray) {
    std::memcpy(
        &bytes_[place.offset], text.c_str(),
        std::min<std::size_t>(text.size() + 1, static_cast<std::size_t>(size)));
    return "";
  }
  if (size != 8) return "a text does not fit " + types_.Spell(place.type);
  PutNumber(types_, place, world_.AddText(text), bytes_);
  return "";
}

}  // namespace bpfmap
