// ThreadNumber: a small number that no other living thread has.
//
// For what a thread keeps for itself in a table with a row for each number. The
// first kThreadNumbers threads have one; a thread that ends hands its own on,
// and what it did to its row before happens before what the next one does.
//
// Thread-safe.

#ifndef BPFMAP_PROFILES_THREAD_NUMBER_H_
#define BPFMAP_PROFILES_THREAD_NUMBER_H_

namespace bpfmap {

inline constexpr int kThreadNumbers = 64;
inline constexpr int kNoThreadNumber = -1;

namespace internal {

inline constexpr int kThreadNumberNotAskedFor = -2;
extern constinit thread_local int thread_number;
int FindThreadNumber();

}  // namespace internal

// The number of the calling thread, from 0 on: always the same, until the
// destructors of its thread_local objects run. kNoThreadNumber if it has none.
inline int ThreadNumber() {
  const int number = internal::thread_number;
  if (number != internal::kThreadNumberNotAskedFor) return number;
  return internal::FindThreadNumber();
}

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_THREAD_NUMBER_H_
