// Which sanitizer watches. Under any, long random tests do less; what looks for
// faults of memory or of threads does more under the one that sees them.

#ifndef BPFMAP_TESTS_SANITIZER_H_
#define BPFMAP_TESTS_SANITIZER_H_

namespace bpfmap {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitized = true;
#else
inline constexpr bool kAddressSanitized = false;
#endif

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitized = true;
#else
inline constexpr bool kThreadSanitized = false;
#endif

inline constexpr bool kSanitized = kAddressSanitized || kThreadSanitized;

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SANITIZER_H_
