// SPDX-License-Identifier: Apache-2.0

// The calls of the C library that wait for descriptors, for a whole process:
// rings are ready when Linux says so (polling.h).
//
// select(2) and pselect(2) take a ring for ready at any time: an eventfd may
// have a number that no set has room for. Of the sets of epoll that they wait
// for, they know.

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <ctime>

#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/event_file.h"
#include "bpfmap/syscall/next_function.h"
#include "bpfmap/syscall/polling.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

constinit NextFunction<int(int, int, int, epoll_event*)> next_epoll_ctl(
    "epoll_ctl");
constinit NextFunction<int(int, epoll_event*, int, int)> next_epoll_wait(
    "epoll_wait");
constinit NextFunction<int(int, epoll_event*, int, int, const sigset_t*)>
    next_epoll_pwait("epoll_pwait");
constinit NextFunction<int(int, epoll_event*, int, const timespec*,
                           const sigset_t*)>
    next_epoll_pwait2("epoll_pwait2");
constinit NextFunction<int(pollfd*, nfds_t, int)> next_poll("poll");
constinit NextFunction<int(pollfd*, nfds_t, const timespec*, const sigset_t*)>
    next_ppoll("ppoll");
constinit NextFunction<int(int, fd_set*, fd_set*, fd_set*, timeval*)>
    next_select("select");
constinit NextFunction<int(int, fd_set*, fd_set*, fd_set*, const timespec*,
                           const sigset_t*)>
    next_pselect("pselect");

__attribute__((constructor(101))) void LookForNextFunctions() {
  next_epoll_ctl.Look();
  next_epoll_wait.Look();
  next_epoll_pwait.Look();
  next_epoll_pwait2.Look();
  next_poll.Look();
  next_ppoll.Look();
  next_select.Look();
  next_pselect.Look();
}

constexpr long kEpollPwait2 = 441;  // older headers lack it
constexpr long kMaskSize = 8;       // the kernel's

int Status(long result) { return static_cast<int>(WithErrno(result)); }

// Of a wait that a signal ends (event_file.h).
int Interrupted() { return Status(-EINTR); }

int Poll(pollfd* fds, nfds_t count, int timeout) {
  if (next_poll) return next_poll(fds, count, timeout);
  timespec left = {timeout / 1000, timeout % 1000 * 1'000'000};
  return Status(RawSyscall(SYS_ppoll, Word(fds), static_cast<long>(count),
                           timeout < 0 ? 0 : Word(&left), 0, kMaskSize));
}

int Ppoll(pollfd* fds, nfds_t count, const timespec* timeout,
          const sigset_t* mask) {
  if (next_ppoll) return next_ppoll(fds, count, timeout, mask);
  timespec left = {};  // the kernel changes it
  if (timeout != nullptr) left = *timeout;
  return Status(RawSyscall(SYS_ppoll, Word(fds), static_cast<long>(count),
                           timeout == nullptr ? 0 : Word(&left), Word(mask),
                           kMaskSize));
}

}  // namespace
}  // namespace bpfmap

using bpfmap::RawSyscall;
using bpfmap::Status;
using bpfmap::Word;

#pragma GCC visibility push(default)

extern "C" {

int epoll_ctl(int set, int operation, int fd, epoll_event* event) noexcept {
  const int polled = bpfmap::EpollDescriptor(fd);
  epoll_event copy;
  if (polled != fd && event != nullptr) {
    copy = *event;
    copy.events = bpfmap::RingEvents(fd, event->events);
    event = &copy;
  }
  if (bpfmap::next_epoll_ctl) {
    return bpfmap::next_epoll_ctl(set, operation, polled, event);
  }
  return Status(RawSyscall(SYS_epoll_ctl, set, operation, polled, Word(event)));
}

int epoll_wait(int set, epoll_event* events, int most, int timeout) {
  if (bpfmap::FireNextEvents()) return bpfmap::Interrupted();
  bpfmap::RefreshEpoll();
  if (bpfmap::next_epoll_wait) {
    return bpfmap::next_epoll_wait(set, events, most, timeout);
  }
  return Status(RawSyscall(SYS_epoll_pwait, set, Word(events), most, timeout, 0,
                           bpfmap::kMaskSize));
}

int epoll_pwait(int set, epoll_event* events, int most, int timeout,
                const sigset_t* mask) {
  if (bpfmap::FireNextEvents()) return bpfmap::Interrupted();
  bpfmap::RefreshEpoll();
  if (bpfmap::next_epoll_pwait) {
    return bpfmap::next_epoll_pwait(set, events, most, timeout, mask);
  }
  return Status(RawSyscall(SYS_epoll_pwait, set, Word(events), most, timeout,
                           Word(mask), bpfmap::kMaskSize));
}

int epoll_pwait2(int set, epoll_event* events, int most,
                 const timespec* timeout, const sigset_t* mask) {
  if (bpfmap::FireNextEvents()) return bpfmap::Interrupted();
  bpfmap::RefreshEpoll();
  if (bpfmap::next_epoll_pwait2) {
    return bpfmap::next_epoll_pwait2(set, events, most, timeout, mask);
  }
  return Status(RawSyscall(bpfmap::kEpollPwait2, set, Word(events), most,
                           Word(timeout), Word(mask), bpfmap::kMaskSize));
}

int poll(pollfd* fds, nfds_t count, int timeout) {
  if (bpfmap::FireNextEvents()) return bpfmap::Interrupted();
  bpfmap::RefreshEpoll();
  bpfmap::PolledFds polled(fds, count);
  const int result = bpfmap::Poll(polled.fds(), count, timeout);
  polled.TellCaller();
  return result;
}

int ppoll(pollfd* fds, nfds_t count, const timespec* timeout,
          const sigset_t* mask) {
  if (bpfmap::FireNextEvents()) return bpfmap::Interrupted();
  bpfmap::RefreshEpoll();
  bpfmap::PolledFds polled(fds, count);
  const int result = bpfmap::Ppoll(polled.fds(), count, timeout, mask);
  polled.TellCaller();
  return result;
}

// What <poll.h> makes of the calls above where _FORTIFY_SOURCE is defined.
int __poll_chk(pollfd* fds, nfds_t count, int timeout, std::size_t size) {
  if (size / sizeof *fds < count) __builtin_trap();
  return poll(fds, count, timeout);
}

int __ppoll_chk(pollfd* fds, nfds_t count, const timespec* timeout,
                const sigset_t* mask, std::size_t size) {
  if (size / sizeof *fds < count) __builtin_trap();
  return ppoll(fds, count, timeout, mask);
}

int select(int count, fd_set* read, fd_set* write, fd_set* except,
           timeval* timeout) {
  if (bpfmap::FireNextEvents()) return bpfmap::Interrupted();
  bpfmap::RefreshEpoll();
  if (bpfmap::next_select) {
    return bpfmap::next_select(count, read, write, except, timeout);
  }
  timespec left = {};
  if (timeout != nullptr) {
    left = {timeout->tv_sec, timeout->tv_usec * 1000};
  }
  return Status(RawSyscall(SYS_pselect6, count, Word(read), Word(write),
                           Word(except), timeout == nullptr ? 0 : Word(&left)));
}

int pselect(int count, fd_set* read, fd_set* write, fd_set* except,
            const timespec* timeout, const sigset_t* mask) {
  if (bpfmap::FireNextEvents()) return bpfmap::Interrupted();
  bpfmap::RefreshEpoll();
  if (bpfmap::next_pselect) {
    return bpfmap::next_pselect(count, read, write, except, timeout, mask);
  }
  timespec left = {};
  if (timeout != nullptr) left = *timeout;
  const long sized_mask[] = {Word(mask), bpfmap::kMaskSize};
  return Status(RawSyscall(SYS_pselect6, count, Word(read), Word(write),
                           Word(except), timeout == nullptr ? 0 : Word(&left),
                           Word(sized_mask)));
}

}  // extern "C"

#pragma GCC visibility pop
