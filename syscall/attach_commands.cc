// SPDX-License-Identifier: Apache-2.0
//
// BPF_PROG_ATTACH, BPF_PROG_DETACH and BPF_PROG_QUERY, of cgroups and of tcx.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bpfmap/programs/program.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/syscall/attach_place.h"
#include "bpfmap/syscall/attached_programs.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/cgroup.h"
#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/hook_of.h"
#include "bpfmap/syscall/network_device.h"
#include "bpfmap/syscall/program_object.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

constexpr uint32_t kCgroupModes = kAllowOverride | kAllowMulti;
constexpr std::size_t kMostOfCgroup = 64;
constexpr uint32_t kQueryEffective = 1;

// Where a program is attached to.
struct Hook {
  std::string name;
  ProgramType type{};
  uint64_t target = 0;
  bool is_tcx = false;
};

//   EINVAL  programs of this attach type are not attached so
long FindHook(uint32_t attach_type, Hook* hook) {
  hook->is_tcx = attach_type == kTcxIngress || attach_type == kTcxEgress;
  if (hook->is_tcx) {
    hook->name = attach_type == kTcxIngress ? "tcx/ingress" : "tcx/egress";
    hook->type = ProgramType::kSchedCls;
    return 0;
  }
  hook->name = CgroupHook(attach_type, &hook->type);
  return hook->name.empty() ? -EINVAL : 0;
}

//   EBADF   the descriptor is of no cgroup
//   ENODEV  there is no such device
long FindTarget(uint32_t fd, Hook* hook) {
  // Links that were closed are attached no more.
  BpfFdTable::Global().ReleaseClosed();
  if (hook->is_tcx) {
    hook->target = fd;
    return HasNetworkDevice(fd) ? 0 : -ENODEV;
  }
  hook->target = CgroupOfFd(static_cast<int>(fd));
  return hook->target != 0 ? 0 : -EBADF;
}

bool Fits(const ProgramObject& program, const Hook& hook,
          uint32_t attach_type) {
  const uint32_t expected = program.facts().expected_attach_type;
  return program.program().type() == hook.type &&
         (hook.is_tcx || expected == 0 || expected == attach_type);
}

using Attached = std::vector<AttachedProgram>;

// Among those that are attached by no link.
Attached::const_iterator FindOwned(const Attached& there,
                                   const ProgramObject* program) {
  return std::find_if(
      there.begin(), there.end(), [program](const AttachedProgram& attached) {
        return attached.is_owned && attached.program.get() == program;
      });
}

Attached::const_iterator FindProgram(const Attached& there,
                                     const ProgramObject* program) {
  return std::find_if(there.begin(), there.end(),
                      [program](const AttachedProgram& attached) {
                        return attached.program.get() == program;
                      });
}

long AttachToCgroup(const Hook& hook, std::shared_ptr<ProgramObject> program,
                    uint32_t flags, uint32_t replaced_fd, AttachPlace place) {
  if ((flags & kCgroupModes) == kCgroupModes) return -EINVAL;
  const bool replaces = (flags & kReplaceProgram) != 0;
  if (replaces && (flags & kAllowMulti) == 0) return -EINVAL;
  std::shared_ptr<ProgramObject> replaced;
  if (replaces) {
    const long error = BpfFdTable::Global().FindProgram(replaced_fd, &replaced);
    if (error != 0) return error;
    if (replaced->program().type() != hook.type) return -EINVAL;
  }
  AttachedPrograms& all = AttachedPrograms::Global();
  const Attached there = all.Of(hook.name, hook.target);
  if (!there.empty() &&
      (there[0].flags & kCgroupModes) != (flags & kCgroupModes)) {
    return -EPERM;
  }
  const AttachedProgram* gives_way = nullptr;
  if ((flags & kAllowMulti) == 0) {
    if (!there.empty()) gives_way = &there[0];
  } else {
    if (there.size() >= kMostOfCgroup) return -E2BIG;
    if (FindOwned(there, program.get()) != there.end()) return -EINVAL;
    if (replaces) {
      const auto old = FindOwned(there, replaced.get());
      if (old == there.end()) return -ENOENT;
      gives_way = &*old;
    }
  }
  if (gives_way != nullptr) {
    all.Replace(gives_way->owner, program);
    return 0;
  }
  AttachedProgram attached;
  attached.hook = hook.name;
  attached.target = hook.target;
  attached.flags = flags & kCgroupModes;
  attached.program = std::move(program);
  return all.AddOwned(std::move(attached), place) ? 0 : -ERANGE;
}

long AttachToTcx(const Hook& hook, std::shared_ptr<ProgramObject> program,
                 AttachPlace place) {
  AttachedPrograms& all = AttachedPrograms::Global();
  const Attached there = all.Of(hook.name, hook.target);
  if (FindProgram(there, program.get()) != there.end()) return -EEXIST;
  AttachedProgram attached;
  attached.hook = hook.name;
  attached.target = hook.target;
  attached.program = std::move(program);
  return all.AddOwned(std::move(attached), place) ? 0 : -ERANGE;
}

}  // namespace

long ProgAttach(const Attributes& attributes) {
  if (!attributes.TailIsZero(kProgAttachAttrSize)) return -EINVAL;
  const uint32_t attach_type = attributes.WordAt(8);
  const uint32_t flags = attributes.WordAt(12);
  Hook hook;
  long error = FindHook(attach_type, &hook);
  if (error != 0) return error;
  const uint32_t allowed =
      kPlaceFlags | kReplaceProgram | (hook.is_tcx ? 0 : kCgroupModes);
  if ((flags & ~allowed) != 0) return -EINVAL;
  std::shared_ptr<ProgramObject> program;
  error = BpfFdTable::Global().FindProgram(attributes.WordAt(4), &program);
  if (error != 0) return error;
  if (!Fits(*program, hook, attach_type)) return -EINVAL;
  error = FindTarget(attributes.WordAt(0), &hook);
  if (error != 0) return error;
  AttachPlace place;
  error = FindPlace(
      {flags & kPlaceFlags, attributes.WordAt(20), attributes.LongAt(24)},
      hook.name, hook.target, &place);
  if (error != 0) return error;
  return hook.is_tcx ? AttachToTcx(hook, std::move(program), place)
                     : AttachToCgroup(hook, std::move(program), flags,
                                      attributes.WordAt(16), place);
}

long ProgDetach(const Attributes& attributes) {
  if (!attributes.TailIsZero(kProgAttachAttrSize)) return -EINVAL;
  Hook hook;
  long error = FindHook(attributes.WordAt(8), &hook);
  if (error != 0) return error;
  std::shared_ptr<ProgramObject> program;
  const uint32_t fd = attributes.WordAt(4);
  const long found = BpfFdTable::Global().FindProgram(fd, &program);
  if (hook.is_tcx && fd != 0 && found != 0) return found;
  error = FindTarget(attributes.WordAt(0), &hook);
  if (error != 0) return error;
  AttachedPrograms& all = AttachedPrograms::Global();
  const Attached there = all.Of(hook.name, hook.target);
  const bool is_multi =
      hook.is_tcx || (!there.empty() && (there[0].flags & kAllowMulti) != 0);
  if (there.empty()) return -ENOENT;
  if (!is_multi) {
    all.Remove(there[0].owner);
    return 0;
  }
  if (program == nullptr && !hook.is_tcx) return -EINVAL;
  // Of tcx, no program is the last.
  const auto at =
      program == nullptr ? there.end() - 1 : FindOwned(there, program.get());
  if (at == there.end() || !at->is_owned) return -ENOENT;
  all.Remove(at->owner);
  return 0;
}

long ProgQuery(const Attributes& attributes) {
  if (!attributes.TailIsZero(kProgQueryAttrSize)) return -EINVAL;
  const uint32_t flags = attributes.WordAt(8);
  if ((flags & ~kQueryEffective) != 0) return -EINVAL;
  Hook hook;
  long error = FindHook(attributes.WordAt(4), &hook);
  if (error == 0) error = FindTarget(attributes.WordAt(0), &hook);
  if (error != 0) return error;
  const Attached there = AttachedPrograms::Global().Of(hook.name, hook.target);
  const auto count = static_cast<uint32_t>(there.size());
  const uint32_t mode =
      there.empty() || (flags & kQueryEffective) != 0 ? 0 : there[0].flags;
  const uint32_t room = attributes.WordAt(24);
  const uint64_t ids = attributes.LongAt(16);
  if (!attributes.Store(12, mode) || !attributes.Store(24, count)) {
    return -EFAULT;
  }
  if (room == 0 || ids == 0 || count == 0) return 0;
  const uint32_t told = std::min(room, count);
  for (uint32_t i = 0; i < told; ++i) {
    const uint32_t id = there[i].program->id();
    if (!CopyToUser(ids + 4 * uint64_t{i}, &id, sizeof id)) return -EFAULT;
  }
  return told < count ? -ENOSPC : 0;
}

}  // namespace bpfmap
