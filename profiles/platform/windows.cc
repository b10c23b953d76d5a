// SPDX-License-Identifier: Apache-2.0

// Needs Windows 7. Nothing here is thread_local: mingw frees such an object's
// memory before it calls the object's destructor.

#include "bpfmap/profiles/platform/platform.h"

#ifdef BPFMAP_PLATFORM_WINDOWS

#define _CRT_RAND_S  // rand_s() of <stdlib.h>
#include <stdlib.h>
#include <windows.h>

#include <cstddef>
#include <cstdint>

namespace bpfmap::platform {
namespace {

// The slot of ThreadWord(): Windows keeps its value until the thread is gone.
DWORD WordSlot() {
  static const DWORD slot = TlsAlloc();
  return slot;
}

// The slot whose value, once it is set, is given to a callback at a thread's
// end.
void CALLBACK AtThreadExit(void* call) {
  if (call != nullptr) reinterpret_cast<void (*)()>(call)();
}
DWORD ExitSlot() {
  static const DWORD slot = FlsAlloc(AtThreadExit);
  return slot;
}

}  // namespace

int ThreadWord() {
  return static_cast<int>(reinterpret_cast<intptr_t>(TlsGetValue(WordSlot())));
}

void SetThreadWord(int word) {
  TlsSetValue(WordSlot(), reinterpret_cast<void*>(intptr_t{word}));
}

void CallAtThreadExit(void (*call)()) {
  FlsSetValue(ExitSlot(), reinterpret_cast<void*>(call));
}

int CpuCount() {
  const DWORD active = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
  return active > 0 ? static_cast<int>(active) : 1;
}

void YieldThread() { SwitchToThread(); }

uint64_t RandomBits() {
  unsigned high = 0;
  unsigned low = 0;
  rand_s(&high);
  rand_s(&low);
  return (uint64_t{high} << 32) | low;
}

void* MapPages(std::size_t bytes) {
  return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

bool UnmapPages(void* pages) {
  MEMORY_BASIC_INFORMATION block;
  return VirtualQuery(pages, &block, sizeof block) != 0 &&
         block.AllocationBase == pages &&
         VirtualFree(pages, 0, MEM_RELEASE) != 0;
}

// Large pages need a privilege that few programs have.
void PreferHugePages(void*, std::size_t) {}

}  // namespace bpfmap::platform

#endif  // BPFMAP_PLATFORM_WINDOWS
