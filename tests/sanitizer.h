// Which sanitizer watches. Under any, long random tests do less; what looks for
// races of the threads of one process does more under ThreadSanitizer.

#ifndef BPFMAP_TESTS_SANITIZER_H_
#define BPFMAP_TESTS_SANITIZER_H_

namespace bpfmap {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitized = true;
#else
inline constexpr bool kThreadSanitized = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = kThreadSanitized;
#endif

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SANITIZER_H_
