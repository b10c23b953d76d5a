// SPDX-License-Identifier: Apache-2.0
//
// Helpers for local storage: values that belong to tasks, sockets, inodes and
// cgroups.

#include <cstdint>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/map_calls.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {
namespace {

constexpr const char* NameOfGet(MapType type) {
  switch (type) {
    case MapType::kSkStorage:
      return "sk_storage_get";
    case MapType::kInodeStorage:
      return "inode_storage_get";
    case MapType::kTaskStorage:
      return "task_storage_get";
    default:
      return "cgrp_storage_get";
  }
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
