// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/test_run.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <limits>

#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/checksum.h"
#include "bpfmap/programs/context.h"
#include "bpfmap/programs/packet_view.h"
#include "bpfmap/programs/skb.h"

namespace bpfmap {
namespace {

constexpr uint32_t kEthernetHeader = 14;
constexpr uint32_t kPage = 4096;
constexpr uint32_t kSharedInfo = 320;  // what Linux keeps after a packet
constexpr uint32_t kXdpHeadroom = 256;
constexpr uint32_t kXdpFrame = 40;
constexpr uint32_t kSkbHeadroom = 64;
constexpr uint32_t kLoopback = 1;
constexpr uint32_t kMostArguments = 12;
constexpr Errno kNoDevice{19};  // ENODEV
constexpr Errno kNoSuchCpu{6};  // ENXIO
constexpr Errno kRange{34};     // ERANGE
constexpr Errno kProto{71};     // EPROTO
constexpr Errno kNoFamily{97};  // EAFNOSUPPORT
constexpr uint32_t kIpv4Header = 20, kIpv6Header = 40;
constexpr uint32_t kIpv4Family = 2, kIpv6Family = 10;  // AF_* and NFPROTO_*
constexpr uint16_t kIpv4 = ToNetwork(0x0800), kIpv6 = ToNetwork(0x86dd);

// A buffer for a packet: from the World, if it has such memory. The first
// `zeroed` bytes are zeros.
class PacketBuffer {
 public:
  PacketBuffer(World* world, std::size_t size, std::size_t zeroed)
      : world_(*world), size_(size) {
    from_world_ = static_cast<uint8_t*>(world_.AllocatePacket(size));
    if (from_world_ == nullptr) {
      own_.reset(new uint8_t[size]);  // not set to zeros
    }
    std::memset(data(), 0, zeroed);
  }
  ~PacketBuffer() {
    if (from_world_ != nullptr) world_.FreePacket(from_world_, size_);
  }
  PacketBuffer(const PacketBuffer&) = delete;
  PacketBuffer& operator=(const PacketBuffer&) = delete;

  uint8_t* data() { return from_world_ != nullptr ? from_world_ : own_.get(); }

 private:
  World& world_;
  const std::size_t size_;
  uint8_t* from_world_ = nullptr;
  std::unique_ptr<uint8_t[]> own_;
};

// One test. Each method that returns false has set result_.error.
class Test {
 public:
  Test(const Program& program, const TestInput& input, World* world,
       ProgramSource* programs)
      : program_(program),
        input_(input),
        world_(*world),
        machine_(std::make_unique<Machine>(world, programs)) {}

  TestResult Run() {
    switch (program_.type()) {
      case ProgramType::kSocketFilter:
      case ProgramType::kSchedCls:
      case ProgramType::kSchedAct:
      case ProgramType::kCgroupSkb:
      case ProgramType::kLwtIn:
      case ProgramType::kLwtOut:
      case ProgramType::kLwtXmit:
        RunSkb();
        break;
      case ProgramType::kXdp:
        RunXdp();
        break;
      case ProgramType::kFlowDissector:
        RunFlowDissector();
        break;
      case ProgramType::kSkLookup:
        RunSkLookup();
        break;
      case ProgramType::kNetfilter:
        RunNetfilter();
        break;
      case ProgramType::kRawTracepoint:
        RunRawTracepoint();
        break;
      case ProgramType::kSyscall:
        RunSyscall();
        break;
      default:
        Refuse(Errno::kNotSupp);
    }
    return std::move(result_);
  }

 private:
  bool Refuse(Errno error) {
    result_.error = error;
    return false;
  }

  uint32_t data_size() const {
    return input_.data ? static_cast<uint32_t>(input_.data->size()) : 0;
  }
  uint32_t context_size() const {
    return input_.context ? static_cast<uint32_t>(input_.context->size()) : 0;
  }

  // Copies the caller's context to `size` bytes at `context`. Sets
  // has_context_ if there is one, or room for one.
  bool ReadContext(void* context, uint32_t size) {
    if (!input_.context && !input_.has_context_out) return true;
    has_context_ = true;
    if (!input_.context) return true;
    const std::span<const uint8_t> given = *input_.context;
    for (std::size_t i = size; i < given.size(); ++i) {
      if (given[i] != 0) return Refuse(Errno::k2Big);
    }
    std::memcpy(context, given.data(),
                std::min<std::size_t>(size, given.size()));
    return true;
  }

  // Runs the program as often as was asked for.
  bool Repeat(RunInput* run) {
    using Clock = std::chrono::steady_clock;
    run->checks = IsLow(run->packet) ? input_.checks : Checks::kAll;
    run->may_read_unwritten_stack = input_.may_read_unwritten_stack;
    run->max_instructions = input_.max_instructions;
    run->max_instructions_with_callbacks =
        input_.max_instructions_with_callbacks;
    constexpr uint32_t kRunsBetweenSignals = 64;
    const uint32_t times = std::max<uint32_t>(input_.repeat, 1);
    const Clock::time_point start = Clock::now();
    for (uint32_t i = 0; i < times; ++i) {
      result_.run = machine_->Run(program_, *run);
      ++result_.runs;
      if (result_.run.faulted()) return Refuse(Errno::kFault);
      if (i % kRunsBetweenSignals == kRunsBetweenSignals - 1 &&
          world_.Interrupted()) {
        return Refuse(Errno{4});  // EINTR, which no map returns
      }
    }
    const std::chrono::nanoseconds spent = Clock::now() - start;
    result_.run_time = static_cast<uint64_t>(spent.count());
    const int64_t each = spent.count() / times;
    result_.duration = static_cast<uint32_t>(
        std::min<int64_t>(each, std::numeric_limits<uint32_t>::max()));
    result_.retval = static_cast<uint32_t>(result_.run.r0);
    TellRedirect(run->packet);
    return true;
  }

  // A redirect is one if the program returns so.
  void TellRedirect(const PacketView* packet) {
    const bool is_xdp = program_.type() == ProgramType::kXdp;
    constexpr uint32_t kXdpRedirect = 4, kTcRedirect = 7;
    if (!machine_->redirected || packet == nullptr ||
        result_.retval != (is_xdp ? kXdpRedirect : kTcRedirect)) {
      return;
    }
    world_.Redirected(machine_->redirect_index, machine_->redirect_flags,
                      {packet->data, packet->size()});
  }

  // Whether 32 bits hold the addresses of the packet.
  static bool IsLow(const PacketView* packet) {
    return packet == nullptr || reinterpret_cast<uintptr_t>(packet->end) <=
                                    std::numeric_limits<uint32_t>::max();
  }

  // The rest of a packet: the part that a program sees, and fragments.
  void FinishData(std::span<const uint8_t> linear,
                  std::span<const uint8_t> fragments) {
    const std::size_t size = linear.size() + fragments.size();
    std::size_t copied = size;
    if (input_.data_size_out != 0 && copied > input_.data_size_out) {
      copied = input_.data_size_out;
      result_.error = Errno::kNoSpc;
    }
    if (input_.has_data_out) {
      // As Linux, which first cuts what the program saw.
      if (copied < fragments.size()) return;
      const std::size_t first =
          std::min(linear.size(), copied - fragments.size());
      result_.data_out.assign(linear.begin(), linear.begin() + first);
      result_.data_out.insert(result_.data_out.end(), fragments.begin(),
                              fragments.end());
    }
    result_.has_answer = true;
    result_.data_size_out = static_cast<uint32_t>(size);
  }

  void FinishContext(const void* context, std::size_t size) {
    if (result_.error != Errno::kOk || !has_context_ ||
        !input_.has_context_out) {
      return;
    }
    result_.has_context = true;
    result_.context_size_out = static_cast<uint32_t>(size);
    std::size_t copied = size;
    if (copied > input_.context_size_out) {
      copied = input_.context_size_out;
      result_.error = Errno::kNoSpc;
    }
    const uint8_t* const bytes = static_cast<const uint8_t*>(context);
    result_.context_out.assign(bytes, bytes + copied);
  }

  void RunSkb();
  bool CheckSkbContext(const SkbContext& given, uint32_t size);
  SkbContext SeenContext(const SkbContext& given,
                         const PacketView& packet) const;
  void RunXdp();
  bool CheckXdpContext(const XdpContext& given);
  bool CheckXdpDevice(const XdpContext& given);
  void RunFlowDissector();
  void RunSkLookup();
  bool CheckSkLookup(const SkLookupContext& given);
  void RunNetfilter();
  bool CheckHook(uint32_t family, uint32_t hook);
  bool RunWithoutPacket(RunInput* run);
  void RunRawTracepoint();
  void RunSyscall();

  const Program& program_;
  const TestInput& input_;
  World& world_;
  const std::unique_ptr<Machine> machine_;
  TestResult result_;
  bool has_context_ = false;
};

// skb.

bool IsZero(const void* start, std::size_t from, std::size_t to) {
  const uint8_t* const bytes = static_cast<const uint8_t*>(start);
  return std::all_of(bytes + from, bytes + to,
                     [](uint8_t b) { return b == 0; });
}

// The fields that a caller may set: the rest must be 0.
bool Test::CheckSkbContext(const SkbContext& given, uint32_t size) {
  static constexpr std::size_t kGaps[][2] = {
      {0, offsetof(SkbContext, mark)},
      {offsetof(SkbContext, queue_mapping), offsetof(SkbContext, priority)},
      {offsetof(SkbContext, tc_index), offsetof(SkbContext, cb)},
      {offsetof(SkbContext, hash), offsetof(SkbContext, tstamp)},
      {offsetof(SkbContext, sk), offsetof(SkbContext, gso_size)},
      {offsetof(SkbContext, tstamp_type), offsetof(SkbContext, hwtstamp)}};
  for (const auto& [from, to] : kGaps) {
    if (!IsZero(&given, from, to)) return Refuse(Errno::kInval);
  }
  constexpr uint32_t kMostWire = 65536, kMostSegments = 65535;
  if (given.wire_len != 0 &&
      (given.wire_len < size || given.wire_len > kMostWire)) {
    return Refuse(Errno::kInval);
  }
  if (given.gso_segs > kMostSegments) return Refuse(Errno::kInval);
  return true;
}

// PACKET_HOST and so on, for loopback, whose address is zeros.
uint32_t PacketType(const uint8_t* destination) {
  static constexpr uint8_t kBroadcast[6] = {255, 255, 255, 255, 255, 255};
  static constexpr uint8_t kOwn[6] = {};
  if (std::memcmp(destination, kBroadcast, 6) == 0) return 1;
  if ((destination[0] & 1) != 0) return 2;
  return std::memcmp(destination, kOwn, 6) == 0 ? 0 : 3;
}

// The type of an Ethernet frame, in network order.
uint16_t ProtocolOf(const uint8_t* frame, std::size_t size) {
  uint16_t type;
  std::memcpy(&type, frame + 12, sizeof type);
  constexpr uint16_t kSmallestType = 0x0600;
  if (ToNetwork(type) >= kSmallestType) return type;
  const bool is_raw =
      size >= kEthernetHeader + 2 && frame[14] == 0xff && frame[15] == 0xff;
  return ToNetwork(is_raw ? 0x0001 : 0x0004);  // ETH_P_802_3, ETH_P_802_2
}

// The context that the program sees: fields of the caller and of the packet.
SkbContext Test::SeenContext(const SkbContext& given,
                             const PacketView& packet) const {
  const uint8_t* const frame = packet.mac_header;
  const std::size_t size =
      static_cast<std::size_t>(packet.data_end - packet.mac_header);
  SkbContext seen = given;
  seen.len = static_cast<uint32_t>(packet.size());
  seen.pkt_type = PacketType(frame);
  seen.protocol = ProtocolOf(frame, size);
  if (seen.ifindex == 0) seen.ifindex = kLoopback;
  if (has_context_ && seen.wire_len == 0) seen.wire_len = seen.len;
  const uint8_t* const network = packet.network_header;
  if (seen.protocol == kIpv4) {
    seen.family = 2;
    std::memcpy(&seen.local_ip4, network + 12, 4);
    std::memcpy(&seen.remote_ip4, network + 16, 4);
  } else if (seen.protocol == kIpv6) {
    seen.family = 10;
    std::memcpy(seen.local_ip6, network + 8, 16);
    std::memcpy(seen.remote_ip6, network + 24, 16);
  }
  // For runs without checks, and never seen otherwise.
  seen.data = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(packet.data));
  seen.data_meta = seen.data;
  seen.data_end =
      static_cast<uint32_t>(reinterpret_cast<uintptr_t>(packet.data_end));
  return seen;
}

void Test::RunSkb() {
  if ((input_.flags & ~kTestSkbChecksumComplete) != 0 || input_.cpu != 0 ||
      input_.batch_size != 0) {
    Refuse(Errno::kInval);
    return;
  }
  const uint32_t size = data_size();
  if (size < kEthernetHeader || size > kPage - kSkbHeadroom - kSharedInfo) {
    Refuse(Errno::kInval);
    return;
  }
  SkbContext given = {};
  if (!ReadContext(&given, sizeof given)) return;
  const bool is_l2 = program_.type() == ProgramType::kSchedCls ||
                     program_.type() == ProgramType::kSchedAct;
  if (has_context_ && given.ifindex > kLoopback &&
      !world_.HasDevice(given.ifindex)) {
    Refuse(kNoDevice);
    return;
  }
  const uint32_t seen_size = is_l2 ? size : size - kEthernetHeader;
  if (has_context_ && !CheckSkbContext(given, seen_size)) return;
  // Helpers that put something before a packet, more than once.
  constexpr uint32_t kVlanPush = 18, kChangeProto = 31, kChangeHead = 43,
                     kAdjustRoom = 50;
  const bool grows = program_.Calls(kVlanPush) ||
                     program_.Calls(kChangeProto) ||
                     program_.Calls(kChangeHead) || program_.Calls(kAdjustRoom);
  const std::size_t headroom = grows ? kLargestSkb + 512 : 512;
  // Only bpf_skb_change_tail() makes a packet longer than it is.
  constexpr uint32_t kChangeTail = 38;
  constexpr std::size_t kLargest = 65536 + 512;
  const std::size_t room =
      program_.Calls(kChangeTail) ? kLargest : size + kSkbTail;
  const uint16_t protocol = ProtocolOf(input_.data->data(), size);
  if ((protocol == kIpv4 && size - kEthernetHeader < kIpv4Header) ||
      (protocol == kIpv6 && size - kEthernetHeader < kIpv6Header)) {
    Refuse(Errno::kInval);  // shorter than its header
    return;
  }
  PacketBuffer buffer(&world_, headroom + room, headroom);
  PacketView packet;
  packet.tunnel = world_.tunnel_key;
  packet.begin = buffer.data();
  packet.end = buffer.data() + headroom + room;
  packet.mac_header = buffer.data() + headroom;
  packet.network_header = packet.mac_header + kEthernetHeader;
  packet.data = is_l2 ? packet.mac_header : packet.network_header;
  packet.meta = packet.data;
  packet.data_end = packet.mac_header + size;
  std::memcpy(packet.mac_header, input_.data->data(), size);
  std::memset(packet.data_end, 0, kSkbTail);
  SkbContext context = SeenContext(given, packet);
  RunInput run;
  run.context = &context;
  run.context_size = sizeof context;
  run.packet = &packet;
  if (!Repeat(&run)) return;
  if (!is_l2) {
    packet.data -= kEthernetHeader;
    std::memset(packet.data, 0, kEthernetHeader);
  }
  FinishData({packet.data, packet.size()}, {});
  // What Linux tells of the context afterwards.
  given.mark = context.mark;
  given.priority = context.priority;
  given.ingress_ifindex = context.ingress_ifindex;
  given.ifindex = context.ifindex;
  given.tstamp = context.tstamp;
  std::memcpy(given.cb, context.cb, sizeof given.cb);
  given.wire_len = context.wire_len;
  given.gso_segs = context.gso_segs;
  given.hwtstamp = context.hwtstamp;
  FinishContext(&given, sizeof given);
}

// XDP.

bool Test::CheckXdpContext(const XdpContext& given) {
  if (given.data_meta != 0 || given.data_end > data_size() ||
      given.data > given.data_end ||
      given.data + kEthernetHeader > data_size()) {
    return Refuse(Errno::kInval);
  }
  constexpr uint32_t kMostMeta = 255;
  if (given.data % 4 != 0 || given.data > kMostMeta ||
      given.data > kXdpHeadroom - kXdpFrame) {
    return Refuse(Errno::kInval);
  }
  return true;
}

bool Test::CheckXdpDevice(const XdpContext& given) {
  if (given.egress_ifindex != 0) return Refuse(Errno::kInval);
  if (given.ingress_ifindex == 0) {
    return given.rx_queue_index == 0 || Refuse(Errno::kInval);
  }
  if (!world_.HasDevice(given.ingress_ifindex)) return Refuse(kNoDevice);
  // A device has one queue here.
  return given.rx_queue_index == 0 || Refuse(Errno::kInval);
}

void Test::RunXdp() {
  const bool live = (input_.flags & kTestXdpLiveFrames) != 0;
  if ((input_.flags & ~kTestXdpLiveFrames) != 0 ||
      (!live && input_.batch_size != 0)) {
    Refuse(Errno::kInval);
    return;
  }
  if (live) {
    Refuse(Errno::kOpNotSupp);
    return;
  }
  XdpContext given = {};
  if (!ReadContext(&given, sizeof given)) return;
  if (has_context_ && !CheckXdpContext(given)) return;
  const uint32_t meta = given.data;
  const uint32_t headroom = kXdpHeadroom - meta;
  const uint32_t linear = kPage - kXdpHeadroom - kSharedInfo;
  if (data_size() < kEthernetHeader) {
    Refuse(Errno::kInval);
    return;
  }
  if (has_context_ && !CheckXdpDevice(given)) return;
  // The part that the program sees; the rest lies in fragments, as Linux calls
  // them.
  const uint32_t first =
      std::min(has_context_ ? given.data_end : data_size(), linear + meta);
  PacketBuffer buffer(&world_, kPage, kPage);
  PacketView packet;
  packet.begin = buffer.data();
  packet.meta = packet.begin + headroom;
  packet.data = packet.meta + meta;
  packet.data_end = packet.meta + first;
  packet.end = buffer.data() + kPage - kSharedInfo;
  packet.mac_header = packet.data;
  std::memcpy(packet.meta, input_.data->data(), first);
  XdpContext context = {};
  context.ingress_ifindex =
      given.ingress_ifindex != 0 ? given.ingress_ifindex : kLoopback;
  const auto low = [](const uint8_t* address) {
    return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(address));
  };
  context.data = low(packet.data);
  context.data_end = low(packet.data_end);
  context.data_meta = low(packet.meta);
  RunInput run;
  run.context = &context;
  run.context_size = sizeof context;
  run.packet = &packet;
  if (!Repeat(&run)) return;
  FinishData({packet.meta, packet.data_end}, input_.data->subspan(first));
  given.data = static_cast<uint32_t>(packet.meta_size());
  given.data_end = given.data + static_cast<uint32_t>(packet.size());
  FinishContext(&given, sizeof given);
}

// Others.

void Test::RunFlowDissector() {
  const uint32_t size = data_size();
  if (input_.flags != 0 || input_.cpu != 0 || input_.batch_size != 0 ||
      size < kEthernetHeader || size > kPage) {
    Refuse(Errno::kInval);
    return;
  }
  FlowKeys given = {};
  if (!ReadContext(&given, sizeof given)) return;
  if (!IsZero(&given, 0, offsetof(FlowKeys, flags)) || given.flow_label != 0) {
    Refuse(Errno::kInval);
    return;
  }
  PacketBuffer buffer(&world_, size, 0);
  std::memcpy(buffer.data(), input_.data->data(), size);
  PacketView packet;
  packet.begin = packet.meta = packet.data = buffer.data();
  packet.data_end = packet.end = buffer.data() + size;
  packet.mac_header = packet.data;
  packet.network_header = packet.data + kEthernetHeader;
  FlowKeys keys = {};
  keys.nhoff = keys.thoff = kEthernetHeader;
  std::memcpy(&keys.n_proto, packet.data + 12, sizeof keys.n_proto);
  keys.flags = given.flags;
  SkbContext context = {};
  context.len = size;
  RunInput run;
  run.context = &context;
  run.context_size = sizeof context;
  run.packet = &packet;
  run.flow_keys = &keys;
  run.flow_keys_size = sizeof keys;
  if (!Repeat(&run)) return;
  const auto clamp = [size](uint16_t offset, uint16_t least) {
    const uint16_t most = static_cast<uint16_t>(size);
    return std::min(std::max(offset, least), most);
  };
  keys.nhoff = clamp(keys.nhoff, kEthernetHeader);
  keys.thoff = clamp(keys.thoff, keys.nhoff);
  const uint8_t* const bytes = reinterpret_cast<const uint8_t*>(&keys);
  FinishData({bytes, sizeof keys}, {});
  FinishContext(&given, sizeof given);
}

// The fields that a caller may set: the rest must be 0.
bool Test::CheckSkLookup(const SkLookupContext& given) {
  if (given.cookie != 0 || given.ingress_ifindex != 0) {
    return Refuse(Errno::kInval);
  }
  if (given.local_port > 0xffff) return Refuse(kRange);
  const uint16_t family = static_cast<uint16_t>(given.family);
  return family == kIpv4Family || family == kIpv6Family || Refuse(kNoFamily);
}

void Test::RunSkLookup() {
  if (input_.flags != 0 || input_.cpu != 0 || input_.batch_size != 0 ||
      input_.data || input_.has_data_out || input_.data_size_out != 0) {
    Refuse(Errno::kInval);
    return;
  }
  SkLookupContext given = {};
  if (!ReadContext(&given, sizeof given)) return;
  if (!has_context_) {
    Refuse(Errno::kInval);
    return;
  }
  if (!CheckSkLookup(given)) return;
  SkLookupContext seen = {};
  seen.family = given.family & 0xffff;
  seen.protocol = given.protocol & 0xffff;
  std::memcpy(&seen.remote_port, &given.remote_port, sizeof(uint16_t));
  seen.local_port = given.local_port;
  if (seen.family == kIpv4Family) {
    seen.remote_ip4 = given.remote_ip4;
    seen.local_ip4 = given.local_ip4;
  } else {
    std::memcpy(seen.remote_ip6, given.remote_ip6, sizeof seen.remote_ip6);
    std::memcpy(seen.local_ip6, given.local_ip6, sizeof seen.local_ip6);
  }
  RunInput run;
  run.context = &seen;
  run.context_size = sizeof seen;
  if (!Repeat(&run)) return;
  // SK_PASS, or SK_DROP for all else.
  result_.retval = result_.retval == 1 ? 1 : 0;
  FinishData({}, {});
  FinishContext(&given, sizeof given);
}

// Where in Linux a packet is seen: struct nf_hook_state.
struct HookState {
  uint8_t hook, family;
  uint64_t in, out, socket, netns, function;
};
static_assert(sizeof(HookState) == 48);

constexpr uint8_t kLocalOut = 3;

// The packet is an IP packet for what is sent from here, and an Ethernet frame
// for the rest.
bool Test::CheckHook(uint32_t family, uint32_t hook) {
  if (hook == kLocalOut) return true;
  const uint32_t size = data_size();
  if (size < kEthernetHeader + kIpv4Header) return Refuse(Errno::kInval);
  const uint16_t protocol = ProtocolOf(input_.data->data(), size);
  if (protocol == kIpv4) {
    return family == kIpv4Family || Refuse(Errno::kInval);
  }
  if (protocol != kIpv6) return Refuse(kProto);
  return (size >= kEthernetHeader + kIpv6Header && family == kIpv6Family) ||
         Refuse(Errno::kInval);
}

// The program sees the state of the hook. Its packet has no bytes here: Linux
// shows a struct sk_buff of its own.
void Test::RunNetfilter() {
  const uint32_t size = data_size();
  if (input_.flags != 0 || input_.cpu != 0 || input_.batch_size != 0 ||
      size < kIpv4Header || size > kPage - kSkbHeadroom - kSharedInfo) {
    Refuse(Errno::kInval);
    return;
  }
  HookState state = {};
  if (!ReadContext(&state, sizeof state)) return;
  if (!has_context_) {
    state.hook = kLocalOut;
    state.family = kIpv4Family;
  }
  if (!IsZero(&state, offsetof(HookState, in), sizeof state) ||
      (state.family != kIpv4Family && state.family != kIpv6Family)) {
    Refuse(Errno::kInval);
    return;
  }
  if (!CheckHook(state.family, state.hook)) return;
  uint64_t context[2] = {reinterpret_cast<uintptr_t>(&state), 0};
  RunInput run;
  run.context = context;
  run.context_size = sizeof context;
  run.kernel_object = {reinterpret_cast<const uint8_t*>(&state), sizeof state};
  if (!Repeat(&run)) return;
  FinishData({}, {});
}

// A context that is too short for what the program reads is EINVAL on Linux,
// which knows before the run.
bool Test::RunWithoutPacket(RunInput* run) {
  if (Repeat(run)) return true;
  if (result_.run.past_context) result_.error = Errno::kInval;
  return false;
}

void Test::RunRawTracepoint() {
  if (input_.data || input_.has_data_out || input_.has_context_out ||
      input_.duration != 0 || input_.repeat != 0 || input_.batch_size != 0 ||
      context_size() > kMostArguments * 8) {
    Refuse(Errno::kInval);
    return;
  }
  const bool on_cpu = (input_.flags & kTestRunOnCpu) != 0;
  if (!on_cpu && input_.cpu != 0) {
    Refuse(Errno::kInval);
    return;
  }
  if (input_.cpu >= static_cast<uint32_t>(PossibleCpus())) {
    Refuse(kNoSuchCpu);
    return;
  }
  std::vector<uint8_t> context;
  if (input_.context) {
    context.assign(input_.context->begin(), input_.context->end());
  }
  RunInput run;
  run.context = context.data();
  run.context_size = static_cast<uint32_t>(context.size());
  const ScopedCpu cpu(on_cpu ? static_cast<int>(input_.cpu) : CurrentCpu());
  if (!RunWithoutPacket(&run)) return;
  result_.has_answer = true;
  result_.duration = 0;
}

void Test::RunSyscall() {
  if (input_.data || input_.has_data_out || input_.has_context_out ||
      input_.duration != 0 || input_.repeat != 0 || input_.flags != 0 ||
      context_size() > 0xffff) {
    Refuse(Errno::kInval);
    return;
  }
  if (input_.context) {
    result_.context_in.assign(input_.context->begin(), input_.context->end());
  }
  RunInput run;
  run.context = result_.context_in.data();
  run.context_size = static_cast<uint32_t>(result_.context_in.size());
  if (!RunWithoutPacket(&run)) return;
  result_.has_answer = true;
  result_.duration = 0;
}

}  // namespace

TestResult RunTest(const Program& program, const TestInput& input, World* world,
                   ProgramSource* programs) {
  return Test(program, input, world, programs).Run();
}

}  // namespace bpfmap
