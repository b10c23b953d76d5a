// SPDX-License-Identifier: Apache-2.0
//
// perf_event_open(2).

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "bpfmap/profiles/cpu.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/fork_gate.h"
#include "bpfmap/syscall/high_fd.h"
#include "bpfmap/syscall/hook_of.h"
#include "bpfmap/syscall/memfd.h"
#include "bpfmap/syscall/perf_event.h"
#include "bpfmap/syscall/trace_files.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

using Facts = PerfEventObject::Facts;
using Kind = PerfEventObject::Kind;

constexpr std::size_t kFirstSize = 64;  // of the attribute of 2009
constexpr std::size_t kSize = 136;      // of Linux 6.18
constexpr std::size_t kPage = 4096;
constexpr uint64_t kReturnProbe = 1;  // in config of kprobes and uprobes
constexpr uint64_t kLastSoftware = 11;
constexpr uint32_t kLastSampleBit = 24;
constexpr uint32_t kLastReadBit = 4;

constinit std::atomic<bool> was_opened{false};

struct CopiedAttr {
  union {
    perf_event_attr attr;
    unsigned char bytes[kSize];
  };
};

// sched_attr and others are copied alike: a size that is not understood is told
// back.
long CopyAttr(uint64_t from, CopiedAttr* copy) {
  std::memset(copy, 0, sizeof *copy);
  uint32_t size = 0;
  if (!CopyFromUser(&size, from + offsetof(perf_event_attr, size),
                    sizeof size)) {
    return -EFAULT;
  }
  if (size == 0) size = kFirstSize;
  bool fits = size >= kFirstSize && size <= kPage;
  if (fits && size > kSize) {
    const long error = CheckZeroInUser(from + kSize, size - kSize);
    if (error == -EFAULT) return error;
    fits = error == 0;
  }
  if (!fits) {
    constexpr uint32_t kOurs = kSize;
    return CopyToUser(from + offsetof(perf_event_attr, size), &kOurs,
                      sizeof kOurs)
               ? -E2BIG
               : -EFAULT;
  }
  return CopyFromUser(copy->bytes, from, std::min<std::size_t>(size, kSize))
             ? 0
             : -EFAULT;
}

// "uprobe/bin/sh:0x1234": the file, and the offset in it.
long NameProbe(const perf_event_attr& attr, bool is_user, std::string* hook) {
  const bool is_return = (attr.config & kReturnProbe) != 0;
  char name[kPage];
  const uint64_t address = attr.config1;
  *hook =
      std::string(is_user ? "u" : "k") + (is_return ? "ret" : "") + "probe/";
  if (address == 0) {
    if (is_user) return -EINVAL;
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx",
                  static_cast<unsigned long long>(attr.config2));
    *hook += text;
    return 0;
  }
  const long length = CopyStringFromUser(name, address, sizeof name);
  if (length < 0) return length == -ENAMETOOLONG ? -EINVAL : length;
  if (length == 0) return is_user ? -ENOENT : -EINVAL;
  if (is_user) {
    *hook += ProbeName(name, attr.config2);
    return 0;
  }
  *hook += name;
  if (attr.config2 != 0) *hook += "+" + std::to_string(attr.config2);
  return 0;
}

// Finds the kind of the event; errors are those of the kernel's part for it.
long FindKind(const perf_event_attr& attr, Facts* facts) {
  switch (attr.type) {
    case PERF_TYPE_SOFTWARE:
      if (attr.config > kLastSoftware) return -ENOENT;
      facts->kind =
          attr.config == kPerfSwBpfOutput ? Kind::kOutput : Kind::kCounter;
      break;
    case PERF_TYPE_HARDWARE:
    case PERF_TYPE_HW_CACHE:
    case PERF_TYPE_RAW:
      facts->kind = Kind::kCounter;
      break;
    case PERF_TYPE_TRACEPOINT: {
      const std::string name = TracepointOfId(attr.config);
      if (name.empty()) return -EINVAL;
      facts->kind = Kind::kTracepoint;
      facts->hook = "tracepoint/" + name;
      return 0;
    }
    case kKprobeEvents:
      facts->kind = Kind::kKprobe;
      return NameProbe(attr, /*is_user=*/false, &facts->hook);
    case kUprobeEvents:
      facts->kind = Kind::kUprobe;
      return NameProbe(attr, /*is_user=*/true, &facts->hook);
    default:
      return -ENOENT;
  }
  facts->hook = "perf_event";
  return 0;
}

long CheckAttr(const perf_event_attr& attr, pid_t pid, int cpu, Facts* facts) {
  if (attr.sample_type >= uint64_t{1} << (kLastSampleBit + 1) ||
      attr.read_format >= uint64_t{1} << (kLastReadBit + 1)) {
    return -EINVAL;
  }
  if (pid == -1 && cpu == -1) return -EINVAL;
  if (cpu < -1 || cpu >= PossibleCpus()) return -EINVAL;
  if (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH) return -ESRCH;
  facts->cpu = cpu;
  facts->pid = pid;
  facts->type = attr.type;
  facts->config = attr.config;
  facts->is_inherited = attr.inherit;
  facts->has_raw_samples = attr.sample_type == PERF_SAMPLE_RAW;
  facts->wakeup = {attr.watermark ? 0 : attr.wakeup_events,
                   attr.watermark ? attr.wakeup_watermark : 0};
  return FindKind(attr, facts);
}

}  // namespace

PerfEventTable& PerfEventTable::Global() {
  static auto& events = *new PerfEventTable;
  return events;
}

bool PerfEventTable::some_was_opened() {
  return was_opened.load(std::memory_order_relaxed);
}

long PerfEventTable::Open(uint64_t attr, pid_t pid, int cpu, int group,
                          unsigned long flags) {
  constexpr unsigned long kKnownFlags = 0xf;
  if ((flags & ~kKnownFlags) != 0) return -EINVAL;
  CopiedAttr copy;
  long error = CopyAttr(attr, &copy);
  if (error != 0) return error;
  Facts facts;
  error = CheckAttr(copy.attr, pid, cpu, &facts);
  if (error != 0) return error;
  std::shared_ptr<PerfEventObject> leader;
  if (group != -1 && Find(group, &leader) != 0) return -EBADF;
  ReleaseClosed();

  const int memory = MoveToHighFd(CreateMemfd("[perf_event]"));
  if (memory < 0) return -errno;
  struct stat file;
  fstat(memory, &file);
  auto event =
      std::make_shared<PerfEventObject>(std::move(facts), memory, file.st_ino);
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
  const bool closes = (flags & PERF_FLAG_FD_CLOEXEC) != 0;
  const int fd = open(path, O_RDWR | (closes ? O_CLOEXEC : 0));
  if (fd < 0) return -errno;
  flock(fd, LOCK_SH | LOCK_NB);
  was_opened.store(true, std::memory_order_relaxed);
  {
    WriterLock lock(lock_);
    device_ = file.st_dev;
    events_[file.st_ino] = std::move(event);
  }
  Caller* const caller = Caller::Other();
  return caller == nullptr ? fd : caller->GiveFile(fd);
}

long PerfEventTable::Find(int fd, std::shared_ptr<PerfEventObject>* event) {
  FileStatus status;
  const long error = FindFile(fd, &status);
  if (error != 0) return error;
  ReaderLock lock(lock_);
  if (status.device != device_) return -EINVAL;
  const auto found = events_.find(status.inode);
  if (found == events_.end()) return -EINVAL;
  *event = found->second;
  return 0;
}

void PerfEventTable::ReleaseClosed() {
  if (!some_was_opened()) return;
  std::vector<std::shared_ptr<PerfEventObject>> gone;  // end after the lock
  WriterLock lock(lock_);
  for (auto event = events_.begin(); event != events_.end();) {
    if (!event->second->IsClosed()) {
      ++event;
      continue;
    }
    gone.push_back(std::move(event->second));
    event = events_.erase(event);
  }
}

}  // namespace bpfmap
