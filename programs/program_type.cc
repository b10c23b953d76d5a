// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/program_type.h"

#include <iterator>

namespace bpfmap {

const char* ProgramTypeName(ProgramType type) {
  static constexpr const char* kNames[] = {"unspec",
                                           "socket_filter",
                                           "kprobe",
                                           "sched_cls",
                                           "sched_act",
                                           "tracepoint",
                                           "xdp",
                                           "perf_event",
                                           "cgroup_skb",
                                           "cgroup_sock",
                                           "lwt_in",
                                           "lwt_out",
                                           "lwt_xmit",
                                           "sock_ops",
                                           "sk_skb",
                                           "cgroup_device",
                                           "sk_msg",
                                           "raw_tracepoint",
                                           "cgroup_sock_addr",
                                           "lwt_seg6local",
                                           "lirc_mode2",
                                           "sk_reuseport",
                                           "flow_dissector",
                                           "cgroup_sysctl",
                                           "raw_tracepoint_writable",
                                           "cgroup_sockopt",
                                           "tracing",
                                           "struct_ops",
                                           "ext",
                                           "lsm",
                                           "sk_lookup",
                                           "syscall",
                                           "netfilter"};
  static_assert(std::size(kNames) == kProgramTypes);
  const uint32_t number = static_cast<uint32_t>(type);
  return number < kProgramTypes ? kNames[number] : "unknown";
}

}  // namespace bpfmap
