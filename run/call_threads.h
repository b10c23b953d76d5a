// SPDX-License-Identifier: Apache-2.0

// CallThreads: the threads that answer the calls of one listener.
//
// One thread is fastest for callers that take turns: the kernel wakes the
// thread that has waited for longest, so that of several each is woken with
// cold caches, and often on another CPU (a lookup took 16 us with four, and 9
// with one). But a call may take long, and as long as its caller likes, whose
// memory may be a file of a slow file system; and it must hold up no other. So
// one thread waits for calls, and the thread of Run() watches, once in a
// millisecond while there are calls:
//
//   all threads stay in the call that they were in     one more, at once
//   all are at work, and a call waits, twice in a row  one more, up to a
//                                                      thread for each CPU
//   more than one could take calls, and none waits     one less, after a while
//
// Without calls nothing runs: the first call after a pause wakes the watch.
//
// Thread-safe.

#ifndef BPFMAP_RUN_CALL_THREADS_H_
#define BPFMAP_RUN_CALL_THREADS_H_

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "bpfmap/run/notification.h"

namespace bpfmap {

class CallThreads : public std::enable_shared_from_this<CallThreads> {
 public:
  using Answer = std::function<void(const Listener&, const Notification&)>;

  // Has `answer` answer the calls, until no process is left that could make
  // one. Some may still be at work then, whose callers have ended: `answer` is
  // called as long as they are.
  static void Run(const std::shared_ptr<Listener>& listener, Answer answer);

  CallThreads(std::shared_ptr<Listener> listener, Answer answer);
  ~CallThreads();
  CallThreads(const CallThreads&) = delete;
  CallThreads& operator=(const CallThreads&) = delete;

 private:
  struct Thread {
    // Odd: at work on a call.
    std::atomic<uint64_t> turns{0};
    std::atomic<pid_t> number{0};  // 0: it has not begun
    uint64_t seen = 0;             // the turns at the last look
  };
  // What a look at the threads finds.
  struct Look {
    int able = 0;  // that are not in the call they were in before
    bool all_at_work = true;
    bool moved = false;  // there was a call since the last look
  };

  // Starts a thread. False: there can be none now, as the system or the user
  // has too many; what waits is answered later.
  bool Add();
  void Work(Thread* self);
  void WakeWatch();
  // Whether a thread is to end, as there are too many.
  bool TakeSurplus();

  // The rest is for the thread of Run() alone.
  void Watch();
  // Returns false when no process is left.
  bool Wait(int milliseconds);
  void LookAfterThreads();
  Look LookAtThreads();
  // Whether there is nothing to watch until the next call. If so, that wakes
  // the watch.
  bool MaySleep();
  void EndThreads();

  const std::shared_ptr<Listener> listener_;
  const Answer answer_;
  const int wake_fd_;  // an eventfd; below 0: the watch does not sleep
  std::atomic<bool> watch_sleeps_{false};
  std::atomic<int> surplus_{0};

  int looks_without_call_ = 0;
  int looks_with_backlog_ = 0;
  int looks_without_backlog_ = 0;

  std::mutex mutex_;
  std::condition_variable ended_;
  std::list<Thread> threads_;  // guarded by mutex_
};

}  // namespace bpfmap

#endif  // BPFMAP_RUN_CALL_THREADS_H_
