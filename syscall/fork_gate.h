// SPDX-License-Identifier: Apache-2.0

// ForkGate: fork(2) waits until no other thread is in this library.
//
// A child has one thread, and all memory as it was: a lock that another thread
// held would stay taken for ever, and what it guards half done. So whoever is
// inside says so,
//
//   const ForkGate::Inside inside;
//
// and a fork() goes ahead only while no thread is. A thread that is inside may
// enter again: memory that is allocated may be mapped, and mmap(2) is taken
// over.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_FORK_GATE_H_
#define BPFMAP_SYSCALL_FORK_GATE_H_

#include <sys/types.h>

#include <cstdint>

namespace bpfmap {

class ForkGate {
 public:
  class Inside {
   public:
    Inside();
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    int cancel_state_;
  };

  // While it lives, no other thread is inside; nor does one fork. A signal
  // handler that interrupted a thread inside does not wait for others.
  class Alone {
   public:
    Alone();
    ~Alone();
    Alone(const Alone&) = delete;
    Alone& operator=(const Alone&) = delete;

   private:
    int cancel_state_;
  };

  // Has `function` called in each child, while that has one thread and before
  // fork() returns. At most 4 functions; never in a child of a signal handler.
  static void RunInChild(void (*function)());

  // Whether this process has forked, or was forked itself: files may be shared.
  static bool is_shared();

  // How many fork(2) this process began, and those that lead to it: what was
  // there at an earlier number, a child may have as well.
  static uint64_t begun();

  // How many forks lead to this process from the one that the program started
  // as. A child tells by it that it is one: also one of clone(2) or _Fork(3),
  // for which no fork waited. REQUIRES: the caller is inside.
  static uint64_t forks();

  // The number of this process, mostly without a system call. A child of
  // vfork(2), whose memory is its parent's, may get that of its parent.
  static pid_t process();
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_FORK_GATE_H_
