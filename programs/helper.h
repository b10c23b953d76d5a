// SPDX-License-Identifier: Apache-2.0
//
// Helper: a function that programs call by number, bpf-helpers(7).
//
// A helper is a row of one of the tables in helpers_*.cc: its number, what its
// arguments are, so that the machine can check them, which programs may call
// it, and the function. Helpers without a row are absent: a program that calls
// one ends with a fault that says so. A row also says how true the helper is:
// real, or simulated by the World.
//
// Functions of the kernel (kfuncs) that are here are rows, too: see
// helper_names.h for their numbers.

#ifndef BPFMAP_PROGRAMS_HELPER_H_
#define BPFMAP_PROGRAMS_HELPER_H_

#include <cstdint>
#include <span>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/memory.h"
#include "bpfmap/programs/program_type.h"

namespace bpfmap {

class Machine;
class World;

// The kind of an argument.
enum class Arg : uint8_t {
  kNone,          // there is none
  kNumber,        // anything that was set
  kContext,       // what r1 was at the start
  kMap,           // a map
  kKey,           // key_size bytes of the map
  kValue,         // value_size bytes of the map
  kValueOrNull,   // the same, or null
  kOutValue,      // the same, to be written
  kMemory,        // as many bytes as the next argument says, 1 or more
  kMemoryOrNull,  // the same, or null and 0 bytes
  kOutMemory,     // the same, to be written
  kSize,          // the number of bytes for the one before
  kString,        // bytes up to a 0
  kOutLong,       // 8 bytes to be written
  kMapValue,      // a pointer into a value of a map
  kLock,          // the lock in a value of a map
  kTimer,         // the timer in a value of a map
  kRecord,        // the start of a record of a ring that the program holds
  kFunction,      // a function of the program
  kDynptr,        // a dynptr that was set
  kNewDynptr,     // 16 bytes of stack for one
  kIterator,      // an iterator that was made
  kNewIterator,   // 8 bytes of stack for one
};

enum class HelperKind : uint8_t { kReal, kSimulated };

// A call that is under way.
class HelperCall {
 public:
  HelperCall(Machine* machine, uint64_t* registers, const Region** regions)
      : machine_(*machine), registers_(registers), regions_(regions) {}

  Machine& machine() { return machine_; }
  World& world();

  // Arguments 1 to 5.
  uint64_t number(int i) const { return registers_[i]; }
  uint32_t word(int i) const { return static_cast<uint32_t>(registers_[i]); }
  template <typename T = void>
  T* pointer(int i) const {
    return reinterpret_cast<T*>(static_cast<uintptr_t>(registers_[i]));
  }
  LocalMap& map(int i) const { return *pointer<LocalMap>(i); }
  // The region that the argument points into; null in a run without checks.
  const Region* region(int i) const {
    return regions_ == nullptr ? nullptr : regions_[i];
  }

  // Returns from a helper with these: a pointer into `region`, or null in its
  // place. Without checks only the number counts.
  uint64_t Return(const void* pointer, const Region* region) {
    result_ = region;
    return reinterpret_cast<uintptr_t>(pointer);
  }
  uint64_t ReturnNull(const char* helper);
  const Region* result() const { return result_; }

 private:
  Machine& machine_;
  uint64_t* const registers_;
  const Region** const regions_;
  const Region* result_ = Region::Number();
};

// Minus an errno, as helpers return it.
inline uint64_t Minus(Errno error) {
  return static_cast<uint64_t>(-static_cast<int64_t>(error));
}
inline uint64_t Minus(int error) {
  return static_cast<uint64_t>(-static_cast<int64_t>(error));
}

// Ends the run where argument `i` is no map of `type`.
bool NeedsMap(HelperCall& call, int i, MapType type, const char* helper);

struct Helper {
  uint32_t number = 0;
  HelperKind kind = HelperKind::kReal;
  bool gpl_only = false;
  Arg arguments[5] = {};
  uint64_t (*function)(HelperCall& call) = nullptr;
  ProgramTypes types = ProgramTypes::All();
};

// The row of a helper; null where it is absent.
const Helper* FindHelper(uint32_t number);

namespace internal {
// The tables, one of each file.
std::span<const Helper> MapHelpers();
std::span<const Helper> RingHelpers();
std::span<const Helper> StorageHelpers();
std::span<const Helper> TaskHelpers();
std::span<const Helper> TimerHelpers();
std::span<const Helper> TextHelpers();
std::span<const Helper> PacketHelpers();
std::span<const Helper> FlowHelpers();
std::span<const Helper> TunnelHelpers();
std::span<const Helper> SyscallHelpers();
std::span<const Helper> WorldHelpers();
std::span<const Helper> KernelFunctions();
std::span<const Helper> WorkFunctions();
std::span<const Helper> ArenaFunctions();
}  // namespace internal

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_HELPER_H_
