// SPDX-License-Identifier: Apache-2.0
//
// Helpers for the timers and the work queues in values of maps. Timers fire on
// the World's clock, see timers.h, and work is done as if it were a timer that
// is due.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/timers.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {
namespace {

constexpr uint64_t kClocks = 16;  // MAX_CLOCKS
constexpr int kRealtime = 0, kMonotonic = 1, kBoottime = 7;
constexpr uint64_t kAbsolute = 1, kOnThisCpu = 2;  // BPF_F_TIMER_*
constexpr uint64_t kLastTime = INT64_MAX;

// A multiple of 8 bytes: keys and elements of arrays are.
uint64_t RoundUp8(uint64_t size) { return (size + 7) & ~uint64_t{7}; }

// The index of the element of an array that `value` points to.
uint32_t IndexOf(LocalMap& map, const std::byte* value) {
  uint32_t index = 0;
  const auto* const first =
      static_cast<const std::byte*>(map.LookupElem(&index));
  const auto distance = static_cast<uint64_t>(value - first);
  index = static_cast<uint32_t>(distance / RoundUp8(map.def().value_size));
  if (map.LookupElem(&index) == value) return index;
  // An array that grew is in several pieces.
  const uint32_t size = map.def().max_entries;
  for (index = 0; index < size && map.LookupElem(&index) != value;) ++index;
  return index;
}

// The key of the element of a hash map that `value` points to.
std::vector<std::byte> KeyOf(LocalMap& map, const std::byte* value) {
  const MapDef def = map.def();
  // Elements are a key and a value, at multiples of 8 bytes. Short keys of an
  // LRU map come after a number of 4.
  constexpr uint64_t kNumber = 4;
  const bool is_after_number =
      def.type == MapType::kLruHash && def.key_size < 8;
  const std::byte* const at =
      is_after_number ? value - RoundUp8(kNumber + def.key_size) + kNumber
                      : value - RoundUp8(def.key_size);
  return {at, at + def.key_size};
}

// The work of a timer that fires: it calls a function for its element, if that
// is still there.
class ElementFunction {
 public:
  ElementFunction(std::shared_ptr<const Program> program, uint32_t function,
                  LocalMap* map, std::byte* value, const RunInput& input)
      : program_(std::move(program)),
        function_(function),
        map_(*map),
        value_(value),
        cpu_(CurrentCpu()),
        key_(map->def().key_size) {
    input_.checks = input.checks;
    input_.may_read_unwritten_stack = input.may_read_unwritten_stack;
    input_.max_instructions = input.max_instructions;
    input_.max_instructions_with_callbacks =
        input.max_instructions_with_callbacks;
    if (map->def().type == MapType::kArray) {
      const uint32_t index = IndexOf(map_, value);
      std::copy_n(reinterpret_cast<const std::byte*>(&index), sizeof index,
                  key_.data());
    } else {
      key_ = KeyOf(map_, value);
    }
  }

  void operator()(World& world) const {
    if (map_.LookupElem(key_.data()) != value_) return;
    const ScopedCpu cpu(cpu_);
    const auto machine = std::make_unique<Machine>(&world);
    const RunResult result = machine->RunOnElement(*program_, function_, &map_,
                                                   key_.data(), value_, input_);
    if (result.faulted()) world.TimerFaulted(result.fault);
  }

 private:
  std::shared_ptr<const Program> program_;  // which keeps the map
  uint32_t function_;
  LocalMap& map_;
  std::byte* value_;
  int cpu_;  // where the function was set
  std::vector<std::byte> key_;
  RunInput input_;
};

World::Clock WorldClockOf(int clock) {
  switch (clock) {
    case kRealtime:
      return World::Clock::kReal;
    case kBoottime:
      return World::Clock::kBoot;
    default:
      return World::Clock::kMonotonic;
  }
}

// Ends the run where argument 1 is not in the map of argument 2.
bool IsInMap(HelperCall& call, const char* reason) {
  Machine& machine = call.machine();
  if (!machine.checked() || call.region(1)->map.map == &call.map(2)) {
    return true;
  }
  machine.Fault(reason);
  return false;
}

uint64_t TimerInit(HelperCall& call) {
  LocalMap* const map = &call.map(2);
  if (!IsInMap(call,
               "calls bpf_timer_init() with argument 2, which is not the "
               "map that the timer is in")) {
    return 0;
  }
  const uint64_t clock = call.number(3);
  if (clock >= kClocks) return Minus(Errno::kInval);
  const int id = static_cast<int>(clock);
  if (id != kMonotonic && id != kRealtime && id != kBoottime) {
    return Minus(Errno::kInval);
  }
  Timers& timers = call.world().timers();
  uint64_t* const place = call.pointer<uint64_t>(1);
  // A map without a user has no timers any more.
  if (!call.world().HasUser(*map)) return Minus(Errno::kPerm);
  return Minus(timers.Init(place, map, id));
}

uint64_t TimerSetCallback(HelperCall& call) {
  Machine& machine = call.machine();
  Timers& timers = call.world().timers();
  const uint64_t* const place = call.pointer<uint64_t>(1);
  LocalMap* map = timers.MapOf(place);
  if (map == nullptr) return Minus(Errno::kInval);
  if (!call.world().HasUser(*map)) return Minus(Errno::kPerm);
  std::byte* const value = call.pointer<std::byte>(1) - map->def().timer_offset;
  return Minus(timers.SetFunction(
      place, ElementFunction(machine.program().shared_from_this(), call.word(2),
                             map, value, machine.input())));
}

uint64_t TimerStart(HelperCall& call) {
  const uint64_t flags = call.number(3);
  if ((flags & ~(kAbsolute | kOnThisCpu)) != 0) return Minus(Errno::kInval);
  World& world = call.world();
  Timers& timers = world.timers();
  const uint64_t* const place = call.pointer<uint64_t>(1);
  const int clock = timers.ClockOf(place);
  if (clock < 0) return Minus(Errno::kInval);
  const uint64_t now = world.Now(World::Clock::kMonotonic);
  // As Linux does with times that are no signed numbers.
  uint64_t wait = std::min(call.number(2), kLastTime);
  if ((flags & kAbsolute) != 0) {
    const uint64_t now_there = world.Now(WorldClockOf(clock));
    wait = wait > now_there ? wait - now_there : 0;
  }
  return Minus(timers.Start(place, std::min(now + wait, kLastTime)));
}

uint64_t TimerCancel(HelperCall& call) {
  return static_cast<uint64_t>(
      call.world().timers().Cancel(call.pointer<uint64_t>(1)));
}

uint64_t WorkInit(HelperCall& call) {
  LocalMap* const map = &call.map(2);
  if (!IsInMap(call,
               "calls bpf_wq_init() with argument 2, which is not the "
               "map that the work queue is in")) {
    return 0;
  }
  if (call.word(3) != 0) return Minus(Errno::kInval);
  if (!call.world().HasUser(*map)) return Minus(Errno::kPerm);
  return Minus(
      call.world().timers().Init(call.pointer<uint64_t>(1), map, kMonotonic));
}

uint64_t WorkSetCallback(HelperCall& call) {
  if (call.word(3) != 0) return Minus(Errno::kInval);
  return TimerSetCallback(call);
}

uint64_t WorkStart(HelperCall& call) {
  if (call.word(2) != 0) return Minus(Errno::kInval);
  World& world = call.world();
  return Minus(world.timers().Start(call.pointer<uint64_t>(1),
                                    world.Now(World::Clock::kMonotonic)));
}

constexpr Helper kHelpers[] = {
    {169,
     HelperKind::kSimulated,
     true,
     {Arg::kTimer, Arg::kMap, Arg::kNumber},
     TimerInit},
    {170,
     HelperKind::kSimulated,
     true,
     {Arg::kTimer, Arg::kFunction},
     TimerSetCallback},
    {171,
     HelperKind::kSimulated,
     true,
     {Arg::kTimer, Arg::kNumber, Arg::kNumber},
     TimerStart},
    {172, HelperKind::kSimulated, true, {Arg::kTimer}, TimerCancel},
};

constexpr Helper kWorkFunctions[] = {
    {KernelFunctionNumber("bpf_wq_init"),
     HelperKind::kSimulated,
     true,
     {Arg::kTimer, Arg::kMap, Arg::kNumber},
     WorkInit},
    {KernelFunctionNumber("bpf_wq_set_callback_impl"),
     HelperKind::kSimulated,
     true,
     {Arg::kTimer, Arg::kFunction, Arg::kNumber},
     WorkSetCallback},
    {KernelFunctionNumber("bpf_wq_start"),
     HelperKind::kSimulated,
     true,
     {Arg::kTimer, Arg::kNumber},
     WorkStart},
};

}  // namespace

std::span<const Helper> internal::TimerHelpers() { return kHelpers; }
std::span<const Helper> internal::WorkFunctions() { return kWorkFunctions; }

}  // namespace bpfmap
