// SPDX-License-Identifier: Apache-2.0

#include "examples/strace_tasks.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"

namespace bpfmap::examples {
namespace {

// TASK_COMM_LEN of Linux, without the closing 0.
constexpr size_t kMaxComm = 15;

// The name that strace shows as `escaped`, at most kMaxComm bytes of it.
std::string CommFrom(absl::string_view escaped) {
  std::string comm;
  if (!absl::CUnescape(escaped, &comm)) comm = std::string(escaped);
  comm.resize(std::min(comm.size(), kMaxComm));
  return comm;
}

// "gcc" of `"/usr/bin/gcc", ["gcc", "-c"], ...`: the name that Linux gives to
// a process for such an execve(). Empty for arguments without a path.
std::string CommFromExec(absl::string_view arguments) {
  const size_t start = arguments.find('"');
  if (start == absl::string_view::npos) return "";
  absl::string_view path = arguments.substr(start + 1);
  size_t end = 0;
  while (end < path.size() && path[end] != '"') {
    end += path[end] == '\\' ? 2 : 1;
  }
  path = path.substr(0, end);
  return CommFrom(path.substr(path.rfind('/') + 1));  // npos + 1 is 0
}

bool IsExec(absl::string_view syscall) {
  return syscall == "execve" || syscall == "execveat";
}

bool IsCreation(absl::string_view syscall) {
  return syscall == "clone" || syscall == "clone3" || syscall == "fork" ||
         syscall == "vfork";
}

}  // namespace

StraceTasks::Task StraceTasks::Follow(const StraceLine& line) {
  const uint32_t pid = ProcessOf(line);
  Process& process = processes_[pid];
  const std::string old_comm = process.comm;

  // A thread may have a name of its own; the process has its first one's.
  const bool leads = line.tid == pid || line.tid == first_thread_;
  if (!line.comm.empty() && !process.comm_is_from_exec &&
      (leads || process.comm.empty())) {
    process.comm = CommFrom(line.comm);
  }
  if (IsExec(line.syscall)) FollowExec(line, process);
  if (IsCreation(line.syscall)) {
    FollowCreation(line, pid);
  } else if (!line.syscall.empty()) {
    creations_.erase(line.tid);  // its second part was not recorded
  }
  if (line.attached != 0 && !process_of_.contains(line.attached) &&
      !Adopt(line.attached)) {
    process_of_[line.attached] = line.attached;
  }
  if (line.event == StraceEvent::kExit) process_of_.erase(line.tid);
  return {pid, process.comm, process.comm != old_comm};
}

// The process of the line's thread, which may be new.
uint32_t StraceTasks::ProcessOf(const StraceLine& line) {
  const uint32_t tid = line.tid;
  if (tid == 0) {
    // Words of strace's own name no thread and tell nothing about one.
    if (!line.syscall.empty()) process_of_[0] = 0;
    return 0;
  }
  const auto known = process_of_.find(tid);
  if (known != process_of_.end()) return known->second;
  if (!Adopt(tid)) {
    // A thread that nobody announced, in a recording that began with lines
    // that name none, is the one that these lines were about.
    const bool first = process_of_.contains(0) && first_thread_ == 0;
    if (first) first_thread_ = tid;
    process_of_[tid] = first ? 0 : tid;
    if (!first) processes_[tid] = {};  // forgets who had the number before
  }
  return process_of_[tid];
}

// A new thread may speak before the call that makes it has returned. Returns
// false if it cannot be told which call that is.
bool StraceTasks::Adopt(uint32_t tid) {
  if (creations_.empty()) return false;
  const auto creation = creations_.begin();
  for (const auto& [parent, other] : creations_) {
    if (other != creation->second) return false;
  }
  AddTask(tid, creation->second);
  creations_.erase(creation);
  return true;
}

void StraceTasks::AddTask(uint32_t tid, const Creation& creation) {
  process_of_[tid] = creation.thread ? creation.pid : tid;
  if (creation.thread) return;
  processes_[tid] = {};
  processes_[tid].comm = processes_[creation.pid].comm;
}

void StraceTasks::FollowCreation(const StraceLine& line, uint32_t pid) {
  Creation creation = {pid, absl::StrContains(line.arguments, "CLONE_THREAD")};
  if (line.event == StraceEvent::kUnfinished) {
    creations_[line.tid] = creation;
    return;
  }
  const auto begun = creations_.find(line.tid);
  if (begun != creations_.end()) {
    creation = begun->second;  // the flags stand in the first part
    creations_.erase(begun);
  }
  if (line.result.value_or(-1) <= 0) return;
  const uint32_t child = static_cast<uint32_t>(*line.result);
  if (!process_of_.contains(child)) AddTask(child, creation);
}

void StraceTasks::FollowExec(const StraceLine& line, Process& process) {
  if (line.event != StraceEvent::kResumed) {
    process.exec_comm = CommFromExec(line.arguments);
  }
  if (line.result != 0 || process.exec_comm.empty()) return;
  process.comm = process.exec_comm;
  process.comm_is_from_exec = true;
}

}  // namespace bpfmap::examples
