// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/poll_call.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <memory>
#include <vector>

#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/event_file.h"
#include "bpfmap/syscall/map_object.h"
#include "bpfmap/syscall/perf_event.h"
#include "bpfmap/syscall/polling.h"
#include "bpfmap/syscall/scoped_fd.h"

namespace bpfmap {
namespace {

using Clock = std::chrono::steady_clock;

// More are the kernel's.
constexpr uint64_t kMost = 128;

// The descriptors that a thread waits for, and this process's in their place.
class Polled {
 public:
  bool Read(SupervisedCaller* caller, uint64_t address, uint64_t count) {
    asked_.resize(static_cast<std::size_t>(count));
    return caller->ReadMemory(asked_.data(), address,
                              asked_.size() * sizeof(pollfd));
  }

  // False: none of them is a ring or a perf event.
  bool Replace(const SupervisedCaller& caller) {
    own_ = asked_;
    std::vector<bool> is_ring(asked_.size());
    for (std::size_t i = 0; i < own_.size(); ++i) {
      pollfd& own = own_[i];
      const int event = own.fd < 0 ? -1 : RingEventFd(own.fd);
      if (event < 0) continue;
      is_ring[i] = true;
      own.events = static_cast<int16_t>(
          RingEvents(own.fd, static_cast<uint16_t>(own.events)));
      // One of its own: the ring may end during the wait.
      own.fd = Keep(fcntl(event, F_DUPFD_CLOEXEC, 0));
    }
    if (std::find(is_ring.begin(), is_ring.end(), true) == is_ring.end()) {
      return false;
    }
    for (std::size_t i = 0; i < own_.size(); ++i) {
      if (own_[i].fd < 0 || is_ring[i]) continue;
      own_[i].fd = Keep(caller.Borrow(own_[i].fd));
    }
    return true;
  }

  // As poll(2).
  long Wait(int milliseconds) {
    const int ready = poll(own_.data(), own_.size(), milliseconds);
    return ready < 0 ? -errno : ready;
  }

  // Tells the thread what came.
  bool Write(SupervisedCaller* caller, uint64_t address) {
    for (std::size_t i = 0; i < asked_.size(); ++i) {
      asked_[i].revents = own_[i].revents;
      std::shared_ptr<PerfEventObject> event;
      // A perf event says once that its reader is woken.
      if ((asked_[i].revents & POLLIN) != 0 &&
          PerfEventTable::some_was_opened() &&
          PerfEventTable::Global().Find(asked_[i].fd, &event) == 0) {
        event->TakeWakeups();
      }
    }
    return caller->WriteMemory(address, asked_.data(),
                               asked_.size() * sizeof(pollfd));
  }

 private:
  // A number that is none of an open file stands for one that is not open.
  int Keep(int fd) {
    if (fd < 0) return INT_MAX;
    kept_.push_back(std::make_unique<ScopedFd>(fd));
    return fd;
  }

  std::vector<pollfd> asked_;
  std::vector<pollfd> own_;
  std::vector<std::unique_ptr<ScopedFd>> kept_;
};

// When the wait ends. False: the address is bad.
bool FindEnd(const Notification& call, SupervisedCaller* caller,
             Clock::time_point* end) {
  *end = Clock::time_point::max();
  const uint64_t given = call.arguments[2];
  if (call.number != SYS_ppoll) {
    const int milliseconds = static_cast<int>(given);
    if (milliseconds >= 0) {
      *end = Clock::now() + std::chrono::milliseconds(milliseconds);
    }
    return true;
  }
  if (given == 0) return true;
  timespec time;
  if (!caller->ReadMemory(&time, given, sizeof time)) return false;
  constexpr time_t kLong = 1'000'000'000;  // seconds
  if (time.tv_sec < kLong) {
    *end = Clock::now() + std::chrono::seconds(time.tv_sec) +
           std::chrono::nanoseconds(time.tv_nsec);
  }
  return true;
}

}  // namespace

long HandlePoll(const Notification& call, SupervisedCaller* caller, long own) {
  if (FireNextEvents()) return -EINTR;
  RefreshEpoll();
  if (!MapObject::some_ring_was_made() && !PerfEventTable::some_was_opened()) {
    return own;
  }
  const uint64_t address = call.arguments[0];
  const uint64_t count = call.arguments[1];
  const bool has_mask = call.number == SYS_ppoll && call.arguments[3] != 0;
  Polled polled;
  Clock::time_point end;
  if (has_mask || count == 0 || count > kMost ||
      !polled.Read(caller, address, count) || !polled.Replace(*caller) ||
      !FindEnd(call, caller, &end)) {
    return own;
  }
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::min<Clock::duration>(end - Clock::now(), kPollSlice));
    const long ready =
        polled.Wait(static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready > 0 || (ready < 0 && ready != -EINTR) || Clock::now() >= end) {
      return polled.Write(caller, address) ? ready : -EFAULT;
    }
    if (FireNextEvents() || caller->Interrupted()) return -EINTR;
    RefreshEpoll();
  }
}

}  // namespace bpfmap
