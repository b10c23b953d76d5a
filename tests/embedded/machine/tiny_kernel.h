// SPDX-License-Identifier: Apache-2.0

// A real-time kernel of one page, as far as a test of maps needs one: tasks of
// equal rights on one Cortex-M core, which the timer takes turns with, at any
// instruction; and events to sleep for.
//
// kernel_profile.h is the profile of maps on it.

#ifndef BPFMAP_TESTS_EMBEDDED_MACHINE_TINY_KERNEL_H_
#define BPFMAP_TESTS_EMBEDDED_MACHINE_TINY_KERNEL_H_

#include <atomic>
#include <cstdint>

namespace bpfmap::machine {

// A task starts in `function`, and ends when that returns. Its stack grows down
// from `stack_end`, and is its own until RunTasks() returns.
// REQUIRES: no more than 3 tasks in a program.
void AddTask(void (*function)(), uint64_t* stack_end);

// Runs the tasks until all of them have ended. The timer comes every `ticks`
// ticks: it calls on_timer(), as an interrupt handler, and then it is the next
// task's turn.
void RunTasks(uint32_t ticks, void (*on_timer)());

// Lets the next task run.
void YieldTask();

// How often the timer has come, and how often a task went to sleep.
uint32_t TimerCount();
uint32_t SleepCount();

// A task sleeps until an event is set; see profiles/event.h. Set() may be
// called by an interrupt handler, WaitUntil() by tasks alone.
class TaskEvent {
 public:
  // A number of TimerCount().
  using Deadline = uint64_t;

  // The kernel's millisecond is one turn of the timer.
  static Deadline In(int timeout_ms) {
    return timeout_ms < 0 ? ~Deadline{0} : TimerCount() + Deadline(timeout_ms);
  }

  bool is_set() const { return set_.load(std::memory_order_relaxed); }
  void Set();
  void Clear() { set_.exchange(false, std::memory_order_acquire); }
  bool WaitUntil(Deadline deadline);

 private:
  std::atomic<bool> set_{false};
};

}  // namespace bpfmap::machine

#endif  // BPFMAP_TESTS_EMBEDDED_MACHINE_TINY_KERNEL_H_
