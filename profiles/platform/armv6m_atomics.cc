// SPDX-License-Identifier: Apache-2.0

// The atomic operations that ARMv6-M, as of a Cortex-M0, has no instructions
// for: the compiler calls these functions then, and newlib has none of them.
// With interrupts masked an operation is atomic on one core. Loads and stores
// need no function.
//
// Link this once per program, and not where the C library brings the same.

#if defined(__ARM_ARCH_6M__)

#include <cstdint>

#include "bpfmap/profiles/platform/cortex_m.h"

namespace {

using bpfmap::platform::CortexMInterrupts;

// Changes *word to change(its value) and returns what it was.
template <typename Word, typename Change>
Word Modify(volatile void* address, Change change) {
  volatile Word* const word = static_cast<volatile Word*>(address);
  const uint32_t interrupts = CortexMInterrupts::Mask();
  const Word before = *word;
  *word = static_cast<Word>(change(before));
  CortexMInterrupts::Restore(interrupts);
  return before;
}

template <typename Word>
bool CompareExchange(volatile void* address, void* expected, Word desired) {
  Word* const wanted = static_cast<Word*>(expected);
  const Word found = Modify<Word>(address, [&](Word before) {
    return before == *wanted ? desired : before;
  });
  if (found == *wanted) return true;
  *wanted = found;
  return false;
}

}  // namespace

#pragma GCC diagnostic ignored "-Wbuiltin-declaration-mismatch"

#define BPFMAP_ATOMICS_OF(size, Word)                                      \
  Word __atomic_exchange_##size(volatile void* at, Word value, int) {      \
    return Modify<Word>(at, [&](Word) { return value; });                  \
  }                                                                        \
  bool __atomic_compare_exchange_##size(volatile void* at, void* expected, \
                                        Word desired, bool, int, int) {    \
    return CompareExchange<Word>(at, expected, desired);                   \
  }                                                                        \
  Word __atomic_fetch_add_##size(volatile void* at, Word value, int) {     \
    return Modify<Word>(at, [&](Word before) { return before + value; });  \
  }                                                                        \
  Word __atomic_fetch_sub_##size(volatile void* at, Word value, int) {     \
    return Modify<Word>(at, [&](Word before) { return before - value; });  \
  }                                                                        \
  Word __atomic_fetch_and_##size(volatile void* at, Word value, int) {     \
    return Modify<Word>(at, [&](Word before) { return before & value; });  \
  }                                                                        \
  Word __atomic_fetch_or_##size(volatile void* at, Word value, int) {      \
    return Modify<Word>(at, [&](Word before) { return before | value; });  \
  }

extern "C" {

BPFMAP_ATOMICS_OF(1, uint8_t)
BPFMAP_ATOMICS_OF(2, uint16_t)
BPFMAP_ATOMICS_OF(4, unsigned)

}  // extern "C"

#endif  // __ARM_ARCH_6M__
