// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/trace_files.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/syscall/kernel_types.h"
#include "bpfmap/syscall/memfd.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

constexpr std::string_view kTracefs[] = {"/sys/kernel/tracing/events/",
                                         "/sys/kernel/debug/tracing/events/"};
constexpr std::string_view kDevices = "/sys/bus/event_source/devices/";
constexpr uint64_t kFirstId = 1000;

// Names in the order of their ids.
class TracepointIds {
 public:
  static TracepointIds& Global() {
    static auto& ids = *new TracepointIds;
    return ids;
  }

  uint64_t IdOf(std::string_view name) {
    WriterLock lock(lock_);
    const auto at = std::find(names_.begin(), names_.end(), name);
    const auto index = static_cast<uint64_t>(at - names_.begin());
    if (at == names_.end()) names_.emplace_back(name);
    return kFirstId + index;
  }
  std::string NameOf(uint64_t id) const {
    ReaderLock lock(lock_);
    const uint64_t index = id - kFirstId;
    return index < names_.size() ? names_[static_cast<std::size_t>(index)] : "";
  }

 private:
  mutable Cloud::Lock lock_;
  std::vector<std::string> names_ ABSL_GUARDED_BY(lock_);
};

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// "sched/sched_switch".
bool Exists(std::string_view tracepoint) {
  const std::size_t slash = tracepoint.find('/');
  if (slash == std::string_view::npos || slash == 0) return false;
  const std::string_view name = tracepoint.substr(slash + 1);
  if (name.empty() || name.find('/') != std::string_view::npos) return false;
  if (tracepoint.substr(0, slash) == "syscalls") {
    return StartsWith(name, "sys_enter_") || StartsWith(name, "sys_exit_");
  }
  return KernelHasTracepoint(name);
}

}  // namespace

std::string TracepointOfId(uint64_t id) {
  return TracepointIds::Global().NameOf(id);
}

bool MayBeTraceFile(const char* path) {
  return path != nullptr && std::strncmp(path, "/sys/", 5) == 0;
}

bool ReadTraceFile(std::string_view path, std::string* text) {
  constexpr std::string_view kId = "/id";
  for (const std::string_view events : kTracefs) {
    if (!StartsWith(path, events)) continue;
    path.remove_prefix(events.size());
    if (path.size() < kId.size() ||
        path.substr(path.size() - kId.size()) != kId) {
      return false;
    }
    path.remove_suffix(kId.size());
    if (!Exists(path)) return false;
    *text = std::to_string(TracepointIds::Global().IdOf(path)) + "\n";
    return true;
  }
  if (!StartsWith(path, kDevices)) return false;
  path.remove_prefix(kDevices.size());
  if (path == "kprobe/type") {
    *text = std::to_string(kKprobeEvents) + "\n";
  } else if (path == "uprobe/type") {
    *text = std::to_string(kUprobeEvents) + "\n";
  } else if (path == "kprobe/format/retprobe" ||
             path == "uprobe/format/retprobe") {
    *text = "config:0\n";
  } else if (path == "uprobe/format/ref_ctr_offset") {
    *text = "config:32-63\n";
  } else {
    return false;
  }
  return true;
}

int OpenTraceFile(const char* path) {
  std::string text;
  if (!MayBeTraceFile(path) || !ReadTraceFile(path, &text)) return -1;
  const int fd = CreateMemfd("trace");
  if (fd < 0) return fd;
  const auto size = static_cast<ssize_t>(text.size());
  if (write(fd, text.data(), text.size()) != size ||
      lseek(fd, 0, SEEK_SET) != 0) {
    RawSyscall(SYS_close, fd);
    return -1;
  }
  return fd;
}

}  // namespace bpfmap
