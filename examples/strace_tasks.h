// SPDX-License-Identifier: Apache-2.0

// StraceTasks: who makes the calls of a strace recording.
//
// Stands in for what a kernel knows of the current task and hands to a BPF
// program: the process of a thread, and its name. Both are pieced together
// from the lines, in the order of the recording:
//
//   process  a thread started by a clone() with CLONE_THREAD belongs to the
//            process that started it; any other is a process of its own
//   name     the file name of its last successful execve(), else what the
//            line shows (strace -Y, which may lag behind an execve()), else
//            the name of the process that forked; at most 15 bytes, as in
//            Linux
//
// A recording that lacks these calls (strace -e openat) gives less: threads
// count as processes, and names are empty.
//
// Not thread-safe: a recording has one order.

#ifndef BPFMAP_EXAMPLES_STRACE_TASKS_H_
#define BPFMAP_EXAMPLES_STRACE_TASKS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "examples/strace_parser.h"

namespace bpfmap::examples {

class StraceTasks {
 public:
  struct Task {
    uint32_t pid;            // of the process; 0: the recording never says
    absl::string_view comm;  // good until the next Follow()
    bool renamed;            // by this line: the process has a new name
  };

  // Learns from `line` and returns the task that it is about.
  Task Follow(const StraceLine& line);

 private:
  struct Process {
    std::string comm;
    bool comm_is_from_exec = false;
    std::string exec_comm;  // the name, should an unfinished execve() succeed
  };

  // A clone(), fork() or vfork() that has begun and shown no child yet.
  struct Creation {
    uint32_t pid;  // of the caller
    bool thread;   // the child will be a thread of the caller
    friend bool operator==(const Creation&, const Creation&) = default;
  };

  uint32_t ProcessOf(const StraceLine& line);
  bool Adopt(uint32_t tid);
  void AddTask(uint32_t tid, const Creation& creation);
  void FollowCreation(const StraceLine& line, uint32_t pid);
  static void FollowExec(const StraceLine& line, Process& process);

  std::map<uint32_t, uint32_t> process_of_;  // by thread
  std::map<uint32_t, Process> processes_;
  std::map<uint32_t, Creation> creations_;  // unfinished, by thread

  // Without -o, strace names the first thread only while there are others:
  // "openat(...", later "[pid 12] openat(...". 0: not known to have a number.
  uint32_t first_thread_ = 0;
};

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_STRACE_TASKS_H_
