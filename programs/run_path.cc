// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/run_path.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <span>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/btf_format.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"

namespace bpfmap {
namespace {

constexpr std::size_t kFirst = 50, kLast = 150;  // lines that are kept
constexpr std::size_t kMostText = 64;            // characters of a string

std::span<const uint8_t> BytesAt(uint64_t address, uint64_t size) {
  return {reinterpret_cast<const uint8_t*>(static_cast<uintptr_t>(address)),
          static_cast<std::size_t>(size)};
}

// Whether the bytes are memory, whatever the program may do with them.
bool IsMemory(const Region* region, uint64_t address, uint64_t size) {
  if (region == nullptr) return false;
  switch (region->kind) {
    case RegionKind::kStack:
    case RegionKind::kPacket:
    case RegionKind::kPacketMeta:
    case RegionKind::kMapValue:
    case RegionKind::kMapKey:
    case RegionKind::kRecord:
    case RegionKind::kBuffer:
      break;
    default:
      return false;
  }
  const uint64_t offset = address - region->base;
  return offset <= region->size && size <= region->size - offset;
}

std::string NumberText(uint64_t number) {
  const auto as_signed = static_cast<int64_t>(number);
  constexpr int64_t kLarge = int64_t{1} << 40;
  if (as_signed < 0 && as_signed > -4096) return std::to_string(as_signed);
  if (as_signed >= 0 && as_signed < kLarge) return std::to_string(number);
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIx64, number);
  return text;
}

// "-2 (ENOENT)".
std::string ResultText(uint64_t number) {
  const auto as_signed = static_cast<int64_t>(number);
  if (as_signed >= 0) return std::to_string(number);
  std::string text = NumberText(number);
  const char* const name = ErrnoName(Errno{static_cast<int>(-as_signed)});
  if (as_signed > -4096 && name[1] != '?') {
    text += " (" + std::string(name) + ")";
  }
  return text;
}

std::string Trimmed(const std::string& line) {
  const std::size_t start = line.find_first_not_of(" \t");
  return start == std::string::npos ? "" : line.substr(start);
}

}  // namespace

void RunPath::Before(const Step& step) {
  Finish(&step);
  if (step.program != program_) {
    if (program_ != nullptr)
      Add(step.depth, "goes on with " + step.program->name() + ":");
    program_ = step.program;
    line_ = nullptr;
  }
  AddLine(step);
  const Instruction& i = step.program->instructions()[step.instruction];
  const uint8_t kind = i.code & kClassMask;
  if (i.code == (kClassJmp | kCall) && i.src() == kCallHelper) {
    StartCall(step, static_cast<uint32_t>(i.imm));
  } else if (i.code == (kClassJmp | kCall) && i.src() == kCallKernel) {
    StartKernelCall(step);
  } else if (kind == kClassSt || kind == kClassStx) {
    StartStore(step, i);
  }
}

void RunPath::Ended(const Program&, const RunResult& result) {
  if (result.faulted()) {
    if (pending_ && pending_->size == 0) Add(pending_->depth, pending_->text);
    pending_.reset();
    Add(0, "fault: " + result.fault);
    return;
  }
  Finish(nullptr);
  Add(0, "returns " + std::to_string(static_cast<int32_t>(result.r0)));
}

void RunPath::AddLine(const Step& step) {
  const SourceLine* const line = step.program->LineOf(step.instruction);
  if (line == nullptr || line->line == 0) return;
  const auto* const before = static_cast<const SourceLine*>(line_);
  if (before != nullptr && line_depth_ == step.depth &&
      before->line == line->line && before->file == line->file) {
    line_ = line;
    return;
  }
  line_ = line;
  line_depth_ = step.depth;
  std::string place = line->file.substr(line->file.rfind('/') + 1) + ":" +
                      std::to_string(line->line);
  Add(2 * step.depth, place + "  " + Trimmed(line->text));
}

const MapSpec* RunPath::SpecOf(const Region* region) const {
  if (region == nullptr || region->map.map == nullptr) return nullptr;
  const auto spec = maps_.find(region->map.map);
  return spec == maps_.end() ? nullptr : spec->second;
}

std::string RunPath::MapName(const Region* region) const {
  const MapSpec* const spec = SpecOf(region);
  if (spec != nullptr) return spec->name;
  if (region == nullptr || region->map.map == nullptr) return "no map";
  const MapDef def = region->map.map->def();
  return def.name[0] != 0 ? def.name : MapTypeName(def.type);
}

std::string RunPath::Memory(const Step& step, int i, uint64_t size,
                            uint32_t type) const {
  const uint64_t address = step.registers[i];
  if (!IsMemory(step.regions[i], address, size)) {
    return address == 0 ? "null" : NumberText(address);
  }
  return FormatValue(types_, type, BytesAt(address, size));
}

std::string RunPath::Argument(const Step& step, const Helper& helper,
                              int i) const {
  const Region* const map = step.regions[1];
  const MapSpec* const spec = SpecOf(map);
  const uint64_t number = step.registers[i];
  switch (helper.arguments[i - 1]) {
    case Arg::kContext:
      return "ctx";
    case Arg::kMap:
      return MapName(step.regions[i]);
    case Arg::kKey:
      return Memory(step, i, map == nullptr ? 0 : map->map.key_size,
                    spec == nullptr ? 0 : spec->key_type);
    case Arg::kValue:
    case Arg::kValueOrNull:
      return Memory(step, i, map == nullptr ? 0 : map->map.value_size,
                    spec == nullptr ? 0 : spec->value_type);
    case Arg::kMemory:
    case Arg::kMemoryOrNull:
      return i < 5 ? Memory(step, i, step.registers[i + 1], 0) : "memory";
    case Arg::kOutValue:
    case Arg::kOutMemory:
    case Arg::kOutLong:
      return "&out";
    case Arg::kString: {
      std::string text;
      for (uint64_t at = number; text.size() < kMostText; ++at) {
        if (!IsMemory(step.regions[i], at, 1)) break;
        const char c = static_cast<char>(BytesAt(at, 1)[0]);
        if (c == 0) break;
        text += c;
      }
      return "\"" + text + "\"";
    }
    case Arg::kFunction:
      return step.program->FunctionOf(static_cast<uint32_t>(number));
    case Arg::kLock:
    case Arg::kTimer:
    case Arg::kMapValue:
      return "a value of " + MapName(step.regions[i]);
    case Arg::kRecord:
      return step.regions[i] != nullptr
                 ? Memory(step, i, step.regions[i]->size, 0)
                 : NumberText(number);
    default:
      return NumberText(number);
  }
}

void RunPath::StartCall(const Step& step, uint32_t number) {
  const char* const name = HelperName(number);
  const Helper* const helper = FindHelper(number);
  std::string text =
      name == nullptr ? "helper " + std::to_string(number) : name;
  if (name != nullptr) text.insert(0, "bpf_");
  text += "(";
  for (int i = 1; helper != nullptr && i <= 5; ++i) {
    if (helper->arguments[i - 1] == Arg::kNone) break;
    if (step.regions[i] == nullptr) break;  // the run faults
    text += (i == 1 ? "" : ", ") + Argument(step, *helper, i);
  }
  text += ")";
  const MapSpec* const spec = SpecOf(step.regions[1]);
  pending_ = Pending{.depth = 2 * step.depth + 2,
                     .text = text,
                     .address = 0,
                     .size = 0,
                     .type = 0,
                     .helper = helper,
                     .value_type = spec == nullptr ? 0 : spec->value_type};
}

// The number of its arguments is not known.
void RunPath::StartKernelCall(const Step& step) {
  std::string text = step.program->KernelFunctionAt(step.instruction) + "(";
  for (int i = 1; i <= 5 && step.regions[i] != nullptr; ++i) {
    text += (i == 1 ? "" : ", ") + NumberText(step.registers[i]);
  }
  pending_ = Pending{.depth = 2 * step.depth + 2,
                     .text = text + ")",
                     .address = 0,
                     .size = 0,
                     .type = 0,
                     .helper = nullptr,
                     .value_type = 0};
}

// Only stores to maps: others are the program's own.
void RunPath::StartStore(const Step& step, const Instruction& instruction) {
  const int dst = instruction.dst();
  const Region* const region = step.regions[dst];
  if (region == nullptr || region->kind != RegionKind::kMapValue) return;
  const uint64_t address =
      step.registers[dst] + static_cast<uint64_t>(int64_t{instruction.offset});
  const auto size = static_cast<uint32_t>(AccessSize(instruction.code));
  if (!IsMemory(region, address, size)) return;
  uint64_t offset = address - region->base;
  const MapSpec* const spec = SpecOf(region);
  std::string name = MapName(region);
  uint32_t type = spec == nullptr ? 0 : spec->value_type;
  if (spec != nullptr && spec->is_section) {
    for (const VariableSpec& variable : spec->variables) {
      if (offset < variable.offset ||
          offset - variable.offset >= variable.size) {
        continue;
      }
      offset -= variable.offset;
      name = variable.name;
      type = variable.type;
      break;
    }
  } else {
    name = "value of " + name;
  }
  uint32_t part = 0;
  name += PartAt(types_, type, static_cast<uint32_t>(offset), size, &part);
  pending_ = Pending{.depth = 2 * step.depth + 2,
                     .text = name,
                     .address = address,
                     .size = size,
                     .type = part,
                     .helper = nullptr,
                     .value_type = 0};
}

std::string RunPath::Result(const Step& step) const {
  const uint64_t r0 = step.registers[0];
  const Region* const region = step.regions[0];
  if (region != nullptr && region->kind == RegionKind::kNull) return "null";
  if (region != nullptr && region->kind == RegionKind::kMapValue) {
    return FormatValue(types_, pending_->value_type,
                       BytesAt(region->base, region->size));
  }
  if (region != nullptr && region->kind == RegionKind::kRecord) {
    return "a record of " + std::to_string(region->size) + " bytes";
  }
  return region == Region::Number() ? ResultText(r0) : NumberText(r0);
}

void RunPath::Finish(const Step* step) {
  if (!pending_) return;
  std::string text = pending_->text;
  if (pending_->size != 0) {
    text += " = " + FormatValue(types_, pending_->type,
                                BytesAt(pending_->address, pending_->size));
  } else if (step != nullptr && 2 * step->depth + 2 == pending_->depth &&
             step->regions[0] != nullptr) {  // null: a tail call went on
    text += " = " + Result(*step);
  }
  Add(pending_->depth, text);
  pending_.reset();
}

void RunPath::Add(int depth, const std::string& text) {
  std::string line = std::string(static_cast<std::size_t>(depth), ' ') + text;
  if (first_.size() < kFirst) {
    first_.push_back(std::move(line));
    return;
  }
  last_.push_back(std::move(line));
  if (last_.size() <= kLast) return;
  last_.pop_front();
  ++left_out_;
}

std::string RunPath::Text() const {
  std::string text;
  const auto add = [&text](const std::string& line) {
    text += (text.empty() ? "  " : "\n  ") + line;
  };
  for (const std::string& line : first_) add(line);
  if (left_out_ != 0) add("... " + std::to_string(left_out_) + " lines more");
  for (const std::string& line : last_) add(line);
  return text;
}

}  // namespace bpfmap
