// SPDX-License-Identifier: Apache-2.0

// RingEventFile: an Event (profiles/event.h) that epoll can wait for, too.
//
// The file is an eventfd that always says what the event says: readable while
// it is set, or writable while it is set. Without a file it is an Event.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_RING_EVENT_H_
#define BPFMAP_SYSCALL_RING_EVENT_H_

#include <mutex>

#include "bpfmap/profiles/event.h"

namespace bpfmap {

class RingEventFile {
 public:
  using Deadline = Event::Deadline;
  static Deadline In(int timeout_ms) { return Event::In(timeout_ms); }

  RingEventFile() = default;
  ~RingEventFile();
  RingEventFile(const RingEventFile&) = delete;
  RingEventFile& operator=(const RingEventFile&) = delete;

  bool is_set() const { return event_.is_set(); }
  void Set();
  void Clear();
  bool WaitUntil(Deadline deadline) { return event_.WaitUntil(deadline); }

  // How a file says that the event is set: EPOLLIN or EPOLLOUT.
  enum class Says { kReadable, kWritable };

  // The descriptor of the file, which is made at the first call; -1 if there
  // can be none (errno says why). It is this object's.
  int File(Says says);

  bool has_file() const;

  // For the child of a fork(): locks may be held by threads of the parent, and
  // the file is the parent's. Starts again, not set and without a file.
  // REQUIRES: the process has one thread.
  void StartAgain();

 private:
  // Makes the file say what the event says. REQUIRES: mutex_ is held.
  void TellFile();

  Event event_;
  mutable std::mutex mutex_;
  int fd_ = -1;  // guarded by mutex_, as is the next
  Says says_ = Says::kReadable;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_RING_EVENT_H_
