// SPDX-License-Identifier: Apache-2.0

// Task 0 is the caller of RunTasks(), which runs if no other one can. Tasks
// have stacks of their own, and interrupt handlers one for all. A switch is the
// lowest interrupt, PendSV: so it never comes between a handler and its end.

#include "tests/embedded/machine/tiny_kernel.h"

#include <cstdint>
#include <iterator>

#include "bpfmap/profiles/platform/cortex_m.h"
#include "tests/embedded/machine/machine.h"

namespace bpfmap::machine {
namespace {

using Interrupts = platform::CortexMInterrupts;

struct Task {
  uint32_t* stack;  // where its registers are, while it does not run
  const TaskEvent* sleeps_for;  // null: it can run
  TaskEvent::Deadline deadline;
  bool ended;
};

constexpr uint32_t kMaxTasks = 4;

// Everything here changes with interrupts masked, or in a handler.
constinit Task tasks[kMaxTasks] = {};
constinit uint32_t task_count = 1;
constinit uint32_t current = 0;
constinit uint32_t volatile timer_count = 0;
constinit uint32_t volatile sleep_count = 0;
constinit void (*on_timer)() = nullptr;
constinit uint64_t handler_stack[96] = {};

bool CanRun(const Task& task) {
  return !task.ended && task.sleeps_for == nullptr;
}

[[noreturn]] void EndTask() {
  {
    const auto before = Interrupts::Mask();
    tasks[current].ended = true;
    Interrupts::Restore(before);
  }
  while (true) YieldTask();
}

void OnTick() {
  const uint32_t now = timer_count + 1;
  timer_count = now;
  for (Task& task : tasks) {
    if (task.deadline <= now) task.sleeps_for = nullptr;
  }
  on_timer();
  YieldTask();
}

bool AllEnded() {
  for (uint32_t i = 1; i < task_count; ++i) {
    if (!tasks[i].ended) return false;
  }
  return true;
}

}  // namespace

extern "C" {

// Of PendSV: notes where the registers of the current task are, and returns
// where those of the next one are.
uint32_t* SwitchTask(uint32_t* stack) {
  const auto before = Interrupts::Mask();
  tasks[current].stack = stack;
  uint32_t next = 0;
  for (uint32_t i = 1; i < task_count && next == 0; ++i) {
    const uint32_t candidate = 1 + (current + i - 1) % (task_count - 1);
    if (CanRun(tasks[candidate])) next = candidate;
  }
  current = next;
  uint32_t* const next_stack = tasks[current].stack;
  Interrupts::Restore(before);
  return next_stack;
}

// The processor has saved r0 to r3, r12, lr, pc and the flags.
[[gnu::naked]] void PendSV() {
  asm volatile(
      ".syntax unified\n\t"
      "mrs r0, psp\n\t"
      "subs r0, #32\n\t"
      "stmia r0!, {r4-r7}\n\t"
      "mov r4, r8\n\t"
      "mov r5, r9\n\t"
      "mov r6, r10\n\t"
      "mov r7, r11\n\t"
      "stmia r0!, {r4-r7}\n\t"
      "subs r0, #32\n\t"
      "mov r4, lr\n\t"
      "bl SwitchTask\n\t"
      "mov lr, r4\n\t"
      "adds r0, #16\n\t"
      "ldmia r0!, {r4-r7}\n\t"
      "mov r8, r4\n\t"
      "mov r9, r5\n\t"
      "mov r10, r6\n\t"
      "mov r11, r7\n\t"
      "subs r0, #32\n\t"
      "ldmia r0!, {r4-r7}\n\t"
      "adds r0, #16\n\t"
      "msr psp, r0\n\t"
      "bx lr\n\t");
}

}  // extern "C"

void AddTask(void (*function)(), uint64_t* stack_end) {
  // r4 to r11, r0 to r3, r12, lr, pc, flags: of code for Thumb.
  uint32_t* const registers = reinterpret_cast<uint32_t*>(stack_end) - 16;
  registers[13] = reinterpret_cast<uintptr_t>(&EndTask);
  registers[14] = reinterpret_cast<uintptr_t>(function) & ~uintptr_t{1};
  registers[15] = 0x01000000;
  tasks[task_count++] = {
      .stack = registers, .sleeps_for = nullptr, .deadline = 0, .ended = false};
}

void RunTasks(uint32_t ticks, void (*handler)()) {
  on_timer = handler;
  SetPendSvPriority();
  // From now on the caller is a task, on the stack that it has already.
  asm volatile(
      "mrs r0, msp\n\t"
      "msr psp, r0\n\t"
      "movs r1, #2\n\t"
      "msr control, r1\n\t"
      "isb\n\t"
      "msr msp, %0\n\t"
      :
      : "r"(handler_stack + std::size(handler_stack))
      : "r0", "r1", "memory");
  SetTimerInterrupt(ticks, OnTick);
  while (!AllEnded()) YieldTask();
  SetTimerInterrupt(0, nullptr);
  asm volatile(
      "mrs r0, psp\n\t"
      "msr msp, r0\n\t"
      "movs r1, #0\n\t"
      "msr control, r1\n\t"
      "isb\n\t"
      :
      :
      : "r0", "r1", "memory");
}

void YieldTask() { PendSwitch(); }

uint32_t TimerCount() { return timer_count; }
uint32_t SleepCount() { return sleep_count; }

void TaskEvent::Set() {
  const auto before = Interrupts::Mask();
  set_.store(true, std::memory_order_release);
  for (Task& task : tasks) {
    if (task.sleeps_for == this) task.sleeps_for = nullptr;
  }
  Interrupts::Restore(before);
}

bool TaskEvent::WaitUntil(Deadline deadline) {
  while (true) {
    const auto before = Interrupts::Mask();
    const bool set = is_set();
    const bool late = timer_count >= deadline;
    if (!set && !late) {
      tasks[current].deadline = deadline;
      tasks[current].sleeps_for = this;
      sleep_count = sleep_count + 1;
    }
    Interrupts::Restore(before);
    if (set || late) return set;
    YieldTask();
  }
}

}  // namespace bpfmap::machine
