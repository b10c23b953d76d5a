// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/thread_handles.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>

namespace bpfmap {
namespace {

constexpr unsigned kPidfdThread = O_EXCL;  // PIDFD_THREAD, Linux 6.9

// The process of a thread; 0: it has ended.
pid_t ProcessOf(pid_t thread) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/status", thread);
  const std::unique_ptr<FILE, int (*)(FILE*)> status(std::fopen(path, "re"),
                                                     &std::fclose);
  if (status == nullptr) return 0;
  char line[256];
  int process = 0;
  while (std::fgets(line, sizeof line, status.get()) != nullptr) {
    if (std::sscanf(line, "Tgid: %d", &process) == 1) break;
  }
  return process;
}

// *process is 0 if the handle is the thread's own.
int OpenHandle(pid_t thread, pid_t* process) {
  *process = 0;
  const long fd = syscall(SYS_pidfd_open, thread, kPidfdThread);
  if (fd >= 0 || errno != EINVAL) return static_cast<int>(fd);
  // An older kernel: the threads of a process mostly share their descriptors.
  *process = ProcessOf(thread);
  return static_cast<int>(syscall(SYS_pidfd_open, *process, 0));
}

}  // namespace

ThreadHandles::Handle::~Handle() { close(fd_); }

bool ThreadHandles::Handle::MayBeOf(pid_t thread) const {
  return process_ == 0 || syscall(SYS_tgkill, process_, thread, 0) == 0 ||
         errno == EPERM;
}

ThreadHandles& ThreadHandles::Global() {
  static auto& handles = *new ThreadHandles;
  return handles;
}

std::shared_ptr<ThreadHandles::Handle> ThreadHandles::Find(pid_t thread) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = handles_.find(thread);
  if (known != handles_.end() && known->second->MayBeOf(thread)) {
    return known->second;
  }
  pid_t process;
  const int fd = OpenHandle(thread, &process);
  if (fd < 0) return nullptr;
  if (handles_.size() >= kMost) handles_.clear();
  return handles_[thread] = std::make_shared<Handle>(fd, process);
}

void ThreadHandles::Forget(pid_t thread) {
  const std::lock_guard<std::mutex> lock(mutex_);
  handles_.erase(thread);
}

}  // namespace bpfmap
