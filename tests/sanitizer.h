// Whether a sanitizer watches, under which long random tests do less.

#ifndef BPFMAP_TESTS_SANITIZER_H_
#define BPFMAP_TESTS_SANITIZER_H_

#include "absl/base/config.h"

namespace bpfmap {

#if defined(ABSL_HAVE_ADDRESS_SANITIZER) || defined(ABSL_HAVE_THREAD_SANITIZER)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SANITIZER_H_
