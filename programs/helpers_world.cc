// SPDX-License-Identifier: Apache-2.0
//
// Helpers whose answers the World has: stacks, counters, keys of tunnels, sizes
// of packets that devices take, options of sockets.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/checksum.h"
#include "bpfmap/programs/context.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/packet_view.h"
#include "bpfmap/programs/skb.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {
namespace {

constexpr Errno kNoDevice{19};  // ENODEV

// Stacks.

constexpr uint64_t kSkipMask = 0xff, kUserStack = 1 << 8;
constexpr uint64_t kBuildId = 1 << 11;

// Writes as many addresses as there is room for; returns their bytes.
uint64_t WriteStack(HelperCall& call, void* to, uint64_t size, uint64_t flags) {
  std::memset(to, 0, size);
  if ((flags & ~(kSkipMask | kUserStack)) != 0 || size % 8 != 0) {
    // Build ids are of files, which no World has.
    return Minus((flags & ~(kSkipMask | kUserStack | kBuildId)) == 0
                     ? Errno::kOpNotSupp
                     : Errno::kInval);
  }
  const World& world = call.world();
  std::span<const uint64_t> stack =
      (flags & kUserStack) != 0 ? world.user_stack : world.kernel_stack;
  const uint64_t skipped = flags & kSkipMask;
  if (stack.size() <= skipped) return Minus(Errno::kFault);
  stack = stack.subspan(skipped);
  stack = stack.first(std::min<std::size_t>(stack.size(), size / 8));
  std::memcpy(to, stack.data(), stack.size_bytes());
  return stack.size_bytes();
}

uint64_t GetStack(HelperCall& call) {
  return WriteStack(call, call.pointer(2), call.word(3), call.number(4));
}
uint64_t GetTaskStack(HelperCall& call) {
  return WriteStack(call, call.pointer(2), call.word(3), call.number(4));
}

// Counters of perf events.

constexpr uint64_t kIndex = 0xffffffff;  // BPF_F_INDEX_MASK and _CURRENT_CPU

Errno ReadCounter(HelperCall& call, int map, uint64_t flags,
                  PerfCounter* counter) {
  if ((flags & ~kIndex) != 0) return Errno::kInval;
  const uint32_t index = flags == kIndex ? static_cast<uint32_t>(CurrentCpu())
                                         : static_cast<uint32_t>(flags);
  if (index >= call.map(map).def().max_entries) return Errno::k2Big;
  const auto& counters = call.world().perf_counters;
  const auto found = counters.find(index);
  if (found == counters.end()) return Errno::kNoEnt;
  *counter = found->second;
  return Errno::kOk;
}

uint64_t PerfEventRead(HelperCall& call) {
  if (!NeedsMap(call, 1, MapType::kPerfEventArray, "perf_event_read")) return 0;
  PerfCounter counter;
  const Errno error = ReadCounter(call, 1, call.number(2), &counter);
  return error == Errno::kOk ? counter.counter : Minus(error);
}

uint64_t PerfEventReadValue(HelperCall& call) {
  if (!NeedsMap(call, 1, MapType::kPerfEventArray, "perf_event_read_value")) {
    return 0;
  }
  PerfCounter counter;
  const uint64_t size = call.word(4);
  Errno error = Errno::kInval;
  if (size == sizeof counter) {
    error = ReadCounter(call, 1, call.number(2), &counter);
  }
  if (error == Errno::kOk) {
    std::memcpy(call.pointer(3), &counter, sizeof counter);
  } else {
    std::memset(call.pointer(3), 0, size);
  }
  return Minus(error);
}

// Tunnels. A packet has the key that the World says it came with, or the one
// that its program set.

constexpr uint64_t kIpv6Key = 1;  // BPF_F_TUNINFO_IPV6
constexpr uint64_t kZeroChecksum = 2, kDontFragment = 4, kSequence = 8;
constexpr uint64_t kWantsFlags = 16;  // of a get
constexpr uint64_t kNoKey = 16;       // of a set
constexpr uint32_t kKeySize = 44;
// The sizes of struct bpf_tunnel_key in older kernels.
bool IsKeySize(uint32_t size, bool is_ipv6) {
  return size == kKeySize || size == 22 || size == 24 || size == 28 ||
         (size == 8 && !is_ipv6);
}

constexpr uint16_t kChecksumBit = 0x1, kKeyBit = 0x4, kSequenceBit = 0x8;
constexpr uint16_t kDontFragmentBit = 0x100, kNoCacheBit = 0x2000;
constexpr uint16_t kOptionBits = 0x800 | 0x1000 | 0x4000 | 0x8000;

Errno GetKey(HelperCall& call, uint8_t* to, uint32_t size, uint64_t flags) {
  const TunnelKey& key = call.machine().packet()->tunnel;
  if (!key.is_set || (flags & ~(kIpv6Key | kWantsFlags)) != 0) {
    return Errno::kInval;
  }
  if (key.is_ipv6 != ((flags & kIpv6Key) != 0)) return Errno{71};  // EPROTO
  if (!IsKeySize(size, key.is_ipv6)) return Errno::kInval;
  uint8_t bytes[kKeySize] = {};
  const std::size_t address = key.is_ipv6 ? 16 : 4;
  std::memcpy(bytes, &key.id, 4);
  std::memcpy(bytes + 4, key.remote, address);
  bytes[20] = key.tos;
  bytes[21] = key.ttl;
  if ((flags & kWantsFlags) != 0) {
    const uint16_t seen = ToNetwork(key.flags);
    std::memcpy(bytes + 22, &seen, sizeof seen);
  }
  if (key.is_ipv6) std::memcpy(bytes + 24, &key.label, 4);
  std::memcpy(bytes + 28, key.local, address);
  std::memcpy(to, bytes, size);
  return Errno::kOk;
}

uint64_t SkbGetTunnelKey(HelperCall& call) {
  uint8_t* const to = call.pointer<uint8_t>(2);
  const Errno error = GetKey(call, to, call.word(3), call.number(4));
  if (error != Errno::kOk) std::memset(to, 0, call.word(3));
  return Minus(error);
}

// Seen from here the packet goes to `remote`; a get sees it from there.
uint64_t SkbSetTunnelKey(HelperCall& call) {
  const uint64_t flags = call.number(4);
  const uint32_t size = call.word(3);
  const bool is_ipv6 = (flags & kIpv6Key) != 0;
  if ((flags &
       ~(kIpv6Key | kZeroChecksum | kDontFragment | kSequence | kNoKey)) != 0 ||
      !IsKeySize(size, false)) {
    return Minus(Errno::kInval);
  }
  uint8_t bytes[kKeySize] = {};
  std::memcpy(bytes, call.pointer(2), size);
  TunnelKey key;
  uint16_t extension;
  std::memcpy(&extension, bytes + 22, sizeof extension);
  std::memcpy(&key.label, bytes + 24, 4);
  if ((!is_ipv6 && key.label != 0) || extension != 0) {
    return Minus(Errno::kInval);
  }
  key.label &= 0xfffff;
  key.is_set = true;
  key.is_ipv6 = is_ipv6;
  key.tos = bytes[20];
  key.ttl = bytes[21];
  key.flags = static_cast<uint16_t>(
      kNoCacheBit | ((flags & kNoKey) != 0 ? 0 : kKeyBit) |
      ((flags & kZeroChecksum) != 0 ? 0 : kChecksumBit) |
      ((flags & kDontFragment) != 0 ? kDontFragmentBit : 0) |
      ((flags & kSequence) != 0 ? kSequenceBit : 0));
  const std::size_t address = is_ipv6 ? 16 : 4;
  std::memcpy(&key.id, bytes, 4);
  std::memcpy(key.remote, bytes + 28, address);
  std::memcpy(key.local, bytes + 4, address);
  PacketView* const packet = call.machine().packet();
  packet->tunnel = key;
  call.world().tunnel_key_set = key;
  return 0;
}

uint64_t SkbGetTunnelOpt(HelperCall& call) {
  const TunnelKey& key = call.machine().packet()->tunnel;
  const std::vector<uint8_t>& options = key.options;
  const uint32_t size = call.word(3);
  std::memset(call.pointer(2), 0, size);
  if (!key.is_set || (key.flags & kOptionBits) == 0) {
    return Minus(Errno::kNoEnt);
  }
  if (size < options.size()) return Minus(Errno::kNoMem);
  if (!options.empty()) {
    std::memcpy(call.pointer(2), options.data(), options.size());
  }
  return options.size();
}

uint64_t SkbSetTunnelOpt(HelperCall& call) {
  constexpr uint32_t kMostOptions = 255;
  TunnelKey& key = call.machine().packet()->tunnel;
  const uint8_t* const from = call.pointer<const uint8_t>(2);
  const uint32_t size = call.word(3);
  if (!key.is_set || size % 4 != 0) return Minus(Errno::kInval);
  if (size > kMostOptions) return Minus(Errno::kNoMem);
  key.options.assign(from, from + size);
  key.flags |= kOptionBits;
  call.world().tunnel_key_set = key;
  return 0;
}

// Devices.

// bpf_check_mtu(): 0, or BPF_MTU_CHK_RET_*. *length, if not 0, is a length
// without the Ethernet header, and becomes what the device takes.
uint64_t CheckMtu(HelperCall& call) {
  constexpr uint64_t kTooLarge = 1;
  constexpr uint64_t kSegments = 1;  // BPF_MTU_CHK_SEGS
  constexpr int64_t kEthernetHeader = 14;
  Machine& machine = call.machine();
  const Accessor by = {163, 3};
  if (!machine.MayRead(call.region(3), call.number(3), 4, by) ||
      !machine.MayWrite(call.region(3), call.number(3), 4, by)) {
    return 0;
  }
  uint32_t given;
  std::memcpy(&given, call.pointer(3), sizeof given);
  const auto change = static_cast<int32_t>(call.word(4));
  const uint64_t flags = call.number(5);
  const bool is_xdp = machine.type() == ProgramType::kXdp;
  if ((flags & ~(is_xdp ? 0 : kSegments)) != 0 ||
      (flags != 0 && (change != 0 || given != 0))) {
    return Minus(Errno::kInval);
  }
  const uint32_t device = call.word(2);
  if (device != 0 && !call.world().HasDevice(device)) return Minus(kNoDevice);
  const uint32_t most = call.world().MtuOf(device);
  const int64_t length =
      (given != 0 ? given + kEthernetHeader
                  : static_cast<int64_t>(machine.packet()->size())) +
      change;
  std::memcpy(call.pointer(3), &most, sizeof most);
  if (length <= most + kEthernetHeader) return 0;
  return !is_xdp && SkbOf(call).gso_size != 0 ? 0 : kTooLarge;
}

// Sockets.

// There are no sockets: a lookup finds none.
uint64_t FindNoSocket(HelperCall& call) {
  return call.ReturnNull("sk_lookup_tcp");
}
uint64_t FindNoUdpSocket(HelperCall& call) {
  return call.ReturnNull("sk_lookup_udp");
}

uint64_t SetSockOpt(HelperCall& call) {
  const uint8_t* const from = call.pointer<const uint8_t>(4);
  const std::pair name(call.word(2), call.word(3));
  call.world().socket_options[name].assign(from, from + call.word(5));
  return 0;
}

// An option that has no value is none.
uint64_t GetSockOpt(HelperCall& call) {
  const auto& options = call.world().socket_options;
  const auto found = options.find({call.word(2), call.word(3)});
  std::memset(call.pointer(4), 0, call.word(5));
  if (found == options.end()) return Minus(Errno::kInval);
  const std::vector<uint8_t>& value = found->second;
  std::copy_n(value.begin(), std::min<std::size_t>(value.size(), call.word(5)),
              call.pointer<uint8_t>(4));
  return 0;
}

// Cgroups.

uint64_t SkbCgroupClassid(HelperCall&) { return 0; }
uint64_t SkbAncestorCgroupId(HelperCall& call) {
  return call.word(2) == 0 ? call.world().CurrentTask().cgroup_id : 0;
}
uint64_t GetRetval(HelperCall& call) {
  return static_cast<uint64_t>(int64_t{call.world().hook_retval});
}
uint64_t SetRetval(HelperCall& call) {
  call.world().hook_retval = static_cast<int32_t>(call.word(1));
  return 0;
}

constexpr ProgramTypes kTc{ProgramType::kSchedCls, ProgramType::kSchedAct};
constexpr ProgramTypes kTunnels = kTc | ProgramTypes(ProgramType::kLwtXmit);
constexpr ProgramTypes kTcAndXdp = kTc | ProgramTypes(ProgramType::kXdp);
constexpr ProgramTypes kFindSockets =
    kTcAndXdp | ProgramTypes(ProgramType::kCgroupSkb, ProgramType::kSkSkb,
                             ProgramType::kCgroupSockAddr);
constexpr ProgramTypes kCgroups = kTc | ProgramTypes(ProgramType::kCgroupSkb);
constexpr ProgramTypes kOptions{ProgramType::kSockOps,
                                ProgramType::kCgroupSockAddr,
                                ProgramType::kCgroupSockopt, ProgramType::kLsm};
constexpr ProgramTypes kHooks{ProgramType::kCgroupSock,
                              ProgramType::kCgroupSockAddr,
                              ProgramType::kCgroupSockopt, ProgramType::kLsm};
constexpr ProgramTypes kStacks =
    kTracingTypes | ProgramTypes(ProgramType::kSyscall);

#define BPFMAP_ASKED(number, gpl, types, function, ...) \
  { number, HelperKind::kSimulated, gpl, {__VA_ARGS__}, function, types }

constexpr Helper kHelpers[] = {
    BPFMAP_ASKED(20, false, kTunnels, SkbGetTunnelKey, Arg::kContext,
                 Arg::kOutMemory, Arg::kSize, Arg::kNumber),
    BPFMAP_ASKED(21, false, kTunnels, SkbSetTunnelKey, Arg::kContext,
                 Arg::kMemory, Arg::kSize, Arg::kNumber),
    BPFMAP_ASKED(29, false, kTunnels, SkbGetTunnelOpt, Arg::kContext,
                 Arg::kOutMemory, Arg::kSize),
    BPFMAP_ASKED(30, false, kTunnels, SkbSetTunnelOpt, Arg::kContext,
                 Arg::kMemory, Arg::kSize),
    BPFMAP_ASKED(22, true, ProgramTypes::All(), PerfEventRead, Arg::kMap,
                 Arg::kNumber),
    BPFMAP_ASKED(55, true, ProgramTypes::All(), PerfEventReadValue, Arg::kMap,
                 Arg::kNumber, Arg::kOutMemory, Arg::kSize),
    BPFMAP_ASKED(67, true, kStacks, GetStack, Arg::kContext, Arg::kOutMemory,
                 Arg::kSize, Arg::kNumber),
    BPFMAP_ASKED(141, false, ProgramTypes::All(), GetTaskStack, Arg::kNumber,
                 Arg::kOutMemory, Arg::kSize, Arg::kNumber),
    BPFMAP_ASKED(163, true, kTcAndXdp, CheckMtu, Arg::kContext, Arg::kNumber,
                 Arg::kNumber, Arg::kNumber, Arg::kNumber),
    BPFMAP_ASKED(84, false, kFindSockets, FindNoSocket, Arg::kContext,
                 Arg::kMemory, Arg::kSize, Arg::kNumber, Arg::kNumber),
    BPFMAP_ASKED(85, false, kFindSockets, FindNoUdpSocket, Arg::kContext,
                 Arg::kMemory, Arg::kSize, Arg::kNumber, Arg::kNumber),
    BPFMAP_ASKED(99, false, kFindSockets, FindNoSocket, Arg::kContext,
                 Arg::kMemory, Arg::kSize, Arg::kNumber, Arg::kNumber),
    BPFMAP_ASKED(49, false, kOptions, SetSockOpt, Arg::kNumber, Arg::kNumber,
                 Arg::kNumber, Arg::kMemory, Arg::kSize),
    BPFMAP_ASKED(57, false, kOptions, GetSockOpt, Arg::kNumber, Arg::kNumber,
                 Arg::kNumber, Arg::kOutMemory, Arg::kSize),
    BPFMAP_ASKED(83, false, kCgroups, SkbAncestorCgroupId, Arg::kContext,
                 Arg::kNumber),
    BPFMAP_ASKED(151, false, kTc, SkbCgroupClassid, Arg::kContext),
    BPFMAP_ASKED(186, false, kHooks, GetRetval),
    BPFMAP_ASKED(187, false, kHooks, SetRetval, Arg::kNumber),
};

}  // namespace

std::span<const Helper> internal::WorldHelpers() { return kHelpers; }

}  // namespace bpfmap
