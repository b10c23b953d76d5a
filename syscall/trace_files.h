// SPDX-License-Identifier: Apache-2.0
//
// Files of the kernel that say which tracepoints and probes there are, as
// libbpf and bcc look for them: the id of a tracepoint in tracefs, and the
// numbers of the types of perf events. They are answered here, since an
// ordinary user may not read those of the kernel, or there are none.
//
// Every tracepoint that the kernel's BTF has exists, and the entry and exit of
// every system call; without BTF, every tracepoint.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_TRACE_FILES_H_
#define BPFMAP_SYSCALL_TRACE_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace bpfmap {

// perf_event_attr::type of the events that the kernel numbers as it starts.
inline constexpr uint32_t kKprobeEvents = 1008;
inline constexpr uint32_t kUprobeEvents = 1009;

// "sched/sched_switch" of the id that a file told; "" for other numbers.
std::string TracepointOfId(uint64_t id);

// The text of such a file. False: the path is another file's.
bool ReadTraceFile(std::string_view path, std::string* text);

// Whether the path may be one, which costs nothing.
bool MayBeTraceFile(const char* path);

// A descriptor of a copy of such a file, close-on-exec; -1: the path is another
// file's.
int OpenTraceFile(const char* path);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_TRACE_FILES_H_
