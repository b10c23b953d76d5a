// SPDX-License-Identifier: Apache-2.0
//
// The checks of helpers' arguments, as the rows of helpers say what they must
// be.

#include <string>

#include "bpfmap/programs/dynptr.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/iterator.h"
#include "bpfmap/programs/machine.h"

namespace bpfmap {
namespace {

constexpr uint64_t kLargestSize = 1 << 29;  // as Linux (BPF_MAX_VAR_SIZ)
constexpr uint32_t kSpinUnlockHelper = 94;

}  // namespace

// Checks one call. Each method ends the run and returns false where an argument
// is not what it must be.
class ArgumentCheck {
 public:
  ArgumentCheck(Machine* machine, const Helper& helper, const uint64_t* reg,
                const Region** region)
      : m_(*machine), helper_(helper), reg_(reg), region_(region) {}

  bool Run(const Region* context) {
    if (!helper_.types.Has(m_.type())) {
      return Refuse(", which programs of type " +
                    std::string(ProgramTypeName(m_.type())) + " may not call");
    }
    if (m_.held_lock != 0 && helper_.number != kSpinUnlockHelper) {
      return Refuse(" while it holds a lock");
    }
    for (int i = 1; i <= 5; ++i) {
      const Arg arg = helper_.arguments[i - 1];
      if (arg == Arg::kNone) return true;
      if (region_[i] == nullptr) {
        return Refuse(" with argument " + std::to_string(i) +
                      ", a register that was not set");
      }
      if (!Check(i, arg, context)) return false;
    }
    return true;
  }

 private:
  bool Refuse(const std::string& reason) {
    m_.Fault("calls bpf_" + std::string(HelperName(helper_.number)) + "()" +
             reason);
    return false;
  }
  bool Wrong(int i, const char* wanted) {
    return Refuse(" with argument " + std::to_string(i) + ", which is no " +
                  wanted);
  }

  bool Memory(int i, uint64_t size, bool write) {
    // Linux moves its fields, so that no helper takes it as bytes.
    if (region_[i]->kind == RegionKind::kContext) {
      return Refuse(" with argument " + std::to_string(i) +
                    ", a pointer into the context: no helper takes that as "
                    "memory");
    }
    const Accessor by = {helper_.number, i};
    if (!write) return m_.MayRead(region_[i], reg_[i], size, by);
    if (!m_.MayWrite(region_[i], reg_[i], size, by)) return false;
    m_.Written(region_[i], reg_[i], size);
    return true;
  }

  bool Check(int i, Arg arg, const Region* context) {
    const Region& region = *region_[i];
    const Region& map = *region_[1];
    switch (arg) {
      case Arg::kNone:
      case Arg::kNumber:
      case Arg::kSize:
        return true;
      case Arg::kContext:
        return (&region == context && reg_[i] == context->base) ||
               Wrong(i, "context");
      case Arg::kMap:
        return (region.kind == RegionKind::kMap &&
                reg_[i] == reinterpret_cast<uintptr_t>(region.map.map)) ||
               Wrong(i, "map");
      case Arg::kKey:
        return Memory(i, map.map.key_size, false);
      case Arg::kValue:
        return Memory(i, map.map.value_size, false);
      case Arg::kValueOrNull:
        return reg_[i] == 0 || Memory(i, map.map.value_size, false);
      case Arg::kOutValue:
        return Memory(i, map.map.value_size, true);
      case Arg::kMemory:
      case Arg::kMemoryOrNull:
      case Arg::kOutMemory:
        return SizedMemory(i, arg);
      case Arg::kString:
        return String(i);
      case Arg::kOutLong:
        return Memory(i, 8, true);
      case Arg::kMapValue:
        return region.kind == RegionKind::kMapValue || Wrong(i, "map value");
      case Arg::kLock:
        return Lock(i, region);
      case Arg::kTimer:
        return (region.kind == RegionKind::kMapValue &&
                region.map.timer_offset != kNoTimer &&
                reg_[i] == region.base + region.map.timer_offset) ||
               Wrong(i, "timer in the value of a map");
      case Arg::kRecord:
        return (region.kind == RegionKind::kRecord && region.held &&
                reg_[i] == region.base) ||
               Wrong(i, "start of a ring record that the program holds");
      case Arg::kFunction:
        return (region.kind == RegionKind::kFunction &&
                reg_[i] == region.instruction) ||
               Wrong(i, "function");
      case Arg::kDynptr:
        return m_.DynptrAt(region_[i], reg_[i]) != nullptr || m_.faulted() ||
               Wrong(i, "dynptr");
      case Arg::kNewDynptr:
        return region.kind == RegionKind::kStack ? Memory(i, kDynptrSize, true)
                                                 : Wrong(i, "stack");
      case Arg::kIterator:
        return m_.IteratorAt(region_[i], reg_[i]) != nullptr ||
               Wrong(i, "iterator that was made");
      case Arg::kNewIterator:
        return region.kind == RegionKind::kStack &&
                       (reg_[i] - region.base) % kIteratorSize == 0
                   ? Memory(i, kIteratorSize, true)
                   : Wrong(i, "8 bytes of stack");
    }
    return true;
  }

  bool SizedMemory(int i, Arg arg) {
    if (region_[i + 1] == nullptr) return true;  // said next
    const uint64_t size = reg_[i + 1];
    if (size > kLargestSize) {
      return Refuse(" with argument " + std::to_string(i + 1) + ", a size of " +
                    std::to_string(static_cast<int64_t>(size)));
    }
    if (size == 0) return true;
    if (reg_[i] == 0 && arg == Arg::kMemoryOrNull) {
      return Refuse(" with a null pointer and a size of " +
                    std::to_string(size));
    }
    return Memory(i, size, arg == Arg::kOutMemory);
  }

  bool String(int i) {
    for (uint64_t at = reg_[i];; ++at) {
      if (!Memory(i, at + 1 - reg_[i], false)) return false;
      if (*reinterpret_cast<const char*>(static_cast<uintptr_t>(at)) == 0) {
        return true;
      }
    }
  }

  bool Lock(int i, const Region& region) {
    return (region.kind == RegionKind::kMapValue &&
            region.map.lock_offset != kNoSpinLock &&
            reg_[i] == region.base + region.map.lock_offset) ||
           Wrong(i, "lock in the value of a map");
  }

  Machine& m_;
  const Helper& helper_;
  const uint64_t* const reg_;
  const Region** const region_;
};

bool Machine::CheckArguments(const Helper& helper, Frame* frame) {
  return ArgumentCheck(this, helper, frame->reg, frame->region).Run(&context_);
}

}  // namespace bpfmap
