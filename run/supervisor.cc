// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/supervisor.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>

#include "bpfmap/profiles/cpu.h"
#include "bpfmap/run/call_threads.h"
#include "bpfmap/run/poll_call.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/event_file.h"
#include "bpfmap/syscall/map_object.h"
#include "bpfmap/syscall/perf_event.h"
#include "bpfmap/syscall/perf_event_calls.h"
#include "bpfmap/syscall/polling.h"
#include "bpfmap/syscall/trace_files.h"
#include "bpfmap/syscall/user_memory.h"

#ifndef BPF_FS_MAGIC
#define BPF_FS_MAGIC 0xcafe4a11
#endif

namespace bpfmap {
namespace {

// The answer of a call that is the kernel's.
constexpr long kContinue = 1L << 62;

// Commands to which it matters which pins are left.
bool LooksForObjects(int command) {
  switch (command) {
    case BPF_OBJ_PIN:
    case BPF_OBJ_GET:
    case BPF_PROG_GET_NEXT_ID:
    case BPF_MAP_GET_NEXT_ID:
    case BPF_BTF_GET_NEXT_ID:
    case BPF_PROG_GET_FD_BY_ID:
    case BPF_MAP_GET_FD_BY_ID:
    case BPF_BTF_GET_FD_BY_ID:
    case BPF_LINK_GET_NEXT_ID:
    case BPF_LINK_GET_FD_BY_ID:
      return true;
    default:
      return false;
  }
}

long HandleMmap(const Notification& call) {
  const uint64_t* const a = call.arguments;
  const long error =
      CheckMmap(a[1], static_cast<int>(a[2]), static_cast<int>(a[3]),
                static_cast<int>(a[4]), static_cast<off_t>(a[5]),
                reinterpret_cast<const void*>(a[0]));
  return error == 0 ? kContinue : error;
}

long HandlePerfEventOpen(const Notification& call) {
  const uint64_t* const a = call.arguments;
  return PerfEventOpen(a[0], static_cast<pid_t>(a[1]), static_cast<int>(a[2]),
                       static_cast<int>(a[3]), a[4]);
}

long HandleIoctl(const Notification& call) {
  const uint64_t* const a = call.arguments;
  long result;
  return PerfEventIoctl(static_cast<int>(a[0]), a[1], a[2], &result)
             ? result
             : kContinue;
}

// A file that says which tracepoints there are.
long HandleOpen(uint64_t address, SupervisedCaller* caller) {
  char path[PATH_MAX];
  const long length = CopyStringFromUser(path, address, sizeof path);
  if (length <= 0 || static_cast<std::size_t>(length) >= sizeof path) {
    return kContinue;
  }
  const int file = OpenTraceFile(path);
  return file >= 0 ? caller->GiveFile(file) : kContinue;
}

// A set of epoll gets this process's eventfd in the place of a ring.
long HandleEpollCtl(const Notification& call, SupervisedCaller* caller) {
  const uint64_t* const a = call.arguments;
  if (!MapObject::some_ring_was_made() && !PerfEventTable::some_was_opened()) {
    return kContinue;
  }
  const int operation = static_cast<int>(a[1]);
  const int fd = static_cast<int>(a[2]);
  const int event_fd = RingEventFd(fd);
  if (event_fd < 0) return kContinue;
  epoll_event event = {};
  if (operation != EPOLL_CTL_DEL &&
      !caller->ReadMemory(&event, a[3], sizeof event)) {
    return -EFAULT;
  }
  event.events = RingEvents(fd, event.events);
  const int set = caller->Borrow(static_cast<int>(a[0]));
  if (set < 0) return -EBADF;
  const long result =
      epoll_ctl(set, operation, event_fd, &event) == 0 ? 0 : -errno;
  close(set);
  return result;
}

// `file` is closed.
long AnswerStatfs(int file, dev_t pins, uint64_t to, SupervisedCaller* caller) {
  struct stat status;
  struct statfs answer;
  const bool is_here = fstat(file, &status) == 0 && status.st_dev == pins &&
                       fstatfs(file, &answer) == 0;
  close(file);
  if (!is_here) return kContinue;
  answer.f_type = BPF_FS_MAGIC;
  return caller->WriteMemory(to, &answer, sizeof answer) ? 0 : -EFAULT;
}

long HandleStatfs(const Notification& call, dev_t pins,
                  SupervisedCaller* caller) {
  if (pins == 0) return kContinue;
  if (call.number == SYS_fstatfs) {
    const int file = caller->Borrow(static_cast<int>(call.arguments[0]));
    if (file < 0) return kContinue;
    return AnswerStatfs(file, pins, call.arguments[1], caller);
  }
  char path[PATH_MAX];
  const long length = CopyStringFromUser(path, call.arguments[0], sizeof path);
  if (length <= 0) return kContinue;
  const int file = caller->OpenPath(AT_FDCWD, path, 0);
  if (file < 0) return kContinue;
  return AnswerStatfs(file, pins, call.arguments[1], caller);
}

}  // namespace

void Supervisor::Supervise(const std::shared_ptr<Listener>& listener) {
  // A map that would be larger than files may be: an error, and not the end.
  std::signal(SIGXFSZ, SIG_IGN);
  CallThreads::Run(listener,
                   [this](const Listener& from, const Notification& call) {
                     Handle(from, call);
                   });
}

void Supervisor::Handle(const Listener& listener, const Notification& call) {
  const CallsAtWork::Entry entry(&at_work_, listener, call);
  SupervisedCaller caller(listener, call, pins_);
  if (call.number == SYS_bpf) return HandleBpf(listener, call, &caller);
  long result = kContinue;
  if (!passes_on_) {
    const ScopedCaller scope(&caller);
    switch (call.number) {
      case SYS_mmap:
        result = HandleMmap(call);
        break;
      case SYS_perf_event_open:
        result = HandlePerfEventOpen(call);
        break;
      case SYS_ioctl:
        result = HandleIoctl(call);
        break;
      case SYS_epoll_ctl:
        result = HandleEpollCtl(call, &caller);
        break;
      case SYS_statfs:
      case SYS_fstatfs:
        result = HandleStatfs(call, pins_->device(), &caller);
        break;
      case SYS_openat:
        result = HandleOpen(call.arguments[1], &caller);
        break;
#ifdef SYS_open
      case SYS_open:
        result = HandleOpen(call.arguments[0], &caller);
        break;
#endif
      case SYS_ppoll:
#ifdef SYS_poll
      case SYS_poll:
#endif
        result = HandlePoll(call, &caller, kContinue);
        break;
#ifdef SYS_pause
      case SYS_pause:
        // Nothing but a signal ends it: all happens that is left.
        while (result == kContinue && HasMoreEvents()) {
          if (FireNextEvents()) result = -EINTR;
        }
        break;
#endif
      default:
        if (FireNextEvents()) result = -EINTR;
        RefreshEpoll();
    }
  }
  if (result == kContinue) {
    listener.Continue(call);
  } else {
    listener.Answer(call, result);
  }
}

void Supervisor::HandleBpf(const Listener& listener, const Notification& call,
                           SupervisedCaller* caller) {
  const int command = static_cast<int>(call.arguments[0]);
  const uint64_t attributes = call.arguments[1];
  const auto size = static_cast<unsigned>(call.arguments[2]);
  TracedCall traced(trace_, caller, call.thread);
  traced.Start(command, attributes, size);
  if (passes_on_) {
    traced.FinishUnknown();
    return listener.Continue(call);
  }
  if (call.thread == 0) return listener.Answer(call, -ENOSYS);
  if (LooksForObjects(command)) {
    at_work_.WaitForThoseOver();
    pins_->Reap();
  }
  // As on Linux a thread is on one CPU for long; here, always.
  const ScopedCpu cpu(call.thread % PossibleCpus());
  const long result = AnswerBpf(caller, command, attributes, size);
  traced.Finish(result);  // before the lines of calls that follow
  listener.Answer(call, result);
}

}  // namespace bpfmap
