// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/hook_of.h"

#include <cinttypes>
#include <cstdio>
#include <string_view>

#include "bpfmap/syscall/kernel_types.h"

namespace bpfmap {
namespace {

struct CgroupRow {
  uint32_t attach_type;
  ProgramType type;
  const char* hook;
};

constexpr CgroupRow kCgroupRows[] = {
    {0, ProgramType::kCgroupSkb, "cgroup_skb/ingress"},
    {1, ProgramType::kCgroupSkb, "cgroup_skb/egress"},
    {2, ProgramType::kCgroupSock, "cgroup/sock_create"},
    {3, ProgramType::kSockOps, "sockops"},
    {6, ProgramType::kCgroupDevice, "cgroup/dev"},
    {8, ProgramType::kCgroupSockAddr, "cgroup/bind4"},
    {9, ProgramType::kCgroupSockAddr, "cgroup/bind6"},
    {10, ProgramType::kCgroupSockAddr, "cgroup/connect4"},
    {11, ProgramType::kCgroupSockAddr, "cgroup/connect6"},
    {12, ProgramType::kCgroupSock, "cgroup/post_bind4"},
    {13, ProgramType::kCgroupSock, "cgroup/post_bind6"},
    {14, ProgramType::kCgroupSockAddr, "cgroup/sendmsg4"},
    {15, ProgramType::kCgroupSockAddr, "cgroup/sendmsg6"},
    {18, ProgramType::kCgroupSysctl, "cgroup/sysctl"},
    {19, ProgramType::kCgroupSockAddr, "cgroup/recvmsg4"},
    {20, ProgramType::kCgroupSockAddr, "cgroup/recvmsg6"},
    {21, ProgramType::kCgroupSockopt, "cgroup/getsockopt"},
    {22, ProgramType::kCgroupSockopt, "cgroup/setsockopt"},
    {29, ProgramType::kCgroupSockAddr, "cgroup/getpeername4"},
    {30, ProgramType::kCgroupSockAddr, "cgroup/getpeername6"},
    {31, ProgramType::kCgroupSockAddr, "cgroup/getsockname4"},
    {32, ProgramType::kCgroupSockAddr, "cgroup/getsockname6"},
    {34, ProgramType::kCgroupSock, "cgroup/sock_release"},
    {49, ProgramType::kCgroupSockAddr, "cgroup/connect_unix"},
    {50, ProgramType::kCgroupSockAddr, "cgroup/sendmsg_unix"},
    {51, ProgramType::kCgroupSockAddr, "cgroup/recvmsg_unix"},
    {52, ProgramType::kCgroupSockAddr, "cgroup/getpeername_unix"},
    {53, ProgramType::kCgroupSockAddr, "cgroup/getsockname_unix"},
};

struct TracingRow {
  uint32_t attach_type;
  const char* kind;
  std::string_view prefix;  // of the name in the BTF
};

constexpr TracingRow kTracingRows[] = {
    {kTraceRawTp, "tp_btf/", "btf_trace_"},
    {kTraceFentry, "fentry/", ""},
    {kTraceFexit, "fexit/", ""},
    {kModifyReturn, "fmod_ret/", ""},
    {kLsmMac, "lsm/", "bpf_lsm_"},
    {kTraceIter, "iter/", "bpf_iter_"},
};

}  // namespace

std::string CgroupHook(uint32_t attach_type, ProgramType* type) {
  for (const CgroupRow& row : kCgroupRows) {
    if (row.attach_type != attach_type) continue;
    *type = row.type;
    return row.hook;
  }
  return "";
}

std::string TracingHook(const ProgramObject& program) {
  const BtfTypes* const types = KernelTypes();
  if (types == nullptr) return "";
  std::string_view name = types->NameOf(program.facts().attach_btf_id);
  for (const TracingRow& row : kTracingRows) {
    if (row.attach_type != program.facts().expected_attach_type) continue;
    if (name.substr(0, row.prefix.size()) != row.prefix) return "";
    return row.kind + std::string(name.substr(row.prefix.size()));
  }
  return "";
}

std::string ProbeName(const std::string& path, uint64_t offset) {
  char text[24];
  std::snprintf(text, sizeof text, ":0x%" PRIx64, offset);
  return path + text;
}

}  // namespace bpfmap
