// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/object_assembly.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace bpfmap {
namespace {

// Relocations of BPF, Documentation/bpf/llvm_reloc.rst.
constexpr uint32_t kAddress64 = 1;    // of a load of 64 bits
constexpr uint32_t kCallOffset = 10;  // of a call

constexpr uint8_t kCallCode = kClassJmp | kCall;
constexpr unsigned kLineShift = 10;  // the column is below

}  // namespace

std::string ObjectFile::Assembly::Run(const ElfFile::Symbol& entry) {
  functions_.push_back(
      {entry.section, static_cast<uint32_t>(entry.value / sizeof(Instruction)),
       static_cast<uint32_t>(entry.size / sizeof(Instruction)), 0});
  // Functions are found while others are appended.
  for (std::size_t i = 0; i < functions_.size(); ++i) {
    std::string reason = Append(i);
    if (!reason.empty()) return reason;
  }
  Resolve();
  return "";
}

std::string ObjectFile::Assembly::Append(std::size_t index) {
  functions_[index].at = static_cast<uint32_t>(spec_.instructions.size());
  const Function function = functions_[index];
  const std::span<const uint8_t> code =
      file_.elf_.sections()[function.section].data;
  const uint64_t first = uint64_t{function.first} * sizeof(Instruction);
  const uint64_t size = uint64_t{function.count} * sizeof(Instruction);
  if (size == 0 || first > code.size() || size > code.size() - first) {
    return "a function that is not in its section";
  }
  spec_.instructions.resize(spec_.instructions.size() + function.count);
  std::memcpy(&spec_.instructions[function.at],
              code.data() + static_cast<std::size_t>(first),
              static_cast<std::size_t>(size));
  CopyInfo(function);
  for (const auto& relocation : file_.elf_.RelocationsOf(function.section)) {
    std::string reason = Relocate(function, relocation);
    if (!reason.empty()) return reason;
  }
  return FindCalls(function);
}

void ObjectFile::Assembly::CopyInfo(const Function& function) {
  const auto is_in = [&](const Info& info) {
    return info.section == function.section &&
           info.instruction >= function.first &&
           info.instruction - function.first < function.count;
  };
  const BtfTypes& types = file_.types_;
  const auto place = [&](const Info& info) {
    return info.instruction - function.first + function.at;
  };
  for (const Info& info : file_.functions_) {
    if (!is_in(info)) continue;
    spec_.functions.push_back(
        {place(info), std::string(types.NameOf(info.words[0]))});
  }
  for (const Info& info : file_.lines_) {
    if (!is_in(info)) continue;
    spec_.lines.push_back({place(info),
                           std::string(types.StringAt(info.words[0])),
                           info.words[2] >> kLineShift,
                           std::string(types.StringAt(info.words[1]))});
  }
  for (const Info& info : file_.relocations_) {
    if (!is_in(info)) continue;
    spec_.relocations.push_back({place(info), info.words[0],
                                 std::string(types.StringAt(info.words[1])),
                                 info.words[2]});
  }
}

std::string ObjectFile::Assembly::Relocate(
    const Function& function, const ElfFile::Relocation& relocation) {
  const uint64_t in_section = relocation.offset / sizeof(Instruction);
  if (in_section < function.first ||
      in_section - function.first >= function.count) {
    return "";  // of another function
  }
  if (relocation.symbol >= file_.elf_.symbols().size()) {
    return "a relocation for a symbol that there is not";
  }
  const ElfFile::Symbol& symbol = file_.elf_.symbols()[relocation.symbol];
  const uint32_t place =
      static_cast<uint32_t>(in_section) - function.first + function.at;
  if (relocation.type == kCallOffset && at(place).code == kCallCode) {
    return RelocateCall(place, symbol);
  }
  if (relocation.type == kAddress64 && at(place).code == kLoadImm64 &&
      place + 1 < spec_.instructions.size()) {
    return RelocateAddress(place, symbol);
  }
  return absl::StrCat("a relocation of type ", relocation.type, " for ",
                      std::string(symbol.name), ", which is not known");
}

std::string ObjectFile::Assembly::RelocateCall(uint32_t place,
                                               const ElfFile::Symbol& symbol) {
  relocated_calls_.push_back(place);
  if (symbol.section == 0) {  // a function of the kernel
    SetSource(place, kCallKernel);
    at(place).imm = 0;
    spec_.kernel_calls.emplace_back(place, symbol.name);
    return "";
  }
  if (!file_.IsCode(symbol.section)) return "a call of what is no function";
  return UseFunction(place, symbol.section,
                     symbol.value / sizeof(Instruction) +
                         static_cast<uint64_t>(int64_t{at(place).imm} + 1));
}

std::string ObjectFile::Assembly::RelocateAddress(
    uint32_t place, const ElfFile::Symbol& symbol) {
  const uint64_t offset =
      symbol.value + static_cast<uint64_t>(int64_t{at(place).imm});
  if (file_.IsCode(symbol.section)) {
    SetSource(place, kPseudoFunc);
    return UseFunction(place, symbol.section, offset / sizeof(Instruction));
  }
  at(place).imm = 0;
  at(place + 1).imm = 0;
  if (symbol.section == 0) {
    if (file_.externs_ < 0) return "";  // of the kernel: there is none, 0
    const MapSpec& externs =
        *file_.maps_[static_cast<std::size_t>(file_.externs_)];
    for (const VariableSpec& variable : externs.variables) {
      if (variable.name != symbol.name) continue;
      SetSource(place, kPseudoMapValue);
      at(place).imm = file_.externs_;
      at(place + 1).imm = static_cast<int32_t>(variable.offset);
    }
    return "";
  }
  const int map = file_.MapAt(symbol.section, offset);
  if (map < 0) {
    return absl::StrCat("the address of ", std::string(symbol.name),
                        ", which is no map and no variable");
  }
  at(place).imm = map;
  if (file_.maps_[static_cast<std::size_t>(map)]->is_section) {
    SetSource(place, kPseudoMapValue);
    at(place + 1).imm = static_cast<int32_t>(offset);
  } else {
    SetSource(place, kPseudoMapFd);
  }
  return "";
}

std::string ObjectFile::Assembly::FindCalls(const Function& function) {
  for (uint32_t i = function.at; i < function.at + function.count; ++i) {
    if (at(i).code == kLoadImm64) {
      ++i;
      continue;
    }
    if (at(i).code != kCallCode || at(i).src() != kCallLocal ||
        std::find(relocated_calls_.begin(), relocated_calls_.end(), i) !=
            relocated_calls_.end()) {
      continue;
    }
    const int64_t in_section = int64_t{i} - function.at + function.first;
    std::string reason = UseFunction(
        i, function.section, static_cast<uint64_t>(in_section + 1 + at(i).imm));
    if (!reason.empty()) return reason;
  }
  return "";
}

std::string ObjectFile::Assembly::UseFunction(uint32_t place, uint32_t section,
                                              uint64_t instruction) {
  for (std::size_t i = 0; i < functions_.size(); ++i) {
    if (functions_[i].section == section &&
        functions_[i].first == instruction) {
      uses_.push_back({place, i});
      return "";
    }
  }
  for (const ElfFile::Symbol& symbol : file_.elf_.symbols()) {
    if (symbol.type != ElfFile::kFunction || symbol.section != section ||
        symbol.value / sizeof(Instruction) != instruction) {
      continue;
    }
    uses_.push_back({place, functions_.size()});
    functions_.push_back(
        {section, static_cast<uint32_t>(instruction),
         static_cast<uint32_t>(symbol.size / sizeof(Instruction)), 0});
    return "";
  }
  return "a call of a place where no function starts";
}

void ObjectFile::Assembly::Resolve() {
  for (const Use& use : uses_) {
    at(use.at).imm = static_cast<int32_t>(functions_[use.function].at) -
                     static_cast<int32_t>(use.at) - 1;
  }
}

void ObjectFile::Assembly::SetSource(uint32_t i, uint8_t source) {
  const Instruction from = at(i);
  at(i) = Instruction::Of(from.code, from.dst(), source, from.offset, from.imm);
}

}  // namespace bpfmap
