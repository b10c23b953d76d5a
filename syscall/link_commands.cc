// SPDX-License-Identifier: Apache-2.0
//
// BPF_LINK_CREATE, BPF_LINK_UPDATE, BPF_LINK_DETACH and
// BPF_RAW_TRACEPOINT_OPEN.

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bpfmap/programs/program.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/syscall/attach_place.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/cgroup.h"
#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/hook_of.h"
#include "bpfmap/syscall/iterator.h"
#include "bpfmap/syscall/kernel_types.h"
#include "bpfmap/syscall/link.h"
#include "bpfmap/syscall/map_object.h"
#include "bpfmap/syscall/network_device.h"
#include "bpfmap/syscall/network_namespace.h"
#include "bpfmap/syscall/perf_event.h"
#include "bpfmap/syscall/program_object.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

constexpr uint32_t kIpv4Family = 2, kIpv6Family = 10;
constexpr uint32_t kNetfilterHooks = 5;
constexpr uint32_t kDefragments = 1;  // BPF_F_NETFILTER_IP_DEFRAG
constexpr uint32_t kXdpModes = 0xe;   // XDP_FLAGS_MODES
constexpr uint32_t kMultiReturns = 1;
constexpr uint32_t kMostProbes = 1 << 20;
constexpr int kLongestTracepoint = 128;

// A new link, and what it is of.
class Creation {
 public:
  Creation(const Attributes& attributes, std::shared_ptr<ProgramObject> program)
      : attributes_(attributes), program_(std::move(program)) {
    facts_.attach_type = attach_type_;
  }

  // A descriptor, or -errno.
  long Create() {
    const long error = FindTarget();
    return error != 0 ? error : Open();
  }

 private:
  long FindTarget();
  long Event();
  long Cgroup();
  long Tracing();
  long Iterator();
  long Xdp();
  long Tcx();
  long Netfilter();
  long KprobeMulti();
  long UprobeMulti();
  long Namespace();
  bool HasDevice() const;
  long Open();

  const Attributes& attributes_;
  const std::shared_ptr<ProgramObject> program_;
  const int target_ = static_cast<int>(attributes_.WordAt(4));
  const uint32_t attach_type_ = attributes_.WordAt(8);
  const uint32_t flags_ = attributes_.WordAt(12);
  LinkObject::Facts facts_;
  AttachPlace place_;
  std::shared_ptr<PerfEventObject> event_;
};

bool Creation::HasDevice() const {
  return target_ > 0 && HasNetworkDevice(static_cast<uint32_t>(target_));
}

long Creation::FindTarget() {
  switch (program_->program().type()) {
    case ProgramType::kTracepoint:
    case ProgramType::kPerfEvent:
      return Event();
    case ProgramType::kKprobe:
      if (attach_type_ == kTraceKprobeMulti) return KprobeMulti();
      if (attach_type_ == kTraceUprobeMulti) return UprobeMulti();
      return Event();
    case ProgramType::kCgroupSkb:
    case ProgramType::kCgroupSock:
    case ProgramType::kCgroupSockAddr:
    case ProgramType::kCgroupSockopt:
    case ProgramType::kCgroupDevice:
    case ProgramType::kCgroupSysctl:
    case ProgramType::kSockOps:
      return Cgroup();
    case ProgramType::kTracing:
      if (attach_type_ == kTraceIter &&
          program_->facts().expected_attach_type == kTraceIter) {
        return Iterator();
      }
      [[fallthrough]];
    case ProgramType::kLsm:
      return attach_type_ == program_->facts().expected_attach_type ? Tracing()
                                                                    : -EINVAL;
    case ProgramType::kFlowDissector:
      return attach_type_ == kFlowDissector ? Namespace() : -EINVAL;
    case ProgramType::kSkLookup:
      return attach_type_ == kSkLookup ? Namespace() : -EINVAL;
    case ProgramType::kXdp:
      return attach_type_ == kXdp && target_ >= 0 ? Xdp() : -EINVAL;
    case ProgramType::kSchedCls:
      return attach_type_ == kTcxIngress || attach_type_ == kTcxEgress
                 ? Tcx()
                 : -EINVAL;
    case ProgramType::kNetfilter:
      return attach_type_ == kNetfilter && flags_ == 0 ? Netfilter() : -EINVAL;
    default:
      return -EINVAL;
  }
}

long Creation::Event() {
  if (attach_type_ != kPerfEventAttach || flags_ != 0) return -EINVAL;
  const long error = PerfEventTable::Global().Find(target_, &event_);
  if (error != 0) return error;
  facts_.type = LinkType::kPerfEvent;
  facts_.cookie = attributes_.LongAt(16);
  facts_.event = event_;
  return 0;
}

long Creation::Cgroup() {
  ProgramType type{};
  const std::string hook = CgroupHook(attach_type_, &type);
  const ProgramObject::Facts& facts = program_->facts();
  if (hook.empty() || type != program_->program().type()) return -EINVAL;
  const bool says_type = facts.expected_attach_type != 0;
  if (says_type && facts.expected_attach_type != attach_type_) return -EINVAL;
  if ((flags_ & ~kPlaceFlags) != 0) return -EINVAL;
  const uint32_t cgroup = CgroupOfFd(target_);
  if (cgroup == 0) return -EBADF;
  const auto there = AttachedPrograms::Global().Of(hook, cgroup);
  if (!there.empty() && there[0].flags != kAllowMulti) return -EPERM;
  facts_.type = LinkType::kCgroup;
  facts_.mode = kAllowMulti;
  facts_.hooks = {hook};
  facts_.target = cgroup;
  return FindPlace({flags_, attributes_.WordAt(16), attributes_.LongAt(24)},
                   hook, cgroup, &place_);
}

long Creation::Tracing() {
  const std::string hook = TracingHook(*program_);
  if (hook.empty()) return -EINVAL;
  facts_.type = LinkType::kTracing;
  facts_.hooks = {hook};
  facts_.cookie = attributes_.LongAt(24);
  return 0;
}

// union bpf_iter_link_info, of which the first word is a map's descriptor.
long Creation::Iterator() {
  constexpr std::size_t kInfoSize = 16, kPage = 4096;
  if (target_ != 0 || flags_ != 0) return -EINVAL;
  const uint64_t info = attributes_.LongAt(16);
  const uint32_t length = attributes_.WordAt(24);
  if ((info == 0) != (length == 0)) return -EINVAL;
  uint32_t map_fd = 0;
  if (info != 0) {
    if (length > kPage) return -E2BIG;
    if (length > kInfoSize) {
      const long error = CheckZeroInUser(info + kInfoSize, length - kInfoSize);
      if (error != 0) return error;
    }
    const std::size_t size = std::min<std::size_t>(length, sizeof map_fd);
    if (!CopyFromUser(&map_fd, info, size)) return -EFAULT;
  }
  const std::string hook = TracingHook(*program_);
  // Iterators over other objects of the kernel there are none.
  if (hook != "iter/" + std::string(kMapElementTarget)) return -ENOENT;
  if (map_fd == 0) return -EBADF;
  OpenFile file;
  const long error = BpfFdTable::Global().FindMap(map_fd, &file);
  if (error != 0) return error;
  if (!HasIterator(file.map->def().type)) return -EINVAL;
  facts_.type = LinkType::kIter;
  facts_.map = MapObject::AsUser(*file.map);
  return 0;
}

long Creation::Xdp() {
  if (!HasDevice() || (flags_ & ~kXdpModes) != 0) return -EINVAL;
  facts_.type = LinkType::kXdp;
  facts_.hooks = {"xdp"};
  facts_.target = static_cast<uint64_t>(target_);
  return AttachedPrograms::Global().Of("xdp", facts_.target).empty() ? 0
                                                                     : -EBUSY;
}

long Creation::Tcx() {
  if (!HasDevice()) return -ENODEV;
  if ((flags_ & ~kPlaceFlags) != 0) return -EINVAL;
  const std::string hook =
      attach_type_ == kTcxIngress ? "tcx/ingress" : "tcx/egress";
  facts_.type = LinkType::kTcx;
  facts_.hooks = {hook};
  facts_.target = static_cast<uint64_t>(target_);
  const long error =
      FindPlace({flags_, attributes_.WordAt(16), attributes_.LongAt(24)}, hook,
                facts_.target, &place_);
  if (error != 0) return error;
  const auto there = AttachedPrograms::Global().Of(hook, facts_.target);
  const auto is_same = [this](const AttachedProgram& attached) {
    return attached.program == program_;
  };
  return std::any_of(there.begin(), there.end(), is_same) ? -EEXIST : 0;
}

long Creation::Netfilter() {
  facts_.type = LinkType::kNetfilter;
  facts_.family = attributes_.WordAt(16);
  facts_.hook_number = attributes_.WordAt(20);
  facts_.priority = static_cast<int32_t>(attributes_.WordAt(24));
  facts_.flags = attributes_.WordAt(28);
  if ((facts_.flags & ~kDefragments) != 0) return -EOPNOTSUPP;
  if (facts_.family != kIpv4Family && facts_.family != kIpv6Family) {
    return -EAFNOSUPPORT;
  }
  if (facts_.hook_number >= kNetfilterHooks) return -EPROTO;
  if (facts_.priority == INT_MIN || facts_.priority == INT_MAX) return -ERANGE;
  facts_.hooks = {"netfilter"};
  facts_.target = uint64_t{facts_.family} << 8 | facts_.hook_number;
  const auto there = AttachedPrograms::Global().Of("netfilter", facts_.target);
  const auto is_same = [this](const AttachedProgram& attached) {
    return attached.priority == facts_.priority;
  };
  return std::any_of(there.begin(), there.end(), is_same) ? -EBUSY : 0;
}

// A network namespace takes one flow dissector, and more that look for sockets.
long Creation::Namespace() {
  if (flags_ != 0) return -EINVAL;
  const long error = NetworkNamespaceOfFd(target_, &facts_.target);
  if (error != 0) return error;
  const bool dissects = attach_type_ == kFlowDissector;
  const std::string hook = dissects ? "flow_dissector" : "sk_lookup";
  const std::size_t most = dissects ? 1 : 64;
  facts_.type = LinkType::kNetns;
  facts_.hooks = {hook};
  const auto there = AttachedPrograms::Global().Of(hook, facts_.target);
  return there.size() < most ? 0 : -E2BIG;
}

// Functions by their names; addresses of the kernel there are none.
long Creation::KprobeMulti() {
  const uint32_t flags = attributes_.WordAt(16);
  const uint32_t count = attributes_.WordAt(20);
  const uint64_t names = attributes_.LongAt(24);
  const uint64_t addresses = attributes_.LongAt(32);
  if (flags_ != 0 || (flags & ~kMultiReturns) != 0) return -EINVAL;
  if ((names == 0) == (addresses == 0) || count == 0) return -EINVAL;
  if (count > kMostProbes) return -E2BIG;
  if (names == 0) return -EOPNOTSUPP;
  facts_.type = LinkType::kKprobeMulti;
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t at = 0;
    char name[kLongestTracepoint];
    if (!CopyFromUser(&at, names + 8 * uint64_t{i}, sizeof at)) return -EFAULT;
    const long length = CopyStringFromUser(name, at, sizeof name);
    if (length < 0) return length;
    facts_.hooks.push_back(
        ((flags & kMultiReturns) != 0 ? "kretprobe/" : "kprobe/") +
        std::string(name));
  }
  return 0;
}

long Creation::UprobeMulti() {
  const uint32_t count = attributes_.WordAt(48);
  const uint32_t flags = attributes_.WordAt(52);
  const uint64_t offsets = attributes_.LongAt(24);
  if (flags_ != 0 || (flags & ~kMultiReturns) != 0) return -EINVAL;
  if (offsets == 0 || attributes_.LongAt(16) == 0 || count == 0) return -EINVAL;
  if (count > kMostProbes) return -E2BIG;
  char path[PATH_MAX];
  const long length =
      CopyStringFromUser(path, attributes_.LongAt(16), sizeof path);
  if (length < 0) return length;
  facts_.type = LinkType::kUprobeMulti;
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t offset = 0;
    if (!CopyFromUser(&offset, offsets + 8 * uint64_t{i}, sizeof offset)) {
      return -EFAULT;
    }
    facts_.hooks.push_back(
        ((flags & kMultiReturns) != 0 ? "uretprobe/" : "uprobe/") +
        ProbeName(path, offset));
  }
  return 0;
}

long Creation::Open() {
  auto link = std::make_shared<LinkObject>(std::move(facts_), program_);
  const long error = event_ != nullptr ? event_->Attach(link.get(), program_,
                                                        link->facts().cookie)
                                       : link->Attach(place_);
  return error != 0 ? error : BpfFdTable::Global().Open(std::move(link));
}

}  // namespace

long LinkCreate(const Attributes& attributes) {
  if (!attributes.TailIsZero(kLinkCreateAttrSize)) return -EINVAL;
  PerfEventTable::Global().ReleaseClosed();
  BpfFdTable::Global().ReleaseClosed();
  std::shared_ptr<ProgramObject> program;
  const long error =
      BpfFdTable::Global().FindProgram(attributes.WordAt(0), &program);
  return error != 0 ? error : Creation(attributes, std::move(program)).Create();
}

long RawTracepointOpen(const Attributes& attributes) {
  if (!attributes.TailIsZero(kRawTracepointAttrSize)) return -EINVAL;
  const auto& open = attributes->raw_tracepoint;
  std::shared_ptr<ProgramObject> program;
  long error = BpfFdTable::Global().FindProgram(open.prog_fd, &program);
  if (error != 0) return error;
  LinkObject::Facts facts;
  facts.cookie = attributes.LongAt(16);
  const ProgramType type = program->program().type();
  if (type == ProgramType::kTracing || type == ProgramType::kLsm) {
    // Its hook was said as it was loaded.
    if (open.name != 0) return -EINVAL;
    facts.type = LinkType::kTracing;
    facts.attach_type = program->facts().expected_attach_type;
    facts.hooks = {TracingHook(*program)};
    if (facts.hooks[0].empty()) return -EINVAL;
  } else {
    constexpr ProgramTypes kRaw{ProgramType::kRawTracepoint,
                                ProgramType::kRawTracepointWritable};
    if (!kRaw.Has(type)) return -EINVAL;
    char name[kLongestTracepoint] = "";
    error = CopyStringFromUser(name, open.name, sizeof name);
    if (error == -EFAULT) return error;
    name[sizeof name - 1] = 0;
    if (!KernelHasTracepoint(name)) return -ENOENT;
    facts.type = LinkType::kRawTracepoint;
    facts.name = name;
    facts.hooks = {"raw_tracepoint/" + facts.name};
  }
  auto link = std::make_shared<LinkObject>(std::move(facts), program);
  error = link->Attach();
  return error != 0 ? error : BpfFdTable::Global().Open(std::move(link));
}

long LinkUpdate(const Attributes& attributes) {
  if (!attributes.TailIsZero(kLinkUpdateAttrSize)) return -EINVAL;
  const uint32_t flags = attributes.WordAt(8);
  const uint32_t old_fd = attributes.WordAt(12);
  if ((flags & ~kReplaceProgram) != 0) return -EINVAL;
  BpfFdTable& files = BpfFdTable::Global();
  std::shared_ptr<LinkObject> link;
  long error = files.FindLink(attributes.WordAt(0), &link);
  if (error != 0) return error;
  std::shared_ptr<ProgramObject> program, old;
  error = files.FindProgram(attributes.WordAt(4), &program);
  if (error != 0) return error;
  if ((flags & kReplaceProgram) != 0) {
    error = files.FindProgram(old_fd, &old);
    if (error != 0) return error;
  } else if (old_fd != 0) {
    return -EINVAL;
  }
  return link->Update(std::move(program), old.get());
}

long LinkDetach(const Attributes& attributes) {
  if (!attributes.TailIsZero(kLinkDetachAttrSize)) return -EINVAL;
  std::shared_ptr<LinkObject> link;
  const long error = BpfFdTable::Global().FindLink(attributes.WordAt(0), &link);
  return error != 0 ? error : link->Detach();
}

}  // namespace bpfmap
