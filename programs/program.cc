// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/program.h"

#include <algorithm>
#include <utility>

#include "bpfmap/maps/arena_pages.h"
#include "bpfmap/programs/coverage.h"
#include "bpfmap/programs/disassemble.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/map_calls.h"

namespace bpfmap {
namespace {

// The last of `entries` that starts at `instruction` or before; null if none.
template <typename T>
const T* LastUpTo(const std::vector<T>& entries, uint32_t instruction) {
  const auto after = std::upper_bound(
      entries.begin(), entries.end(), instruction,
      [](uint32_t at, const T& entry) { return at < entry.instruction; });
  return after == entries.begin() ? nullptr : &*(after - 1);
}

}  // namespace

LoadError Program::Load(const ProgramDef& def,
                        std::shared_ptr<const Program>* program) {
  const std::shared_ptr<Program> loaded(new Program);
  LoadError error =
      Decode(def.instructions, def.like_linux, &loaded->operations_);
  if (error.failed()) return error;
  loaded->type_ = def.type;
  loaded->name_ = def.name;
  loaded->gpl_compatible_ = def.gpl_compatible;
  loaded->instructions_.assign(def.instructions.begin(),
                               def.instructions.end());
  loaded->lines_ = def.lines;
  loaded->functions_ = def.functions;
  loaded->kernel_calls_ = def.kernel_calls;
  error = loaded->Resolve(def);
  if (error.failed()) return error;
  error = loaded->CheckCasts();
  if (error.failed()) return error;
  error = loaded->CheckHelpers();
  if (error.failed()) return error;
  if (def.coverage != nullptr) {
    loaded->coverage_ =
        std::make_shared<ProgramCoverage>(def.coverage, *loaded);
  }
  *program = loaded;
  return {};
}

LoadError Program::Resolve(const ProgramDef& def) {
  for (uint32_t at = 0; at < instructions_.size(); ++at) {
    Operation& op = operations_[at];
    if (op.code == OpCode::kCallHelper || op.code == OpCode::kUnknownCall) {
      ResolveCall(at);
    }
    if (op.code != OpCode::kLoadRegion) continue;
    switch (instructions_[at].src()) {
      case kPseudoFunc: {
        Region function;
        function.kind = RegionKind::kFunction;
        function.instruction =
            static_cast<uint32_t>(static_cast<int64_t>(at) + op.offset);
        // Where a program not checked finds the function.
        op.imm = function.instruction;
        op.offset = static_cast<int32_t>(regions_.size());
        regions_.push_back(function);
        break;
      }
      case kPseudoBtfId: {
        // The address of a variable of the kernel: there is none here.
        Region object;
        object.kind = RegionKind::kKernel;
        op.imm = 0;
        op.offset = static_cast<int32_t>(regions_.size());
        regions_.push_back(object);
        break;
      }
      default: {
        LoadError error = ResolveMap(def, at);
        if (error.failed()) return error;
      }
    }
    ++at;
  }
  return {};
}

// Functions of the kernel that are here are called as helpers, by numbers that
// no helper has.
void Program::ResolveCall(uint32_t at) {
  Operation& op = operations_[at];
  if (op.code == OpCode::kUnknownCall) {
    const uint32_t number = KernelFunctionNumber(KernelFunctionAt(at));
    if (number == 0) return;
    op.code = OpCode::kCallHelper;
    op.imm = number;
  } else if (static_cast<uint32_t>(op.imm) >= kFirstKernelFunction) {
    op.code = OpCode::kUnknownCall;
  }
}

LoadError Program::ResolveMap(const ProgramDef& def, uint32_t at) {
  const Instruction& i = instructions_[at];
  Operation& op = operations_[at];
  const bool by_index =
      i.src() == kPseudoMapIdx || i.src() == kPseudoMapIdxValue;
  const auto& map_of = by_index ? def.map_of_index : def.map_of_fd;
  std::shared_ptr<LocalMap> map = map_of ? map_of(i.imm) : nullptr;
  if (map == nullptr) {
    return {Errno::kBadF, at,
            std::string(by_index ? "place " : "descriptor ") +
                std::to_string(i.imm) + " holds no map"};
  }
  Region region;
  region.map = FactsOf(map.get());
  ArenaPages* const arena = AsArenaPages(map);
  if (arena != nullptr) {
    LoadError error = ResolveArena(at, region.map);
    if (error.failed()) return error;
  }
  if (i.src() == kPseudoMapFd || i.src() == kPseudoMapIdx) {
    if (instructions_[at + 1].imm != 0) {
      return {Errno::kInval, at, "loads a map, but has upper 32 bits"};
    }
    region.kind = RegionKind::kMap;
    op.imm = static_cast<int64_t>(reinterpret_cast<uintptr_t>(map.get()));
  } else if (arena != nullptr) {
    const uint32_t offset = static_cast<uint32_t>(instructions_[at + 1].imm);
    if (offset > arena->size()) {
      return {Errno::kRange, at, "loads an address that is not in the arena"};
    }
    op.code = OpCode::kLoadImm;
    op.imm = static_cast<int64_t>(arena->user_start() + offset);
  } else {
    const uint32_t offset = static_cast<uint32_t>(instructions_[at + 1].imm);
    void* const value = DirectValue(region.map);
    if (value == nullptr) {
      return {Errno::kInval, at,
              "loads the address of a value, which only arrays of one value "
              "have"};
    }
    if (offset >= region.map.value_size) {
      return {Errno::kInval, at,
              "loads the address of byte " + std::to_string(offset) +
                  " of a value of " + std::to_string(region.map.value_size)};
    }
    FillValueRegion(region.map, value, &region);
    op.imm = static_cast<int64_t>(region.base + offset);
  }
  op.offset = static_cast<int32_t>(regions_.size());
  regions_.push_back(region);
  if (std::find(maps_.begin(), maps_.end(), map) == maps_.end()) {
    maps_.push_back(std::move(map));
  }
  return {};
}

LoadError Program::ResolveArena(uint32_t at, const MapFacts& map) {
  ArenaPages* const arena = map.map->arena_pages();
  if (arena_ != nullptr && arena_ != arena) {
    return {Errno::kBusy, at, "uses a second arena, and a program has one"};
  }
  if (arena->user_start() == 0) {
    return {Errno::kInval, at,
            "uses an arena of which user space has no address: neither "
            "map_extra nor mmap() has said it"};
  }
  arena_ = arena;
  arena_region_.kind = RegionKind::kArena;
  arena_region_.base = arena->start();
  arena_region_.size =
      static_cast<uint32_t>(std::min<uint64_t>(arena->size(), 0xffffffff));
  arena_region_.map = map;
  return {};
}

LoadError Program::CheckCasts() {
  for (uint32_t at = 0; at < instructions_.size(); ++at) {
    Operation& op = operations_[at];
    if (op.code != OpCode::kCastToKernel && op.code != OpCode::kCastToUser) {
      continue;
    }
    if (arena_ == nullptr) {
      return {Errno::kInval, at,
              "casts to another address space, in a program without an arena"};
    }
    if (op.code == OpCode::kCastToUser &&
        HasAny(arena_region_.map.flags, kNoUserConv)) {
      op.code = OpCode::kMov64R;
    }
  }
  return {};
}

const Region* Program::ArenaRegion(uint64_t address) const {
  // One past the end still points into it.
  return address - arena_->start() <= arena_->size() ? &arena_region_
                                                     : Region::Number();
}

LoadError Program::CheckHelpers() {
  helpers_.assign(kHelperCount, false);
  for (uint32_t at = 0; at < instructions_.size(); ++at) {
    if (operations_[at].code != OpCode::kCallHelper) continue;
    const uint32_t number = static_cast<uint32_t>(operations_[at].imm);
    if (number < kHelperCount) helpers_[number] = true;
    const Helper* const helper = FindHelper(number);
    if (gpl_compatible_ || helper == nullptr || !helper->gpl_only) continue;
    return {Errno::kInval, at,
            "calls a helper that only programs with a GPL compatible licence "
            "may call"};
  }
  return {};
}

bool Program::HasDirectValue(uint64_t address, uint64_t size) const {
  for (const Region& region : regions_) {
    const uint64_t offset = address - region.base;
    if (region.kind == RegionKind::kMapValue && offset <= region.size &&
        size <= region.size - offset) {
      return true;
    }
  }
  return false;
}

const SourceLine* Program::LineOf(uint32_t instruction) const {
  return LastUpTo(lines_, instruction);
}

const std::string& Program::FunctionOf(uint32_t instruction) const {
  static const std::string& kNone = *new std::string;
  const FunctionName* const function = LastUpTo(functions_, instruction);
  return function == nullptr ? kNone : function->name;
}

const std::string& Program::KernelFunctionAt(uint32_t instruction) const {
  static const std::string& kNone = *new std::string;
  const FunctionName* const call = LastUpTo(kernel_calls_, instruction);
  return call == nullptr || call->instruction != instruction ? kNone
                                                             : call->name;
}

std::string Program::Place(uint32_t instruction) const {
  const std::string number = "instruction " + std::to_string(instruction);
  const std::string text = Disassemble(instructions_, instruction);
  const SourceLine* const line = LineOf(instruction);
  if (line == nullptr) return number + " (" + text + ")";
  const std::string& file = line->file;
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(line->line) +
         " (" + number + ": " + text + ")";
}

}  // namespace bpfmap
