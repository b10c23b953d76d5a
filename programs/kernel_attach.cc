// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/kernel_attach.h"

#include <linux/bpf.h>

#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/read_file.h"

namespace bpfmap {
namespace {

constexpr char kKernelTypes[] = "/sys/kernel/btf/vmlinux";

struct Row {
  std::string_view kind;
  uint32_t type;
  // The name of the function or tracepoint begins so in the kernel's BTF; null:
  // none is told.
  const char* prefix = nullptr;
  BtfKind btf_kind = BtfKind::kFunction;
};

// Kinds that are not here have the type 0.
constexpr Row kRows[] = {
    {"tp_btf", BPF_TRACE_RAW_TP, "btf_trace_", BtfKind::kTypedef},
    {"fentry", BPF_TRACE_FENTRY, ""},
    {"fexit", BPF_TRACE_FEXIT, ""},
    {"fmod_ret", BPF_MODIFY_RETURN, ""},
    {"iter", BPF_TRACE_ITER, "bpf_iter_"},
    {"lsm", BPF_LSM_MAC, "bpf_lsm_"},
    {"lsm_cgroup", BPF_LSM_CGROUP, "bpf_lsm_"},
    {"kprobe.multi", BPF_TRACE_KPROBE_MULTI},
    {"kretprobe.multi", BPF_TRACE_KPROBE_MULTI},
    {"xdp/devmap", BPF_XDP_DEVMAP},
    {"xdp.frags/devmap", BPF_XDP_DEVMAP},
    {"xdp/cpumap", BPF_XDP_CPUMAP},
    {"xdp.frags/cpumap", BPF_XDP_CPUMAP},
    {"sk_lookup", BPF_SK_LOOKUP},
    {"cgroup_skb/egress", BPF_CGROUP_INET_EGRESS},
    {"cgroup/sock", BPF_CGROUP_INET_SOCK_CREATE},
    {"cgroup/sock_create", BPF_CGROUP_INET_SOCK_CREATE},
    {"cgroup/sock_release", BPF_CGROUP_INET_SOCK_RELEASE},
    {"cgroup/post_bind4", BPF_CGROUP_INET4_POST_BIND},
    {"cgroup/post_bind6", BPF_CGROUP_INET6_POST_BIND},
    {"cgroup/bind4", BPF_CGROUP_INET4_BIND},
    {"cgroup/bind6", BPF_CGROUP_INET6_BIND},
    {"cgroup/connect4", BPF_CGROUP_INET4_CONNECT},
    {"cgroup/connect6", BPF_CGROUP_INET6_CONNECT},
    {"cgroup/sendmsg4", BPF_CGROUP_UDP4_SENDMSG},
    {"cgroup/sendmsg6", BPF_CGROUP_UDP6_SENDMSG},
    {"cgroup/recvmsg4", BPF_CGROUP_UDP4_RECVMSG},
    {"cgroup/recvmsg6", BPF_CGROUP_UDP6_RECVMSG},
    {"cgroup/getpeername4", BPF_CGROUP_INET4_GETPEERNAME},
    {"cgroup/getpeername6", BPF_CGROUP_INET6_GETPEERNAME},
    {"cgroup/getsockname4", BPF_CGROUP_INET4_GETSOCKNAME},
    {"cgroup/getsockname6", BPF_CGROUP_INET6_GETSOCKNAME},
    {"cgroup/sysctl", BPF_CGROUP_SYSCTL},
    {"cgroup/getsockopt", BPF_CGROUP_GETSOCKOPT},
    {"cgroup/setsockopt", BPF_CGROUP_SETSOCKOPT},
};

// Read once; without a type where the kernel has no BTF.
const BtfTypes& KernelTypes() {
  static const BtfTypes& types = *[] {
    auto* const read = new BtfTypes;
    std::vector<uint8_t> bytes;
    if (!ReadFile(kKernelTypes, &bytes) || !read->Parse(std::move(bytes))) {
      *read = BtfTypes();
    }
    return read;
  }();
  return types;
}

}  // namespace

uint32_t FindKernelFunction(const std::string& name) {
  return KernelTypes().Find(name, BtfKind::kFunction);
}

std::string FindKernelAttach(const SectionName& section, KernelAttach* attach) {
  *attach = {};
  for (const Row& row : kRows) {
    if (row.kind != section.kind) continue;
    attach->type = row.type;
    if (row.prefix == nullptr) return "";
    const std::string name = absl::StrCat(
        row.prefix, std::string(section.target.begin(), section.target.end()));
    attach->btf_id = KernelTypes().Find(name, row.btf_kind);
    return attach->btf_id != 0 ? ""
                               : absl::StrCat(kKernelTypes, " has no ", name);
  }
  return "";
}

}  // namespace bpfmap
