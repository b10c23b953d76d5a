// SPDX-License-Identifier: Apache-2.0

// Notification: a system call of another process that waits for an answer; and
// Listener: where such calls come from (seccomp_unotify(2)).
//
// Its thread stays in the call until it is answered, or is killed: no other
// signal ends the wait once the call was received. After it was killed, answers
// go nowhere, and its number may soon be that of another process; IsValid()
// tells.

#ifndef BPFMAP_RUN_NOTIFICATION_H_
#define BPFMAP_RUN_NOTIFICATION_H_

#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstdint>

namespace bpfmap {

struct Notification {
  uint64_t id = 0;
  pid_t thread = 0;  // as this process numbers it; 0: not to be seen from here
  int number = 0;    // SYS_*
  uint64_t arguments[6] = {};
};

// Thread-safe: threads may receive and answer at once.
class Listener {
 public:
  // Takes the descriptor over.
  explicit Listener(int fd);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int fd() const { return fd_; }

  // Waits for the next call. False: no process is left that could make one.
  bool Receive(Notification* call) const;

  // Whether the thread still waits in this call. If so, its number was its own
  // at all times since the call was received.
  bool IsValid(const Notification& call) const;

  // Ends the call with a result or -errno.
  void Answer(const Notification& call, long result) const;
  // Lets the kernel answer.
  void Continue(const Notification& call) const;
  // Makes a new descriptor, close-on-exec, of the file of `fd` for the caller.
  // Returns it, or -errno. The call goes on.
  long GiveFile(const Notification& call, int fd) const;

 private:
  const int fd_;
};

}  // namespace bpfmap

#endif  // BPFMAP_RUN_NOTIFICATION_H_
