// SPDX-License-Identifier: Apache-2.0
//
// BPF_LINK_CREATE and BPF_RAW_TRACEPOINT_OPEN. Nothing runs a program here but
// a test, so that no link is made: the answer is what Linux says where there is
// nothing to attach to, and EOPNOTSUPP where it would make a link.

#include <cerrno>
#include <cstdint>
#include <memory>

#include "bpfmap/programs/program.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/program_object.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

// BPF_* of enum bpf_attach_type.
enum AttachType : uint32_t {
  kFlowDissector = 17,
  kSkLookup = 36,
  kXdp = 37,
  kPerfEvent = 41,
  kTraceKprobeMulti = 42,
  kNetfilter = 45,
  kTcxIngress = 46,
  kTcxEgress = 47,
};

constexpr uint32_t kIpv4Family = 2, kIpv6Family = 10;
constexpr int kLoopback = 1;
constexpr int kLongestTracepoint = 128;

// The attribute of a link, as far as it is looked at.
struct Target {
  int fd;  // or the index of a device
  uint32_t attach_type;
  uint32_t flags;
  uint32_t family;  // of netfilter
};

// A descriptor of a kind that there is none of here.
long AnyDescriptor(const Target& target) {
  OpenFile file;
  return BpfFdTable::Global().Find(target.fd, &file) == -EBADF ? -EBADF
                                                               : -EINVAL;
}

long Device(const Target& target) {
  return target.fd == kLoopback ? -EOPNOTSUPP : -ENODEV;
}

long LinkToEvent(const Target& target) {
  if (target.attach_type != kPerfEvent || target.flags != 0) return -EINVAL;
  return AnyDescriptor(target);
}

long CreateLink(const ProgramObject& program, const Target& target) {
  switch (program.program().type()) {
    case ProgramType::kTracepoint:
    case ProgramType::kPerfEvent:
      return LinkToEvent(target);
    case ProgramType::kKprobe:
      return target.attach_type == kTraceKprobeMulti ? -EOPNOTSUPP
                                                     : LinkToEvent(target);
    case ProgramType::kCgroupSkb:
      return target.attach_type <= 1 ? -EBADF : -EINVAL;
    case ProgramType::kCgroupSock:
    case ProgramType::kCgroupSockAddr:
    case ProgramType::kCgroupSockopt:
      return target.attach_type == program.facts().expected_attach_type
                 ? -EBADF
                 : -EINVAL;
    case ProgramType::kFlowDissector:
      return target.attach_type == kFlowDissector ? AnyDescriptor(target)
                                                  : -EINVAL;
    case ProgramType::kSkLookup:
      return target.attach_type == kSkLookup ? AnyDescriptor(target) : -EINVAL;
    case ProgramType::kXdp:
      if (target.attach_type != kXdp || target.fd < 0) return -EINVAL;
      return Device(target);
    case ProgramType::kSchedCls:
      return target.attach_type == kTcxIngress ||
                     target.attach_type == kTcxEgress
                 ? Device(target)
                 : -EINVAL;
    case ProgramType::kNetfilter:
      if (target.attach_type != kNetfilter || target.flags != 0) return -EINVAL;
      return target.family == kIpv4Family || target.family == kIpv6Family
                 ? -EOPNOTSUPP
                 : -EAFNOSUPPORT;
    default:
      return -EINVAL;
  }
}

}  // namespace

long LinkCreate(const Attributes& attributes) {
  if (!attributes.TailIsZero(kLinkCreateAttrSize)) return -EINVAL;
  const Target target = {static_cast<int>(attributes.WordAt(4)),
                         attributes.WordAt(8), attributes.WordAt(12),
                         attributes.WordAt(16)};
  std::shared_ptr<ProgramObject> program;
  const long error =
      BpfFdTable::Global().FindProgram(attributes.WordAt(0), &program);
  return error != 0 ? error : CreateLink(*program, target);
}

// There are no tracepoints.
long RawTracepointOpen(const Attributes& attributes) {
  if (!attributes.TailIsZero(kRawTracepointAttrSize)) return -EINVAL;
  const auto& open = attributes->raw_tracepoint;
  std::shared_ptr<ProgramObject> program;
  const long error = BpfFdTable::Global().FindProgram(open.prog_fd, &program);
  if (error != 0) return error;
  constexpr ProgramTypes kRaw{ProgramType::kRawTracepoint,
                              ProgramType::kRawTracepointWritable};
  if (!kRaw.Has(program->program().type())) return -EINVAL;
  char name[kLongestTracepoint];
  return CopyStringFromUser(name, open.name, sizeof name) == -EFAULT ? -EFAULT
                                                                     : -ENOENT;
}

}  // namespace bpfmap
