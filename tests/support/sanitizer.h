// SPDX-License-Identifier: Apache-2.0

// The sanitizer that watches. Under any, long random tests do less; tests that
// look for faults of threads do more under the one that sees them.

#ifndef BPFMAP_TESTS_SUPPORT_SANITIZER_H_
#define BPFMAP_TESTS_SUPPORT_SANITIZER_H_

#include "absl/base/config.h"

namespace bpfmap {

#ifdef ABSL_HAVE_THREAD_SANITIZER
inline constexpr bool kThreadSanitized = true;
#else
inline constexpr bool kThreadSanitized = false;
#endif

#ifdef ABSL_HAVE_ADDRESS_SANITIZER
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = kThreadSanitized;
#endif

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_SANITIZER_H_
