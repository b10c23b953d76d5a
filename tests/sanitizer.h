// Whether a sanitizer watches, under which long random tests do less.

#ifndef BPFMAP_TESTS_SANITIZER_H_
#define BPFMAP_TESTS_SANITIZER_H_

namespace bpfmap {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SANITIZER_H_
