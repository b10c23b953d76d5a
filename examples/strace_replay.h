// SPDX-License-Identifier: Apache-2.0
//
// ReplayStrace: plays the kernel to the programs of process_counter, from a
// strace recording.
//
//   const StraceLines lines = ReplayStrace(
//       file, [&](StraceHook hook, const StraceTasks::Task& task) { ... });
//
// Thread-safe: no state, but for the file.

#ifndef BPFMAP_EXAMPLES_STRACE_REPLAY_H_
#define BPFMAP_EXAMPLES_STRACE_REPLAY_H_

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>

#include "examples/strace_tasks.h"

namespace bpfmap::examples {

// The place that a program is attached to.
enum class StraceHook {
  kOpenat,      // tracepoint/syscalls/sys_enter_openat
  kTaskRename,  // tracepoint/task/task_rename: `comm` is the new name
};

struct StraceLines {
  uint64_t read = 0;
  uint64_t not_parsed = 0;
  uint64_t first_not_parsed = 0;  // its number, from 1
  std::string sample;             // and how it begins
};

// Calls `fire` for each event of a recording, in its order.
StraceLines ReplayStrace(
    std::FILE* file,
    const std::function<void(StraceHook, const StraceTasks::Task&)>& fire);

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_STRACE_REPLAY_H_
