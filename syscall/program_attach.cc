// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/program_attach.h"

#include <algorithm>
#include <cerrno>
#include <initializer_list>

namespace bpfmap {
namespace {

// BPF_* of enum bpf_attach_type.
constexpr uint32_t kInetSockCreate = 2;
constexpr uint32_t kTraceFentry = 24;
constexpr uint32_t kTraceFexit = 25;
constexpr uint32_t kModifyReturn = 26;
constexpr uint32_t kTraceIter = 28;
constexpr uint32_t kReuseportSelect = 39;
constexpr uint32_t kReuseportMigrate = 40;

constexpr uint32_t kSleepable = 1 << 4;

long OneOf(uint32_t type, std::initializer_list<uint32_t> types) {
  return std::find(types.begin(), types.end(), type) != types.end() ? 0
                                                                    : -EINVAL;
}

}  // namespace

uint32_t AttachTypeOf(ProgramType type, uint32_t expected) {
  if (expected != 0) return expected;
  if (type == ProgramType::kCgroupSock) return kInetSockCreate;
  if (type == ProgramType::kSkReuseport) return kReuseportSelect;
  return 0;
}

long CheckAttach(ProgramType type, uint32_t attach_type, uint32_t btf_id,
                 bool has_target) {
  const bool traces = type == ProgramType::kTracing;
  if (btf_id != 0 && !traces && type != ProgramType::kLsm &&
      type != ProgramType::kStructOps && type != ProgramType::kExt) {
    return -EINVAL;
  }
  if (has_target && !traces && type != ProgramType::kExt) return -EINVAL;
  switch (type) {
    case ProgramType::kCgroupSock:  // create, release, post_bind 4 and 6
      return OneOf(attach_type, {kInetSockCreate, 34, 12, 13});
    case ProgramType::kCgroupSockAddr:  // those of IPv4 and IPv6, and of unix
      return OneOf(attach_type, {8, 9, 10, 11, 14, 15, 19, 20, 29, 30, 31, 32,
                                 49, 50, 51, 52, 53});
    case ProgramType::kCgroupSkb:  // ingress, egress
      return OneOf(attach_type, {0, 1});
    case ProgramType::kCgroupSockopt:  // get, set
      return OneOf(attach_type, {21, 22});
    case ProgramType::kSkLookup:
      return OneOf(attach_type, {36});
    case ProgramType::kSkReuseport:
      return OneOf(attach_type, {kReuseportSelect, kReuseportMigrate});
    case ProgramType::kNetfilter:
      return OneOf(attach_type, {45});
    case ProgramType::kSyscall:
    case ProgramType::kExt:
      return OneOf(attach_type, {0});
    default:
      return 0;
  }
}

long CheckSleepable(ProgramType type, uint32_t attach_type, uint32_t flags) {
  const bool sleeps = (flags & kSleepable) != 0;
  if (type == ProgramType::kSyscall) return sleeps ? 0 : -EINVAL;
  if (!sleeps) return 0;
  switch (type) {
    case ProgramType::kTracing:
      return OneOf(attach_type,
                   {kTraceFentry, kTraceFexit, kModifyReturn, kTraceIter});
    case ProgramType::kLsm:
    case ProgramType::kKprobe:
    case ProgramType::kStructOps:
      return 0;
    default:
      return -EINVAL;
  }
}

}  // namespace bpfmap
