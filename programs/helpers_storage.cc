// SPDX-License-Identifier: Apache-2.0
//
// Helpers for local storage: values that belong to tasks, sockets, inodes and
// cgroups.

#include <cstdint>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/map_calls.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {
namespace {

constexpr const char* NameOfGet(MapType type) {
  return type == MapType::kSkStorage      ? "sk_storage_get"
         : type == MapType::kInodeStorage ? "inode_storage_get"
         : type == MapType::kTaskStorage  ? "task_storage_get"
                                          : "cgrp_storage_get";
}

template <MapType kType>
uint64_t Get(HelperCall& call) {
  constexpr uint64_t kCreate = 1;  // BPF_LOCAL_STORAGE_GET_F_CREATE
  constexpr const char* kName = NameOfGet(kType);
  if (!NeedsMap(call, 1, kType, kName)) return 0;
  const uint64_t object = call.number(2), flags = call.number(4);
  if (object == 0 || (flags & ~kCreate) != 0) return call.ReturnNull(kName);
  void* const value = StorageOf(&call.map(1), call.world().StorageOwner(object),
                                call.pointer(3), (flags & kCreate) != 0);
  if (value == nullptr) return call.ReturnNull(kName);
  if (!call.machine().checked()) return call.Return(value, nullptr);
  Region* const region = call.machine().NewRegion(RegionKind::kMapValue);
  if (region == nullptr) return 0;
  FillValueRegion(call.region(1)->map, value, region);
  return call.Return(value, region);
}

template <MapType kType>
uint64_t Delete(HelperCall& call) {
  if (!NeedsMap(call, 1, kType, "storage_delete")) return 0;
  const uint64_t object = call.number(2);
  if (object == 0) return Minus(Errno::kInval);
  return Minus(DropStorage(&call.map(1), call.world().StorageOwner(object)));
}

uint64_t GetLocalStorage(HelperCall& call) {
  Machine& machine = call.machine();
  LocalMap& map = call.map(1);
  const MapDef def = map.def();
  if (def.type != MapType::kPerCpuCgroupStorage &&
      !NeedsMap(call, 1, MapType::kCgroupStorage, "get_local_storage")) {
    return 0;
  }
  if (call.number(2) != 0 && machine.checked()) {
    machine.Fault("calls bpf_get_local_storage() with flags that are not 0");
    return 0;
  }
  const int cpu = IsPerCpu(def.type) ? CurrentCpu() : -1;
  void* const value = call.world().RunStorage(&map, cpu, def.value_size);
  if (!machine.checked()) return call.Return(value, nullptr);
  Region* const region = machine.NewRegion(RegionKind::kMapValue);
  if (region == nullptr) return 0;
  FillValueRegion(call.region(1)->map, value, region);
  return call.Return(value, region);
}

constexpr ProgramTypes kOfCgroups{
    ProgramType::kCgroupSkb,      ProgramType::kCgroupSock,
    ProgramType::kSockOps,        ProgramType::kCgroupDevice,
    ProgramType::kCgroupSockAddr, ProgramType::kCgroupSysctl,
    ProgramType::kCgroupSockopt};
constexpr ProgramTypes kOfInodes{ProgramType::kTracing, ProgramType::kStructOps,
                                 ProgramType::kLsm};
constexpr ProgramTypes kDeletesOfSockets =
    kOfInodes | ProgramTypes(ProgramType::kSchedCls, ProgramType::kSchedAct,
                             ProgramType::kCgroupSkb, ProgramType::kSockOps,
                             ProgramType::kSkMsg, ProgramType::kCgroupSockAddr,
                             ProgramType::kCgroupSockopt,
                             ProgramType::kSyscall);
constexpr ProgramTypes kOfSockets =
    kDeletesOfSockets | ProgramTypes(ProgramType::kCgroupSock);

template <MapType kType>
constexpr Helper GetRow(uint32_t number, ProgramTypes types) {
  return {
      number,     HelperKind::kSimulated,
      false,      {Arg::kMap, Arg::kNumber, Arg::kValueOrNull, Arg::kNumber},
      Get<kType>, types};
}
template <MapType kType>
constexpr Helper DeleteRow(uint32_t number, ProgramTypes types) {
  return {number,        HelperKind::kSimulated,
          false,         {Arg::kMap, Arg::kNumber},
          Delete<kType>, types};
}

constexpr Helper kHelpers[] = {
    {81,
     HelperKind::kSimulated,
     false,
     {Arg::kMap, Arg::kNumber},
     GetLocalStorage,
     kOfCgroups},
    GetRow<MapType::kSkStorage>(107, kOfSockets),
    DeleteRow<MapType::kSkStorage>(108, kDeletesOfSockets),
    GetRow<MapType::kInodeStorage>(145, kOfInodes),
    DeleteRow<MapType::kInodeStorage>(146, kOfInodes),
    GetRow<MapType::kTaskStorage>(156, ProgramTypes::All()),
    DeleteRow<MapType::kTaskStorage>(157, ProgramTypes::All()),
    GetRow<MapType::kCgrpStorage>(210, ProgramTypes::All()),
    DeleteRow<MapType::kCgrpStorage>(211, ProgramTypes::All()),
};

}  // namespace

std::span<const Helper> internal::StorageHelpers() { return kHelpers; }

}  // namespace bpfmap
