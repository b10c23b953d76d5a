// SPDX-License-Identifier: Apache-2.0

// The machine of tests that have no operating system: a way to print and to
// end, by semihosting, which qemu answers; and the timer of a Cortex-M.
//
// start.cc calls main() and ends the emulator with what it returns.

#ifndef BPFMAP_TESTS_EMBEDDED_MACHINE_MACHINE_H_
#define BPFMAP_TESTS_EMBEDDED_MACHINE_MACHINE_H_

#include <cstdint>

namespace bpfmap::machine {

void Print(const char* text);
// "text number\n"
void PrintNumber(const char* text, uint32_t number);
[[noreturn]] void End(int status);

// Counts what EXPECT() found wrong, for main() to return.
inline int failures = 0;

// The timer: counts down from 2^24 - 1 by one each 40 instructions, with
// qemu's -icount shift=0 and the board's 25 MHz.
inline constexpr uint32_t kInstructionsPerTick = 40;
void StartTimer();
uint32_t Ticks();
// Calls the handler after each `ticks` ticks, and no longer with 0.
void SetTimerInterrupt(uint32_t ticks, void (*handler)());

// The interrupt for task switches, PendSV, lower than all others: asks for it,
// and makes it the lowest.
void PendSwitch();
void SetPendSvPriority();

// How many instructions one of `count` repetitions of `work` takes.
template <typename Work>
uint32_t InstructionsOf(uint32_t count, Work work) {
  StartTimer();
  const uint32_t before = Ticks();
  for (uint32_t i = 0; i < count; ++i) work(i);
  return ((before - Ticks()) & 0xffffff) * kInstructionsPerTick / count;
}

// The main() of a test: makes the maps that `shared` points to from then on,
// runs `run`, and prints and returns how it went.
template <typename Maps>
int RunOnMaps(Maps*& shared, void (*run)()) {
  Maps maps;
  shared = &maps;
  if (maps.Init()) {
    run();
  } else {
    Print("the maps do not fit\n");
    ++failures;
  }
  Print(failures == 0 ? "PASSED\n" : "FAILED\n");
  return failures;
}

}  // namespace bpfmap::machine

#define EXPECT(condition)                                                 \
  do {                                                                    \
    if (!(condition)) {                                                   \
      ::bpfmap::machine::PrintNumber(__FILE__ ": " #condition " in line", \
                                     __LINE__);                           \
      ++::bpfmap::machine::failures;                                      \
    }                                                                     \
  } while (false)

#endif  // BPFMAP_TESTS_EMBEDDED_MACHINE_MACHINE_H_
