// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/shared_access.h"

#include <cstddef>
#include <cstring>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/operation.h"
#include "bpfmap/programs/program.h"

namespace bpfmap {
namespace {

// bpf-helpers(7).
constexpr uint32_t kMapLookup = 1;
constexpr uint32_t kMapUpdate = 2;
constexpr uint32_t kSpinLock = 93;
constexpr uint32_t kSpinUnlock = 94;

// The memory that an instruction loads or stores.
struct Access {
  enum class Kind { kNone, kLoads, kStores, kChanges };
  Kind kind = Kind::kNone;
  const Region* region = nullptr;
  uint64_t address = 0;
  int size = 0;
};

const Instruction& InstructionOf(const Step& step) {
  return step.program->instructions()[step.instruction];
}

Access AccessOf(const Step& step) {
  using Kind = Access::Kind;
  const Instruction& i = InstructionOf(step);
  const uint8_t code_class = i.code & kClassMask;
  if (code_class != kClassLdx && code_class != kClassSt &&
      code_class != kClassStx) {
    return {};
  }
  const bool atomic =
      code_class == kClassStx && (i.code & kModeMask) == kModeAtomic;
  const bool loads =
      code_class == kClassLdx || (atomic && i.imm == kLoadAcquire);
  const bool changes = atomic && !loads && i.imm != kStoreRelease;
  const uint8_t pointer = loads ? i.src() : i.dst();
  return {loads     ? Kind::kLoads
          : changes ? Kind::kChanges
                    : Kind::kStores,
          step.regions[pointer],
          step.registers[pointer] + static_cast<uint64_t>(int64_t{i.offset}),
          AccessSize(i.code)};
}

// Whether other programs see the memory of a region.
bool IsSeen(const Region* region, bool alone) {
  return region != nullptr && region->kind == RegionKind::kMapValue &&
         !(alone && IsPerCpu(region->map.type)) &&
         !HasAny(region->map.flags, kRdOnlyProg);
}

bool IsSharedMap(const MapFacts& map, uint32_t helper) {
  if (HasAny(map.flags, kRdOnlyProg)) return false;
  if (map.type == MapType::kPerCpuArray) return false;
  return map.type != MapType::kArray || helper != kMapLookup;
}

bool IsSharedCall(const Step& step, uint32_t number, bool alone) {
  const Helper* const helper = FindHelper(number);
  if (helper == nullptr) return false;
  for (int i = 0; i < 5; ++i) {
    const Arg arg = helper->arguments[i];
    if (arg == Arg::kNone) break;
    const Region* const region = step.regions[i + 1];
    if (region == nullptr) continue;
    if (arg == Arg::kMap && IsSharedMap(region->map, number)) return true;
    if (arg == Arg::kRecord || arg == Arg::kDynptr) return true;
    if (IsSeen(region, alone)) return true;
  }
  return false;
}

std::string NameOf(const MapFacts& map) {
  const MapDef def = map.map->def();
  if (def.name[0] != 0) return std::string("map ") + def.name;
  return std::string("a map of type ") + MapTypeName(def.type);
}

// REQUIRES: the bytes are in a region that is there.
uint64_t ReadAt(uint64_t address, int size) {
  const auto read = [address]<typename T>(T value) -> uint64_t {
    std::memcpy(&value,
                reinterpret_cast<const void*>(static_cast<uintptr_t>(address)),
                sizeof value);
    return value;
  };
  switch (size) {
    case 1:
      return read(uint8_t{});
    case 2:
      return read(uint16_t{});
    case 4:
      return read(uint32_t{});
    default:
      return read(uint64_t{});
  }
}

uint64_t StoredBy(const Step& step, int size) {
  const Instruction& i = InstructionOf(step);
  const uint64_t value = (i.code & kClassMask) == kClassSt
                             ? static_cast<uint64_t>(int64_t{i.imm})
                             : step.registers[i.src()];
  return size == 8 ? value : value & ((uint64_t{1} << size * 8) - 1);
}

// Numbers of 64 bits are shown as signed: most that are large are below 0.
std::string Shown(uint64_t value) {
  return std::to_string(static_cast<int64_t>(value));
}

std::string ChangeOf(const Step& step, int size) {
  const Instruction& i = InstructionOf(step);
  const std::string operand = Shown(StoredBy(step, size));
  switch (i.imm & ~kFetch) {
    case kAdd:
      return "adds " + operand;
    case kOr:
      return "ors " + operand;
    case kAnd:
      return "ands " + operand;
    case kXor:
      return "xors " + operand;
    case kXchg & ~kFetch:
      return "exchanges " + operand;
    default:
      return "exchanges " + operand + ", if it is " + Shown(step.registers[0]) +
             ",";
  }
}

std::string Where(const Access& access) {
  const uint64_t offset = access.address - access.region->base;
  return NameOf(access.region->map) + ", byte " + std::to_string(offset);
}

std::string DescribeCall(const Step& step, uint32_t number) {
  const char* const name = HelperName(number);
  std::string call =
      "calls bpf_" + std::string(name == nullptr ? "?" : name) + "()";
  for (int r = 1; r <= 5; ++r) {
    const Region* const region = step.regions[r];
    if (region == nullptr || region->map.map == nullptr) continue;
    return call + " on " + NameOf(region->map);
  }
  return call;
}

}  // namespace

bool IsHelperCall(const Step& step) {
  return step.program->operations()[step.instruction].code ==
         OpCode::kCallHelper;
}

bool IsSharedAccess(const Step& step, bool alone) {
  if (IsHelperCall(step)) {
    return IsSharedCall(step, static_cast<uint32_t>(InstructionOf(step).imm),
                        alone);
  }
  const Access access = AccessOf(step);
  return access.kind != Access::Kind::kNone && IsSeen(access.region, alone);
}

std::string DescribeAccess(const Step& step) {
  if (IsHelperCall(step)) {
    return DescribeCall(step, static_cast<uint32_t>(InstructionOf(step).imm));
  }
  const Access access = AccessOf(step);
  const uint64_t offset = access.address - access.region->base;
  const auto size = static_cast<uint64_t>(access.size);
  const bool is_there =
      access.region->size >= size && offset <= access.region->size - size;
  const std::string now =
      is_there ? Shown(ReadAt(access.address, access.size)) : "?";
  switch (access.kind) {
    case Access::Kind::kLoads:
      return "reads " + now + " from " + Where(access);
    case Access::Kind::kStores:
      return "writes " + Shown(StoredBy(step, access.size)) + " to " +
             Where(access);
    default:
      return ChangeOf(step, access.size) + " atomically, was " + now + ": " +
             Where(access);
  }
}

LockUse LockUseOf(const Step& step) {
  LockUse use;
  if (!IsHelperCall(step)) return use;
  const uint32_t number = static_cast<uint32_t>(InstructionOf(step).imm);
  if (number == kSpinLock) use.takes = step.registers[1];
  if (number == kSpinUnlock) use.opens = step.registers[1];
  constexpr uint64_t kWithLock = 4;  // BPF_F_LOCK
  use.passes = number == kMapUpdate && (step.registers[4] & kWithLock) != 0;
  return use;
}

}  // namespace bpfmap
