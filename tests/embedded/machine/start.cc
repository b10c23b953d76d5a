// SPDX-License-Identifier: Apache-2.0

// From reset to main() on a Cortex-M, and machine.h.

#include <cstdint>

#include "tests/embedded/machine/machine.h"

extern "C" {

// Of link.ld.
extern uint32_t data_in_flash[], data_start[], data_end[];
extern uint32_t bss_start[], bss_end[], stack_end[];

int main();

void* __dso_handle;
void __cxa_pure_virtual() {
  bpfmap::machine::Print("a pure virtual function was called\n");
  bpfmap::machine::End(98);
}

}  // extern "C"

namespace bpfmap::machine {
namespace {

constexpr int kWrite0 = 0x04;
constexpr int kExitExtended = 0x20;

void Semihost(int operation, const void* argument) {
  register int r0 asm("r0") = operation;
  register const void* r1 asm("r1") = argument;
  asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

volatile uint32_t& Register(uintptr_t address) {
  return *reinterpret_cast<volatile uint32_t*>(address);
}
constexpr uintptr_t kSysTickControl = 0xe000e010;
constexpr uintptr_t kSysTickReload = 0xe000e014;
constexpr uintptr_t kSysTickValue = 0xe000e018;
constexpr uintptr_t kInterruptControl = 0xe000ed04;
constexpr uintptr_t kPendSvPriority = 0xe000ed20;
constexpr uint32_t kEnabled = 1, kInterrupts = 2, kCoreClock = 4;

void (*timer_handler)() = nullptr;

}  // namespace

void Print(const char* text) { Semihost(kWrite0, text); }

void PrintNumber(const char* text, uint32_t number) {
  char digits[12];
  char* at = digits + sizeof digits;
  *--at = 0;
  *--at = '\n';
  do {
    *--at = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  Print(text);
  Print(" ");
  Print(at);
}

void End(int status) {
  const uint32_t block[2] = {0x20026, static_cast<uint32_t>(status)};
  Semihost(kExitExtended, block);
  while (true) {
  }
}

void StartTimer() {
  Register(kSysTickReload) = 0xffffff;
  Register(kSysTickValue) = 0;
  Register(kSysTickControl) = kEnabled | kCoreClock;
}

uint32_t Ticks() { return Register(kSysTickValue); }

void SetTimerInterrupt(uint32_t ticks, void (*handler)()) {
  Register(kSysTickControl) = 0;
  if (ticks == 0) return;
  timer_handler = handler;
  Register(kSysTickReload) = ticks - 1;
  Register(kSysTickValue) = 0;
  Register(kSysTickControl) = kEnabled | kInterrupts | kCoreClock;
}

void PendSwitch() {
  Register(kInterruptControl) = 1U << 28;
  asm volatile("dsb\n\tisb" : : : "memory");
}

void SetPendSvPriority() { Register(kPendSvPriority) |= 0xff0000; }

}  // namespace bpfmap::machine

extern "C" {

[[noreturn]] void Reset() {
  const uint32_t* from = data_in_flash;
  for (uint32_t* to = data_start; to != data_end;) *to++ = *from++;
  for (uint32_t* to = bss_start; to != bss_end;) *to++ = 0;
  bpfmap::machine::End(main());
}

[[noreturn]] void Fault() {
  bpfmap::machine::Print("a fault\n");
  bpfmap::machine::End(99);
}

void SysTick() { bpfmap::machine::timer_handler(); }

// Of tiny_kernel.cc, where a program has it.
[[gnu::weak]] void PendSV() { Fault(); }

}  // extern "C"

__attribute__((section(".vectors"), used)) void (*const vectors[])() = {
    reinterpret_cast<void (*)()>(stack_end),
    Reset,
    Fault,  // NMI
    Fault,
    Fault,
    Fault,
    Fault,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    Fault,  // SVCall
    Fault,
    nullptr,
    PendSV,
    SysTick,
};
