// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/section_name.h"

namespace bpfmap {
namespace {

struct Row {
  std::string_view kind;
  ProgramType type;
};

// A kind that begins as another one does comes before it.
constexpr Row kRows[] = {
    {"socket", ProgramType::kSocketFilter},
    {"sk_reuseport", ProgramType::kSkReuseport},
    {"kprobe.multi", ProgramType::kKprobe},
    {"kretprobe.multi", ProgramType::kKprobe},
    {"kprobe.session", ProgramType::kKprobe},
    {"kprobe", ProgramType::kKprobe},
    {"kretprobe", ProgramType::kKprobe},
    {"ksyscall", ProgramType::kKprobe},
    {"kretsyscall", ProgramType::kKprobe},
    {"uprobe.multi", ProgramType::kKprobe},
    {"uretprobe.multi", ProgramType::kKprobe},
    {"uprobe", ProgramType::kKprobe},
    {"uretprobe", ProgramType::kKprobe},
    {"usdt", ProgramType::kKprobe},
    {"tcx/ingress", ProgramType::kSchedCls},
    {"tcx/egress", ProgramType::kSchedCls},
    {"tc/ingress", ProgramType::kSchedCls},
    {"tc/egress", ProgramType::kSchedCls},
    {"netkit/primary", ProgramType::kSchedCls},
    {"netkit/peer", ProgramType::kSchedCls},
    {"tc", ProgramType::kSchedCls},
    {"classifier", ProgramType::kSchedCls},
    {"action", ProgramType::kSchedAct},
    {"tracepoint", ProgramType::kTracepoint},
    {"tp", ProgramType::kTracepoint},
    {"raw_tracepoint.w", ProgramType::kRawTracepointWritable},
    {"raw_tp.w", ProgramType::kRawTracepointWritable},
    {"raw_tracepoint", ProgramType::kRawTracepoint},
    {"raw_tp", ProgramType::kRawTracepoint},
    {"tp_btf", ProgramType::kTracing},
    {"fentry", ProgramType::kTracing},
    {"fexit", ProgramType::kTracing},
    {"fmod_ret", ProgramType::kTracing},
    {"iter", ProgramType::kTracing},
    {"freplace", ProgramType::kExt},
    {"lsm_cgroup", ProgramType::kLsm},
    {"lsm", ProgramType::kLsm},
    {"syscall", ProgramType::kSyscall},
    {"xdp.frags/devmap", ProgramType::kXdp},
    {"xdp/devmap", ProgramType::kXdp},
    {"xdp.frags/cpumap", ProgramType::kXdp},
    {"xdp/cpumap", ProgramType::kXdp},
    {"xdp.frags", ProgramType::kXdp},
    {"xdp", ProgramType::kXdp},
    {"perf_event", ProgramType::kPerfEvent},
    {"lwt_in", ProgramType::kLwtIn},
    {"lwt_out", ProgramType::kLwtOut},
    {"lwt_xmit", ProgramType::kLwtXmit},
    {"lwt_seg6local", ProgramType::kLwtSeg6Local},
    {"sockops", ProgramType::kSockOps},
    {"sk_skb/stream_parser", ProgramType::kSkSkb},
    {"sk_skb/stream_verdict", ProgramType::kSkSkb},
    {"sk_skb/verdict", ProgramType::kSkSkb},
    {"sk_skb", ProgramType::kSkSkb},
    {"sk_msg", ProgramType::kSkMsg},
    {"lirc_mode2", ProgramType::kLircMode2},
    {"flow_dissector", ProgramType::kFlowDissector},
    {"cgroup_skb/ingress", ProgramType::kCgroupSkb},
    {"cgroup_skb/egress", ProgramType::kCgroupSkb},
    {"cgroup/skb", ProgramType::kCgroupSkb},
    {"cgroup/sock_create", ProgramType::kCgroupSock},
    {"cgroup/sock_release", ProgramType::kCgroupSock},
    {"cgroup/sock", ProgramType::kCgroupSock},
    {"cgroup/post_bind4", ProgramType::kCgroupSock},
    {"cgroup/post_bind6", ProgramType::kCgroupSock},
    {"cgroup/bind4", ProgramType::kCgroupSockAddr},
    {"cgroup/bind6", ProgramType::kCgroupSockAddr},
    {"cgroup/connect4", ProgramType::kCgroupSockAddr},
    {"cgroup/connect6", ProgramType::kCgroupSockAddr},
    {"cgroup/connect_unix", ProgramType::kCgroupSockAddr},
    {"cgroup/sendmsg4", ProgramType::kCgroupSockAddr},
    {"cgroup/sendmsg6", ProgramType::kCgroupSockAddr},
    {"cgroup/sendmsg_unix", ProgramType::kCgroupSockAddr},
    {"cgroup/recvmsg4", ProgramType::kCgroupSockAddr},
    {"cgroup/recvmsg6", ProgramType::kCgroupSockAddr},
    {"cgroup/recvmsg_unix", ProgramType::kCgroupSockAddr},
    {"cgroup/getpeername4", ProgramType::kCgroupSockAddr},
    {"cgroup/getpeername6", ProgramType::kCgroupSockAddr},
    {"cgroup/getpeername_unix", ProgramType::kCgroupSockAddr},
    {"cgroup/getsockname4", ProgramType::kCgroupSockAddr},
    {"cgroup/getsockname6", ProgramType::kCgroupSockAddr},
    {"cgroup/getsockname_unix", ProgramType::kCgroupSockAddr},
    {"cgroup/sysctl", ProgramType::kCgroupSysctl},
    {"cgroup/getsockopt", ProgramType::kCgroupSockopt},
    {"cgroup/setsockopt", ProgramType::kCgroupSockopt},
    {"cgroup/dev", ProgramType::kCgroupDevice},
    {"struct_ops", ProgramType::kStructOps},
    {"sk_lookup", ProgramType::kSkLookup},
    {"netfilter", ProgramType::kNetfilter},
};

}  // namespace

SectionName ParseSectionName(std::string_view name) {
  SectionName parsed;
  if (!name.empty() && name.front() == '?') {
    parsed.autoload = false;
    name.remove_prefix(1);
  }
  for (const Row& row : kRows) {
    if (name.substr(0, row.kind.size()) != row.kind) continue;
    std::string_view rest = name.substr(row.kind.size());
    if (rest.substr(0, 2) == ".s" && (rest.size() == 2 || rest[2] == '/')) {
      parsed.sleepable = true;
      rest.remove_prefix(2);
    }
    // As libbpf, which takes "xdp_drop" for no kind that it knows.
    if (!rest.empty() && rest.front() != '/') continue;
    if (!rest.empty()) rest.remove_prefix(1);
    parsed.type = row.type;
    parsed.kind = row.kind;
    parsed.target = rest;
    return parsed;
  }
  return parsed;
}

}  // namespace bpfmap
