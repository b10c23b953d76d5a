// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/notification.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

// Newer than some headers: Linux 6.6.
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

namespace bpfmap {
namespace {

// ioctl(2), made again after EINTR. The kernel waits for a mutex of the
// listener, and a signal or a stop of this process ends that wait, whatever
// SA_RESTART says. An answer that is lost leaves its caller in the call.
int Control(int fd, unsigned long request, const void* argument) {
  for (;;) {
    const int result = ioctl(fd, request, argument);
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace

Listener::Listener(int fd) : fd_(fd) {
  // The caller and its answer take turns: let them do so on one CPU. Kernels
  // that do not know this are slower.
  ioctl(fd_, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

Listener::~Listener() { close(fd_); }

bool Listener::Receive(Notification* call) const {
  for (;;) {
    seccomp_notif received;
    std::memset(&received, 0, sizeof received);
    if (ioctl(fd_, SECCOMP_IOCTL_NOTIF_RECV, &received) == 0) {
      call->id = received.id;
      call->thread = static_cast<pid_t>(received.pid);
      call->number = received.data.nr;
      std::copy_n(received.data.args, 6, call->arguments);
      return true;
    }
    // ENOENT: the caller was killed just now, or none is left. (Kernels before
    // 6.11 do not end the wait for the latter.)
    if (errno != ENOENT && errno != EINTR) return false;
    pollfd state = {fd_, 0, 0};
    if (poll(&state, 1, 0) > 0) return false;
  }
}

bool Listener::IsValid(const Notification& call) const {
  return Control(fd_, SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) == 0;
}

void Listener::Answer(const Notification& call, long result) const {
  seccomp_notif_resp answer = {};
  answer.id = call.id;
  if (result < 0 && result >= -4095) {
    answer.error = static_cast<int>(result);
  } else {
    answer.val = result;
  }
  Control(fd_, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

void Listener::Continue(const Notification& call) const {
  seccomp_notif_resp answer = {};
  answer.id = call.id;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  Control(fd_, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

long Listener::GiveFile(const Notification& call, int fd) const {
  seccomp_notif_addfd added = {};
  added.id = call.id;
  // Without SECCOMP_ADDFD_FLAG_SEND, which would save the answer: when a stop
  // of this process ends its wait, the caller has the answer and no descriptor.
  added.srcfd = static_cast<uint32_t>(fd);
  added.newfd_flags = O_CLOEXEC;
  const int result = Control(fd_, SECCOMP_IOCTL_NOTIF_ADDFD, &added);
  return result >= 0 ? result : -errno;
}

}  // namespace bpfmap
