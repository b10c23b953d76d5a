// SPDX-License-Identifier: Apache-2.0
//
// The names of the hooks that attach types of bpf(2) stand for (attachment.h).
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_HOOK_OF_H_
#define BPFMAP_SYSCALL_HOOK_OF_H_

#include <cstdint>
#include <string>

#include "bpfmap/programs/program_type.h"
#include "bpfmap/syscall/program_object.h"

namespace bpfmap {

// BPF_* of enum bpf_attach_type.
enum AttachType : uint32_t {
  kFlowDissector = 17,
  kTraceRawTp = 23,
  kTraceFentry = 24,
  kTraceFexit = 25,
  kModifyReturn = 26,
  kLsmMac = 27,
  kTraceIter = 28,
  kSkLookup = 36,
  kXdp = 37,
  kPerfEventAttach = 41,
  kTraceKprobeMulti = 42,
  kLsmCgroup = 43,
  kNetfilter = 45,
  kTcxIngress = 46,
  kTcxEgress = 47,
  kTraceUprobeMulti = 48,
};

// The hook of a cgroup: "cgroup/connect4"; "" for other types. *type is that of
// its programs.
std::string CgroupHook(uint32_t attach_type, ProgramType* type);

// The hook that a program that traces was loaded for: "fentry/vfs_open",
// "lsm/...". "" if it cannot be told, as the kernel tells no types.
std::string TracingHook(const ProgramObject& program);

// The part of the name of a uprobe after its kind: "/bin/sh:0x1234".
std::string ProbeName(const std::string& path, uint64_t offset);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_HOOK_OF_H_
