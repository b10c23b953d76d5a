// SPDX-License-Identifier: Apache-2.0

// How poll(2) and epoll(7) wait for rings. RefreshEpoll() and EpollDescriptor()
// are in bpf_syscall.h, RingEventFd() in caller.h.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_POLLING_H_
#define BPFMAP_SYSCALL_POLLING_H_

#include <poll.h>

#include <cstdint>

namespace bpfmap {

// The events among `asked`, of poll(2) or epoll(7), that a ring can have: an
// eventfd that says them would say others too. `fd` is any descriptor.
uint32_t RingEvents(int fd, uint32_t asked);

// The descriptors of one poll(2): eventfds stand in for rings.
class PolledFds {
 public:
  // Of more descriptors than this, none is replaced.
  static constexpr nfds_t kMost = 128;

  PolledFds(pollfd* fds, nfds_t count);
  PolledFds(const PolledFds&) = delete;
  PolledFds& operator=(const PolledFds&) = delete;

  // The array for poll(2).
  pollfd* fds() { return replaced_ ? copies_ : fds_; }
  // After poll(2): tells the caller what came.
  void TellCaller();

 private:
  void Replace(nfds_t i);

  pollfd* const fds_;
  const nfds_t count_;
  bool replaced_ = false;
  pollfd copies_[kMost];
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_POLLING_H_
