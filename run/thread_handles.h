// SPDX-License-Identifier: Apache-2.0

// ThreadHandles: pidfds of threads that call often.
//
// A pidfd stays that of its thread when the thread's number is reused: then the
// kernel answers ESRCH, and a new one is opened. Kernels before 6.9 have them
// of processes only, and the number may be reused by a thread of another
// process while that of the handle lives: there each look asks whose it is.
//
// Thread-safe.

#ifndef BPFMAP_RUN_THREAD_HANDLES_H_
#define BPFMAP_RUN_THREAD_HANDLES_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace bpfmap {

class ThreadHandles {
 public:
  class Handle {
   public:
    // Takes the descriptor over. `process` is 0 if it is a thread's.
    Handle(int fd, pid_t process) : fd_(fd), process_(process) {}
    ~Handle();
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    int fd() const { return fd_; }
    // Whether a thread of this number is in the process, as far as numbers say.
    bool MayBeOf(pid_t thread) const;

   private:
    const int fd_;
    const pid_t process_;
  };

  // The process has one.
  static ThreadHandles& Global();

  // The pidfd of a thread, from an earlier call or new; null: errno says why.
  std::shared_ptr<Handle> Find(pid_t thread);
  // To be called where a handle turns out to be of a thread that has ended.
  void Forget(pid_t thread);

 private:
  static constexpr std::size_t kMost = 256;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::unordered_map<pid_t, std::shared_ptr<Handle>> handles_;
};

}  // namespace bpfmap

#endif  // BPFMAP_RUN_THREAD_HANDLES_H_
