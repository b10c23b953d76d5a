// SPDX-License-Identifier: Apache-2.0
//
// Helpers that send packets elsewhere, and that ask where they come from or go.

#include <cstring>

#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/map_calls.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {
namespace {

constexpr uint64_t kXdpAborted = 0, kXdpRedirect = 4;
constexpr uint64_t kTcShot = 2, kTcRedirect = 7;

uint64_t RedirectTo(HelperCall& call, uint32_t index, uint64_t flags) {
  Machine& machine = call.machine();
  machine.redirected = true;
  machine.redirect_index = index;
  machine.redirect_flags = flags;
  return machine.type() == ProgramType::kXdp ? kXdpRedirect : kTcRedirect;
}

uint64_t Redirect(HelperCall& call) {
  const bool is_xdp = call.machine().type() == ProgramType::kXdp;
  const uint64_t allowed = is_xdp ? 0 : 1;  // BPF_F_INGRESS
  if ((call.number(2) & ~allowed) != 0) return is_xdp ? kXdpAborted : kTcShot;
  return RedirectTo(call, call.word(1), call.number(2));
}

uint64_t RedirectPeer(HelperCall& call) {
  if (call.number(2) != 0) return kTcShot;
  return RedirectTo(call, call.word(1), 0);
}

uint64_t RedirectNeigh(HelperCall& call) {
  if (call.number(4) != 0) return kTcShot;
  return RedirectTo(call, call.word(1), 0);
}

// Without an element the lower bits of the flags are the answer. A broadcast
// asks for no element.
uint64_t RedirectMap(HelperCall& call) {
  constexpr uint64_t kActions = 3, kBroadcast = 8, kExcludeIngress = 16;
  LocalMap& map = call.map(1);
  const MapTraits traits = map.traits();
  if (traits.targets == MapTraits::Targets::kNone &&
      traits.sockets != MapTraits::Sockets::kXdp) {
    NeedsMap(call, 1, MapType::kDevMap, "redirect_map");
    return kXdpAborted;
  }
  uint64_t allowed = kActions;
  if (traits.targets == MapTraits::Targets::kDevices) {
    allowed |= kBroadcast | kExcludeIngress;
  }
  const uint64_t flags = call.number(3);
  if ((flags & ~allowed) != 0) return kXdpAborted;
  const uint32_t key = call.word(2);
  if ((flags & kBroadcast) == 0 && map.LookupElem(&key) == nullptr) {
    return flags & kActions;
  }
  return RedirectTo(call, key, flags);
}

uint64_t CloneRedirect(HelperCall& call) {
  if ((call.number(3) & ~uint64_t{1}) != 0) return Minus(Errno::kInval);
  const PacketView& packet = *call.machine().packet();
  call.world().Cloned(call.word(2), call.number(3),
                      {packet.data, packet.size()});
  call.machine().MovePacket("bpf_clone_redirect()");
  return 0;
}

uint64_t FibLookup(HelperCall& call) {
  return static_cast<uint64_t>(
      call.world().FibLookup(call.pointer(2), call.word(3), call.word(4)));
}

uint64_t GetSocketUid(HelperCall& call) { return call.world().socket_uid; }
uint64_t Zero(HelperCall&) { return 0; }
uint64_t SkbCgroupId(HelperCall& call) {
  return call.world().CurrentTask().cgroup_id;
}
uint64_t SkbUnderCgroup(HelperCall& call) {
  if (!NeedsMap(call, 2, MapType::kCgroupArray, "skb_under_cgroup")) return 0;
  uint32_t cgroup;
  const Errno error = LookupCgroup(&call.map(2), call.word(3), &cgroup);
  if (error != Errno::kOk) return Minus(error);
  return call.world().UnderCgroup(cgroup) ? 1 : 0;
}

constexpr ProgramTypes kTc{ProgramType::kSchedCls, ProgramType::kSchedAct};
constexpr ProgramTypes kXdp{ProgramType::kXdp};
constexpr ProgramTypes kTcAndLwt =
    kTc | ProgramTypes(ProgramType::kLwtIn, ProgramType::kLwtOut,
                       ProgramType::kLwtXmit, ProgramType::kLwtSeg6Local);

constexpr ProgramTypes kOfSockets =
    kTc | ProgramTypes(ProgramType::kSocketFilter, ProgramType::kCgroupSkb,
                       ProgramType::kSkSkb);

#define BPFMAP_FLOW(number, types, function, ...) \
  { number, HelperKind::kSimulated, false, {__VA_ARGS__}, function, types }

constexpr Helper kHelpers[] = {
    BPFMAP_FLOW(23, kTc | kXdp | ProgramTypes(ProgramType::kLwtXmit), Redirect,
                Arg::kNumber, Arg::kNumber),
    BPFMAP_FLOW(155, kTc, RedirectPeer, Arg::kNumber, Arg::kNumber),
    BPFMAP_FLOW(152, kTc, RedirectNeigh, Arg::kNumber, Arg::kMemoryOrNull,
                Arg::kSize, Arg::kNumber),
    BPFMAP_FLOW(51, kXdp, RedirectMap, Arg::kMap, Arg::kNumber, Arg::kNumber),
    BPFMAP_FLOW(13, kTc | ProgramTypes(ProgramType::kLwtXmit), CloneRedirect,
                Arg::kContext, Arg::kNumber, Arg::kNumber),
    BPFMAP_FLOW(69, kTc | kXdp, FibLookup, Arg::kContext, Arg::kOutMemory,
                Arg::kSize, Arg::kNumber),
    BPFMAP_FLOW(47, kOfSockets, GetSocketUid, Arg::kContext),
    BPFMAP_FLOW(17, ProgramTypes::All(), Zero, Arg::kContext),
    BPFMAP_FLOW(24, kTcAndLwt, Zero, Arg::kContext),
    BPFMAP_FLOW(79, kTc | ProgramTypes(ProgramType::kCgroupSkb), SkbCgroupId,
                Arg::kContext),
    BPFMAP_FLOW(33, kTcAndLwt, SkbUnderCgroup, Arg::kContext, Arg::kMap,
                Arg::kNumber),
};

}  // namespace

std::span<const Helper> internal::FlowHelpers() { return kHelpers; }

}  // namespace bpfmap
