// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/ring_event.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <mutex>
#include <new>

#include "bpfmap/syscall/fork_gate.h"
#include "bpfmap/syscall/high_fd.h"

namespace bpfmap {

RingEventFile::~RingEventFile() {
  if (fd_ >= 0) CloseHighFd(fd_);
}

void RingEventFile::Set() {
  const ForkGate::Inside inside;
  const std::lock_guard<std::mutex> lock(mutex_);
  event_.Set();
  TellFile();
}

void RingEventFile::Clear() {
  const ForkGate::Inside inside;
  const std::lock_guard<std::mutex> lock(mutex_);
  event_.Clear();
  TellFile();
}

int RingEventFile::File(Says says) {
  const ForkGate::Inside inside;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (fd_ < 0) {
    fd_ = MoveToHighFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    says_ = says;
    TellFile();
  }
  return fd_;
}

bool RingEventFile::has_file() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return fd_ >= 0;
}

void RingEventFile::StartAgain() {
  new (&event_) Event;
  new (&mutex_) std::mutex;
  if (fd_ >= 0) CloseHighFd(fd_);
  fd_ = -1;
}

void RingEventFile::TellFile() {
  if (fd_ < 0) return;
  // An eventfd is a counter: readable unless it is 0, writable unless it is the
  // largest. Reading makes it 0.
  constexpr uint64_t kLargest = 0xfffffffffffffffe;
  const int saved_errno = errno;
  uint64_t counter = 0;
  [[maybe_unused]] ssize_t ignored = read(fd_, &counter, sizeof counter);
  const bool set = event_.is_set();
  if (says_ == Says::kReadable ? set : !set) {
    ignored = write(fd_, &kLargest, sizeof kLargest);
  }
  errno = saved_errno;
}

}  // namespace bpfmap
