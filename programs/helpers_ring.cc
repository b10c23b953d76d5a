// SPDX-License-Identifier: Apache-2.0
//
// Helpers for rings, dynptrs, perf events and stacks.

#include <cstring>
#include <string>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/dynptr.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/map_calls.h"

namespace bpfmap {
namespace {

constexpr uint64_t kLargestDynptr = 0xffffff;  // 24 bits, as Linux

uint64_t Output(HelperCall& call) {
  if (!NeedsMap(call, 1, MapType::kRingBuf, "ringbuf_output")) return 0;
  return Minus(RingOutput(&call.map(1), call.pointer(2), call.number(3),
                          call.number(4)));
}

// A region for a record that the program now holds.
Region* HoldRecord(HelperCall& call, void* data, uint64_t size) {
  Machine& machine = call.machine();
  Region* const record = machine.NewRegion(RegionKind::kRecord);
  if (record == nullptr) {
    RingDiscard(&call.map(1), data, 0);
    return nullptr;
  }
  record->base = reinterpret_cast<uintptr_t>(data);
  record->size = record->readable = record->writable =
      static_cast<uint32_t>(size);
  record->map = call.region(1)->map;
  record->held = true;
  ++machine.held_records;
  return record;
}

uint64_t Reserve(HelperCall& call) {
  if (!NeedsMap(call, 1, MapType::kRingBuf, "ringbuf_reserve")) return 0;
  void* const data = RingReserve(&call.map(1), call.number(2), call.number(3));
  if (data == nullptr) return call.ReturnNull("ringbuf_reserve");
  if (!call.machine().checked()) {
    call.machine().KeepRing(reinterpret_cast<uintptr_t>(data), &call.map(1));
    return call.Return(data, nullptr);
  }
  Region* const record = HoldRecord(call, data, call.number(2));
  return record == nullptr ? 0 : call.Return(data, record);
}

// The program no longer holds the record of `region`.
void Release(Machine& machine, const Region* region, const char* reason) {
  Region* const record = const_cast<Region*>(region);
  record->kind = RegionKind::kGone;
  record->readable = record->writable = 0;
  record->held = false;
  record->reason = reason;
  --machine.held_records;
}

uint64_t SubmitOrDiscard(HelperCall& call, bool submit) {
  Machine& machine = call.machine();
  LocalMap* const map = machine.checked() ? call.region(1)->map.map
                                          : machine.RingOf(call.number(1));
  if (map == nullptr) {
    machine.Fault("submits or discards what is no ring record");
    return 0;
  }
  if (submit) {
    RingSubmit(map, call.pointer(1), call.number(2));
  } else {
    RingDiscard(map, call.pointer(1), call.number(2));
  }
  if (!machine.checked()) return 0;
  Release(machine, call.region(1),
          submit ? "bpf_ringbuf_submit()" : "bpf_ringbuf_discard()");
  return 0;
}
uint64_t Submit(HelperCall& call) { return SubmitOrDiscard(call, true); }
uint64_t Discard(HelperCall& call) { return SubmitOrDiscard(call, false); }

uint64_t Query(HelperCall& call) {
  if (!NeedsMap(call, 1, MapType::kRingBuf, "ringbuf_query")) return 0;
  return RingQuery(&call.map(1), call.number(2));
}

// Dynptrs.

// Makes the bytes at argument `i` a dynptr.
void PutDynptr(HelperCall& call, int i, const Dynptr& dynptr,
               const Region* region) {
  *call.pointer<Dynptr>(i) = dynptr;
  call.machine().SetDynptr(call.region(i), call.number(i), region);
}

// The dynptr at argument `i`. With checks, what the machine knows of it: the
// program may have changed the bytes.
Dynptr DynptrOf(HelperCall& call, int i) {
  if (!call.machine().checked()) return *call.pointer<const Dynptr>(i);
  const Region* const region =
      call.machine().DynptrAt(call.region(i), call.number(i));
  return {region->base, region->size, region->writable == 0 ? 1U : 0U};
}

uint64_t DynptrFromMem(HelperCall& call) {
  Machine& machine = call.machine();
  const uint64_t size = call.number(2);
  Region* region = nullptr;
  if (machine.checked()) {
    const Region* const memory = call.region(1);
    if (memory->kind != RegionKind::kMapValue) {
      machine.Fault(
          "makes a dynptr of memory that is not in the value of a map");
      return 0;
    }
    region = machine.NewRegion(RegionKind::kDynptr);
    if (region == nullptr) return 0;
  }
  Dynptr dynptr;
  Errno error = Errno::kOk;
  if (size > kLargestDynptr) {
    error = Errno::k2Big;
  } else if (call.number(3) != 0) {
    error = Errno::kInval;
  } else {
    dynptr.data = call.number(1);
    dynptr.size = static_cast<uint32_t>(size);
  }
  if (region != nullptr) {
    region->base = dynptr.data;
    region->size = region->writable = dynptr.size;
    region->map = call.region(1)->map;
  }
  PutDynptr(call, 4, dynptr, region);
  return Minus(error);
}

// Must be followed by a submit or discard even where it fails.
uint64_t ReserveDynptr(HelperCall& call) {
  if (!NeedsMap(call, 1, MapType::kRingBuf, "ringbuf_reserve_dynptr")) return 0;
  Machine& machine = call.machine();
  const uint64_t size = call.word(2);
  Dynptr dynptr;
  Errno error = Errno::kOk;
  if (call.number(3) != 0) {
    error = Errno::kInval;
  } else if (size > kLargestDynptr) {
    error = Errno::k2Big;
  } else {
    void* const data = RingReserve(&call.map(1), size, 0);
    if (data == nullptr) {
      error = Errno::kInval;
    } else {
      dynptr.data = reinterpret_cast<uintptr_t>(data);
      dynptr.size = static_cast<uint32_t>(size);
    }
  }
  Region* region = nullptr;
  if (machine.checked()) {
    region = machine.NewRegion(RegionKind::kDynptr);
    if (region == nullptr) {
      if (dynptr.data != 0) {
        RingDiscard(
            &call.map(1),
            reinterpret_cast<void*>(static_cast<uintptr_t>(dynptr.data)), 0);
      }
      return 0;
    }
    region->base = dynptr.data;
    region->size = region->writable = dynptr.size;
    region->map = call.region(1)->map;
    region->held = true;
    ++machine.held_records;
  } else if (dynptr.data != 0) {
    machine.KeepRing(dynptr.data, &call.map(1));
  }
  PutDynptr(call, 4, dynptr, region);
  return Minus(error);
}

uint64_t EndDynptr(HelperCall& call, bool submit) {
  Machine& machine = call.machine();
  const Dynptr dynptr = DynptrOf(call, 1);
  LocalMap* map = nullptr;
  if (machine.checked()) {
    const Region* const region =
        machine.DynptrAt(call.region(1), call.number(1));
    if (!region->held || call.region(1)->kind != RegionKind::kStack) {
      machine.Fault("ends a dynptr that holds no ring record");
      return 0;
    }
    map = region->map.map;
    machine.Forget(dynptr.data, dynptr.size,
                   "the end of the dynptr of its ring record");
    Release(machine, region, "its end");
    machine.SetDynptr(call.region(1), call.number(1), nullptr);
  } else if (dynptr.data != 0) {
    map = machine.RingOf(dynptr.data);
  }
  if (dynptr.data != 0 && map != nullptr) {
    void* const data =
        reinterpret_cast<void*>(static_cast<uintptr_t>(dynptr.data));
    if (submit) {
      RingSubmit(map, data, call.number(2));
    } else {
      RingDiscard(map, data, call.number(2));
    }
  }
  *call.pointer<Dynptr>(1) = {};
  return 0;
}
uint64_t SubmitDynptr(HelperCall& call) { return EndDynptr(call, true); }
uint64_t DiscardDynptr(HelperCall& call) { return EndDynptr(call, false); }

// Whether [offset, offset + size) is within the dynptr.
Errno CheckDynptr(const Dynptr& dynptr, uint64_t offset, uint64_t size) {
  if (dynptr.data == 0) return Errno::kInval;
  if (offset > dynptr.size || size > dynptr.size - offset) return Errno::k2Big;
  return Errno::kOk;
}

uint64_t DynptrRead(HelperCall& call) {
  const Dynptr dynptr = DynptrOf(call, 3);
  if (call.number(5) != 0) return Minus(Errno::kInval);
  const Errno error = CheckDynptr(dynptr, call.word(4), call.word(2));
  if (error != Errno::kOk) return Minus(error);
  std::memmove(call.pointer(1),
               reinterpret_cast<const void*>(
                   static_cast<uintptr_t>(dynptr.data + call.word(4))),
               call.word(2));
  return 0;
}

uint64_t DynptrWrite(HelperCall& call) {
  const Dynptr dynptr = DynptrOf(call, 1);
  if (dynptr.data == 0 || dynptr.read_only != 0) return Minus(Errno::kInval);
  const Errno error = CheckDynptr(dynptr, call.word(2), call.word(4));
  if (error != Errno::kOk) return Minus(error);
  if (call.number(5) != 0) return Minus(Errno::kInval);
  std::memmove(reinterpret_cast<void*>(
                   static_cast<uintptr_t>(dynptr.data + call.word(2))),
               call.pointer(3), call.word(4));
  return 0;
}

uint64_t DynptrData(HelperCall& call) {
  Machine& machine = call.machine();
  const Dynptr dynptr = DynptrOf(call, 1);
  const uint32_t offset = call.word(2);
  const uint32_t size = call.word(3);
  if (CheckDynptr(dynptr, offset, size) != Errno::kOk ||
      dynptr.read_only != 0) {
    return call.ReturnNull("dynptr_data");
  }
  const void* const data = reinterpret_cast<const void*>(
      static_cast<uintptr_t>(dynptr.data + offset));
  if (!machine.checked()) return call.Return(data, nullptr);
  Region* const slice = machine.NewRegion(RegionKind::kBuffer);
  if (slice == nullptr) return 0;
  slice->base = dynptr.data + offset;
  slice->size = slice->readable = slice->writable = size;
  return call.Return(data, slice);
}

// Calls the function of argument 2 with a dynptr for each record.
uint64_t UserRingbufDrain(HelperCall& call) {
  if (!NeedsMap(call, 1, MapType::kUserRingBuf, "user_ringbuf_drain")) return 0;
  const auto visit = [](void* context, void* data, uint32_t size) -> int {
    HelperCall& outer = *static_cast<HelperCall*>(context);
    Machine& machine = outer.machine();
    if (machine.faulted()) return 1;
    Dynptr dynptr = {reinterpret_cast<uintptr_t>(data), size, 1};
    Region* region = nullptr;
    if (machine.checked()) {
      region = machine.NewRegion(RegionKind::kDynptr);
      if (region == nullptr) return 1;
      region->base = dynptr.data;
      region->size = size;
      region->map = outer.region(1)->map;
    }
    const uint64_t arguments[] = {reinterpret_cast<uintptr_t>(&dynptr),
                                  outer.number(3)};
    const Region* const regions[] = {region, outer.region(3)};
    uint64_t result = 1;
    if (region != nullptr) region->held = true;  // while it is lent
    const bool ended =
        machine.CallBack(outer.word(2), arguments, regions, 2, &result);
    if (region != nullptr) {
      region->kind = RegionKind::kGone;
      region->held = false;
      region->reason = "the end of the function that it was lent to";
      machine.Forget(region->base, region->size, region->reason);
    }
    return ended ? static_cast<int>(result) : 1;
  };
  return static_cast<uint64_t>(
      UserRingDrain(&call.map(1), visit, &call, call.number(4)));
}

// Perf events and stacks.

// The bytes that bpf_perf_event_output() may add come from the packet.
uint64_t PerfEventOutput(HelperCall& call) {
  if (!NeedsMap(call, 2, MapType::kPerfEventArray, "perf_event_output")) {
    return 0;
  }
  const PacketView* const packet = call.machine().packet();
  const bool has_packet = packet != nullptr && packet->data != nullptr;
  return Minus(PerfOutput(&call.map(2), call.number(3), call.pointer(4),
                          call.number(5), has_packet ? packet->data : nullptr,
                          has_packet ? packet->size() : 0));
}

uint64_t GetStackId(HelperCall& call) {
  if (!NeedsMap(call, 2, MapType::kStackTrace, "get_stackid")) return 0;
  return static_cast<uint64_t>(StackId(&call.map(2), call.number(3)));
}

constexpr Helper kHelpers[] = {
    {130,
     HelperKind::kReal,
     false,
     {Arg::kMap, Arg::kMemory, Arg::kSize, Arg::kNumber},
     Output},
    {131,
     HelperKind::kReal,
     false,
     {Arg::kMap, Arg::kNumber, Arg::kNumber},
     Reserve},
    {132, HelperKind::kReal, false, {Arg::kRecord, Arg::kNumber}, Submit},
    {133, HelperKind::kReal, false, {Arg::kRecord, Arg::kNumber}, Discard},
    {134, HelperKind::kReal, false, {Arg::kMap, Arg::kNumber}, Query},
    {197,
     HelperKind::kReal,
     false,
     {Arg::kMemory, Arg::kSize, Arg::kNumber, Arg::kNewDynptr},
     DynptrFromMem},
    {198,
     HelperKind::kReal,
     false,
     {Arg::kMap, Arg::kNumber, Arg::kNumber, Arg::kNewDynptr},
     ReserveDynptr},
    {199, HelperKind::kReal, false, {Arg::kDynptr, Arg::kNumber}, SubmitDynptr},
    {200,
     HelperKind::kReal,
     false,
     {Arg::kDynptr, Arg::kNumber},
     DiscardDynptr},
    {201,
     HelperKind::kReal,
     false,
     {Arg::kOutMemory, Arg::kSize, Arg::kDynptr, Arg::kNumber, Arg::kNumber},
     DynptrRead},
    {202,
     HelperKind::kReal,
     false,
     {Arg::kDynptr, Arg::kNumber, Arg::kMemory, Arg::kSize, Arg::kNumber},
     DynptrWrite},
    {203,
     HelperKind::kReal,
     false,
     {Arg::kDynptr, Arg::kNumber, Arg::kNumber},
     DynptrData},
    {209,
     HelperKind::kReal,
     false,
     {Arg::kMap, Arg::kFunction, Arg::kNumber, Arg::kNumber},
     UserRingbufDrain},
    {25,
     HelperKind::kReal,
     true,
     {Arg::kContext, Arg::kMap, Arg::kNumber, Arg::kMemory, Arg::kSize},
     PerfEventOutput,
     ProgramTypes::All().Without(
         ProgramTypes(ProgramType::kSkReuseport, ProgramType::kFlowDissector))},
    {27,
     HelperKind::kSimulated,
     true,
     {Arg::kContext, Arg::kMap, Arg::kNumber},
     GetStackId,
     kTracingTypes | ProgramTypes(ProgramType::kSyscall)},
};

}  // namespace

std::span<const Helper> internal::RingHelpers() { return kHelpers; }

}  // namespace bpfmap
