// SPDX-License-Identifier: Apache-2.0

// LoadUnaligned: a word from any address, in one instruction if the machine has
// one for it; otherwise in one if the address is aligned.

#ifndef BPFMAP_PROFILES_PLATFORM_UNALIGNED_H_
#define BPFMAP_PROFILES_PLATFORM_UNALIGNED_H_

#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"

namespace bpfmap::platform {

// A Cortex-M0 faults at an unaligned address, so that the compiler calls
// memcpy() for each word.
#if defined(__ARM_ARCH) && !defined(__ARM_FEATURE_UNALIGNED)
inline constexpr bool kLoadsUnaligned = false;
#else
inline constexpr bool kLoadsUnaligned = true;
#endif

template <typename Word>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline Word LoadUnaligned(const void* address) {
  Word word;
  if constexpr (!kLoadsUnaligned) {
    if (reinterpret_cast<uintptr_t>(address) % alignof(Word) == 0) {
      Word aligned;
      std::memcpy(&aligned, __builtin_assume_aligned(address, alignof(Word)),
                  sizeof aligned);
      return aligned;
    }
  }
  std::memcpy(&word, address, sizeof word);
  return word;
}

}  // namespace bpfmap::platform

#endif  // BPFMAP_PROFILES_PLATFORM_UNALIGNED_H_
