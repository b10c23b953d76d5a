// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/polling.h"

#include <sys/epoll.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/fork_gate.h"
#include "bpfmap/syscall/map_object.h"
#include "bpfmap/syscall/perf_event.h"

namespace bpfmap {
namespace {

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT &&
              EPOLLRDNORM == POLLRDNORM && EPOLLWRNORM == POLLWRNORM);

// The rings that something waits for.
class PolledRings {
 public:
  static PolledRings& Global() {
    static auto& rings = *new PolledRings;
    return rings;
  }

  void Add(const std::shared_ptr<MapObject>& ring) {
    WriterLock lock(lock_);
    std::erase_if(rings_, [](const auto& known) { return known.expired(); });
    for (const auto& known : rings_) {
      if (known.lock() == ring) return;
    }
    rings_.push_back(ring);
    some_.store(true, std::memory_order_relaxed);
  }

  void Refresh() {
    if (!some_.load(std::memory_order_relaxed)) return;
    // A ring that the program closed is in no set any more.
    BpfFdTable::Global().ReleaseClosed();
    ReaderLock lock(lock_);
    for (const auto& ring : rings_) {
      if (const auto alive = ring.lock()) alive->RefreshRingEvent();
    }
  }

 private:
  PolledRings() { ForkGate::RunInChild(&StartAgain); }

  // The eventfds, and what the sets say of them, are the parent's.
  static void StartAgain() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    PolledRings& rings = Global();
    for (const auto& ring : rings.rings_) {
      if (const auto alive = ring.lock()) alive->ring().event->StartAgain();
    }
    rings.rings_.clear();
    rings.some_.store(false, std::memory_order_relaxed);
  }

  // Set before a ring is in a set of epoll. It guards nothing: a thread that
  // waits for a set that another one is just adding to may miss it, as on Linux
  // it may come first.
  std::atomic<bool> some_{false};
  Cloud::Lock lock_;
  std::vector<std::weak_ptr<MapObject>> rings_ ABSL_GUARDED_BY(lock_);
};

// The ring of a descriptor; null: it is none.
std::shared_ptr<MapObject> RingOf(int fd) {
  // Most processes have none, and need not be asked what each descriptor is.
  if (!MapObject::some_ring_was_made()) return nullptr;
  OpenFile file;
  if (BpfFdTable::Global().Find(fd, &file) != 0 || file.map == nullptr ||
      file.map->ring().event == nullptr) {
    return nullptr;
  }
  return std::move(file.map);
}

constexpr uint32_t kWrites = EPOLLOUT | EPOLLWRNORM;

uint32_t EventsOf(const MapObject& ring, uint32_t asked) {
  const uint32_t cannot = ring.ring().says == RingEventFile::Says::kReadable
                              ? kWrites
                              : EPOLLIN | EPOLLRDNORM;
  return asked & ~cannot;
}

int EventFdOf(const std::shared_ptr<MapObject>& ring) {
  const int event_fd = ring->ring().event->File(ring->ring().says);
  if (event_fd < 0) return -1;
  ring->StartRingEvent();
  PolledRings::Global().Add(ring);
  return event_fd;
}

// The perf event of a descriptor; null: it is none.
std::shared_ptr<PerfEventObject> PerfEventOf(int fd) {
  std::shared_ptr<PerfEventObject> event;
  if (!PerfEventTable::some_was_opened() ||
      PerfEventTable::Global().Find(fd, &event) != 0) {
    return nullptr;
  }
  return event;
}

}  // namespace

int RingEventFd(int fd) {
  if (!MapObject::some_ring_was_made() && !PerfEventTable::some_was_opened()) {
    return -1;
  }
  const ForkGate::Inside inside;
  if (const auto ring = RingOf(fd)) return EventFdOf(ring);
  const auto event = PerfEventOf(fd);
  return event != nullptr ? event->EventFile() : -1;
}

int EpollDescriptor(int fd) {
  const int event_fd = RingEventFd(fd);
  return event_fd >= 0 ? event_fd : fd;
}

uint32_t RingEvents(int fd, uint32_t asked) {
  const ForkGate::Inside inside;
  if (const auto ring = RingOf(fd)) return EventsOf(*ring, asked);
  // To each set it says once that its reader is woken, as on Linux.
  if (PerfEventOf(fd) != nullptr) return (asked & ~kWrites) | EPOLLET;
  return asked;
}

void RefreshEpoll() {
  // Threads that wait for something else need not meet at the gate.
  if (!MapObject::some_ring_was_made()) return;
  const ForkGate::Inside inside;
  PolledRings::Global().Refresh();
}

PolledFds::PolledFds(pollfd* fds, nfds_t count) : fds_(fds), count_(count) {
  if (fds == nullptr || count > kMost ||
      (!MapObject::some_ring_was_made() &&
       !PerfEventTable::some_was_opened())) {
    return;
  }
  const ForkGate::Inside inside;
  std::copy(fds, fds + count, copies_);
  for (nfds_t i = 0; i < count; ++i) {
    const auto ring = RingOf(fds[i].fd);
    if (ring == nullptr) {
      Replace(i);
      continue;
    }
    const int event_fd = EventFdOf(ring);
    if (event_fd < 0) continue;
    copies_[i].fd = event_fd;
    copies_[i].events = static_cast<int16_t>(
        EventsOf(*ring, static_cast<uint16_t>(fds[i].events)));
    replaced_ = true;
  }
}

// With the eventfd of a perf event, if it is one.
void PolledFds::Replace(nfds_t i) {
  const auto event = PerfEventOf(fds_[i].fd);
  if (event == nullptr || event->EventFile() < 0) return;
  copies_[i].fd = event->EventFile();
  copies_[i].events =
      static_cast<int16_t>(static_cast<uint16_t>(fds_[i].events) & ~kWrites);
  replaced_ = true;
}

void PolledFds::TellCaller() {
  if (!replaced_) return;
  for (nfds_t i = 0; i < count_; ++i) {
    fds_[i].revents = copies_[i].revents;
    if (copies_[i].fd == fds_[i].fd || (copies_[i].revents & POLLIN) == 0) {
      continue;
    }
    // A perf event says once that its reader is woken.
    if (const auto event = PerfEventOf(fds_[i].fd)) event->TakeWakeups();
  }
}

}  // namespace bpfmap
