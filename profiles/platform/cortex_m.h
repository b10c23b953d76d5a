// SPDX-License-Identifier: Apache-2.0

// Interrupts of a Cortex-M, for interrupt_lock.h: by PRIMASK, which stops all
// but faults and the non-maskable one.

#ifndef BPFMAP_PROFILES_PLATFORM_CORTEX_M_H_
#define BPFMAP_PROFILES_PLATFORM_CORTEX_M_H_

#include <cstdint>

namespace bpfmap::platform {

struct CortexMInterrupts {
  static uint32_t Mask() {
    uint32_t before;
    asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(before) : : "memory");
    return before;
  }
  static void Restore(uint32_t before) {
    asm volatile("msr primask, %0" : : "r"(before) : "memory");
  }
};

}  // namespace bpfmap::platform

#endif  // BPFMAP_PROFILES_PLATFORM_CORTEX_M_H_
