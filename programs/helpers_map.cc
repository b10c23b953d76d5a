// SPDX-License-Identifier: Apache-2.0
//
// Helpers for maps: elements, walks, locks, loops.

#include <string>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/spin_lock.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/map_calls.h"
#include "bpfmap/programs/program.h"

namespace bpfmap {
namespace {

constexpr uint64_t kMostLoops = 8 << 20;  // as Linux (BPF_MAX_LOOPS)

// The helpers for elements that the verifier lets a program call.
enum class ElemHelpers {
  kNone,
  kByKey,      // lookup, update, delete
  kInnerMaps,  // lookup
  kTargets,    // lookup
  kPushPop,    // push, pop, peek
  kFilter,     // push, peek
};

// No default, so the compiler names a type that was forgotten.
ElemHelpers HelpersOf(MapType type) {
  switch (type) {
    case MapType::kHash:
    case MapType::kArray:
    case MapType::kPerCpuHash:
    case MapType::kPerCpuArray:
    case MapType::kLruHash:
    case MapType::kLruPerCpuHash:
    case MapType::kLpmTrie:
      return ElemHelpers::kByKey;
    case MapType::kArrayOfMaps:
    case MapType::kHashOfMaps:
      return ElemHelpers::kInnerMaps;
    case MapType::kDevMap:
    case MapType::kDevMapHash:
      return ElemHelpers::kTargets;
    case MapType::kQueue:
    case MapType::kStack:
      return ElemHelpers::kPushPop;
    case MapType::kBloomFilter:
      return ElemHelpers::kFilter;
    case MapType::kProgArray:
    case MapType::kPerfEventArray:
    case MapType::kCgroupArray:
    case MapType::kCpuMap:
    case MapType::kCgroupStorage:
    case MapType::kPerCpuCgroupStorage:
    case MapType::kSockMap:
    case MapType::kXskMap:
    case MapType::kSockHash:
    case MapType::kReuseportSockArray:
    case MapType::kSkStorage:
    case MapType::kInodeStorage:
    case MapType::kTaskStorage:
    case MapType::kCgrpStorage:
    case MapType::kStackTrace:
    case MapType::kRingBuf:
    case MapType::kUserRingBuf:
    case MapType::kStructOps:
    case MapType::kArena:
      return ElemHelpers::kNone;
  }
  return IsCustom(type) ? ElemHelpers::kByKey : ElemHelpers::kNone;
}

bool HasElements(MapType type) {
  return HelpersOf(type) == ElemHelpers::kByKey;
}

bool HasInnerMaps(MapType type) {
  return HelpersOf(type) == ElemHelpers::kInnerMaps;
}

bool HasTargets(MapType type) {
  return HelpersOf(type) == ElemHelpers::kTargets;
}

bool HasValuesOnly(MapType type) {
  const ElemHelpers helpers = HelpersOf(type);
  return helpers == ElemHelpers::kPushPop || helpers == ElemHelpers::kFilter;
}

// Ends the run where the verifier would refuse the helper for such a map.
bool Allow(HelperCall& call, bool allowed, const char* helper) {
  if (!call.machine().checked() || allowed) return true;
  call.machine().Fault(
      "calls bpf_" + std::string(helper) + "() on a map of type " +
      MapTypeName(call.region(1)->map.type) + ", which has no such helper");
  return false;
}

MapType TypeOf(HelperCall& call) {
  return call.machine().checked() ? call.region(1)->map.type : MapType{};
}

// Answers a store to a map that programs may not write, as the verifier does:
// the program does not run.
uint64_t Result(HelperCall& call, Errno error) {
  if (error == Errno::kAcces && call.machine().checked()) {
    call.machine().Fault(std::string("writes to map ") +
                         call.map(1).def().name +
                         ", which programs may not write (BPF_F_RDONLY_PROG)");
  }
  return Minus(error);
}

uint64_t ReturnValue(HelperCall& call, void* value, const char* helper) {
  if (value == nullptr) return call.ReturnNull(helper);
  if (!call.machine().checked()) return call.Return(value, nullptr);
  Region* const region = call.machine().NewRegion(RegionKind::kMapValue);
  if (region == nullptr) return 0;
  const MapFacts& map = call.region(1)->map;
  if (HasInnerMaps(map.type)) {
    region->kind = RegionKind::kMap;
    region->map = FactsOf(static_cast<LocalMap*>(value));
  } else {
    FillValueRegion(map, value, region);
  }
  return call.Return(value, region);
}

uint64_t MapLookupElem(HelperCall& call) {
  const MapType type = TypeOf(call);
  if (!Allow(call, HasElements(type) || HasInnerMaps(type) || HasTargets(type),
             "map_lookup_elem")) {
    return 0;
  }
  return ReturnValue(call, call.map(1).LookupElem(call.pointer(2)),
                     "map_lookup_elem");
}

uint64_t MapUpdateElem(HelperCall& call) {
  if (!Allow(call, HasElements(TypeOf(call)), "map_update_elem")) return 0;
  return Result(call, call.map(1).UpdateElem(call.pointer(2), call.pointer(3),
                                             ElemFlags{call.number(4)}));
}

uint64_t MapDeleteElem(HelperCall& call) {
  if (!Allow(call, HasElements(TypeOf(call)), "map_delete_elem")) return 0;
  return Result(call, call.map(1).DeleteElem(call.pointer(2)));
}

uint64_t MapPushElem(HelperCall& call) {
  if (!Allow(call, HasValuesOnly(TypeOf(call)), "map_push_elem")) return 0;
  return Result(call,
                call.map(1).Push(call.pointer(2), ElemFlags{call.number(3)}));
}

uint64_t MapPopElem(HelperCall& call) {
  if (!Allow(call, HelpersOf(TypeOf(call)) == ElemHelpers::kPushPop,
             "map_pop_elem")) {
    return 0;
  }
  return Result(call, call.map(1).Pop(call.pointer(2)));
}

// Reads what a bloom filter is asked for, and writes what a queue or a stack
// gives.
uint64_t MapPeekElem(HelperCall& call) {
  const MapType type = TypeOf(call);
  if (!Allow(call, HasValuesOnly(type), "map_peek_elem")) return 0;
  Machine& machine = call.machine();
  if (machine.checked()) {
    const uint64_t address = call.number(2);
    const uint32_t size = call.region(1)->map.value_size;
    const Accessor by = {89, 2};
    if (HelpersOf(type) == ElemHelpers::kFilter) {
      if (!machine.MayRead(call.region(2), address, size, by)) return 0;
    } else {
      if (!machine.MayWrite(call.region(2), address, size, by)) return 0;
      machine.Written(call.region(2), address, size);
    }
  }
  return Result(call, call.map(1).Peek(call.pointer(2)));
}

uint64_t MapLookupPerCpuElem(HelperCall& call) {
  if (!Allow(call, IsPerCpu(TypeOf(call)), "map_lookup_percpu_elem")) return 0;
  return ReturnValue(
      call, call.map(1).LookupPerCpuElem(call.pointer(2), call.word(3)),
      "map_lookup_percpu_elem");
}

// Calls the function of argument 2 for one element.
int VisitElem(HelperCall& call, const void* key, void* value) {
  Machine& machine = call.machine();
  const uint64_t arguments[] = {
      call.number(1), reinterpret_cast<uintptr_t>(key),
      reinterpret_cast<uintptr_t>(value), call.number(3)};
  const Region* regions[4] = {};
  Region* key_region = nullptr;
  if (machine.checked()) {
    key_region = machine.NewRegion(RegionKind::kMapKey);
    if (key_region == nullptr) return 1;
    key_region->map = call.region(1)->map;
    key_region->base = arguments[1];
    key_region->size = key_region->readable = key_region->map.key_size;
    key_region->held = true;  // while it is lent
    Region* const value_region = machine.NewRegion(RegionKind::kMapValue);
    if (value_region == nullptr) return 1;
    FillValueRegion(call.region(1)->map, value, value_region);
    regions[0] = call.region(1);
    regions[1] = key_region;
    regions[2] = value_region;
    regions[3] = call.region(3);
  }
  uint64_t result = 0;
  const bool ended =
      machine.CallBack(call.word(2), arguments, regions, 4, &result);
  if (key_region != nullptr) {
    key_region->kind = RegionKind::kGone;
    key_region->readable = 0;
    key_region->held = false;
    key_region->reason = "the end of the function that it was lent to";
  }
  return ended ? static_cast<int>(result) : 1;
}

uint64_t ForEachMapElem(HelperCall& call) {
  const int64_t visited = call.map(1).ForEachElem(
      [&call](const void* key, void* value) {
        return call.machine().faulted() ? 1 : VisitElem(call, key, value);
      },
      call.number(4));
  if (visited == -static_cast<int64_t>(Errno::kNotSupp)) {
    Allow(call, false, "for_each_map_elem");
  }
  return static_cast<uint64_t>(visited);
}

uint64_t Loop(HelperCall& call) {
  const uint32_t turns = call.word(1);
  if (call.number(4) != 0) return Minus(Errno::kInval);
  if (turns > kMostLoops) return Minus(Errno::k2Big);
  for (uint32_t i = 0; i < turns; ++i) {
    const uint64_t arguments[] = {i, call.number(3)};
    const Region* const regions[] = {Region::Number(), call.region(3)};
    uint64_t result = 0;
    if (!call.machine().CallBack(call.word(2), arguments, regions, 2,
                                 &result)) {
      return 0;
    }
    if (result != 0) return i + 1;
  }
  return turns;
}

uint64_t TakeLock(HelperCall& call) {
  SpinLock(call.pointer(1));
  if (call.machine().checked()) call.machine().held_lock = call.number(1);
  return 0;
}

uint64_t ReleaseLock(HelperCall& call) {
  Machine& machine = call.machine();
  if (machine.checked() && machine.held_lock != call.number(1)) {
    machine.Fault("releases a lock that it does not hold");
    return 0;
  }
  machine.held_lock = 0;
  SpinUnlock(call.pointer(1));
  return 0;
}

constexpr Helper kHelpers[] = {
    {1, HelperKind::kReal, false, {Arg::kMap, Arg::kKey}, MapLookupElem},
    {2,
     HelperKind::kReal,
     false,
     {Arg::kMap, Arg::kKey, Arg::kValue, Arg::kNumber},
     MapUpdateElem},
    {3, HelperKind::kReal, false, {Arg::kMap, Arg::kKey}, MapDeleteElem},
    {87,
     HelperKind::kReal,
     false,
     {Arg::kMap, Arg::kValue, Arg::kNumber},
     MapPushElem},
    {88, HelperKind::kReal, false, {Arg::kMap, Arg::kOutValue}, MapPopElem},
    {89, HelperKind::kReal, false, {Arg::kMap, Arg::kNumber}, MapPeekElem},
    {93, HelperKind::kReal, false, {Arg::kLock}, TakeLock},
    {94, HelperKind::kReal, false, {Arg::kLock}, ReleaseLock},
    {164,
     HelperKind::kReal,
     false,
     {Arg::kMap, Arg::kFunction, Arg::kNumber, Arg::kNumber},
     ForEachMapElem},
    {181,
     HelperKind::kReal,
     false,
     {Arg::kNumber, Arg::kFunction, Arg::kNumber, Arg::kNumber},
     Loop},
    {195,
     HelperKind::kReal,
     false,
     {Arg::kMap, Arg::kKey, Arg::kNumber},
     MapLookupPerCpuElem},
};

}  // namespace

std::span<const Helper> internal::MapHelpers() { return kHelpers; }

}  // namespace bpfmap
