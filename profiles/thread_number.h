// SPDX-License-Identifier: Apache-2.0

// ThreadNumber: a small number that no other living thread has.
//
// For what a thread keeps for itself in a table with a row for each number. The
// first kThreadNumbers threads have one; a thread that ends hands its own on,
// and what it did to its row before happens before what the next one does.
//
// Thread-safe.

#ifndef BPFMAP_PROFILES_THREAD_NUMBER_H_
#define BPFMAP_PROFILES_THREAD_NUMBER_H_

#include "bpfmap/profiles/platform/platform.h"

namespace bpfmap {

inline constexpr int kThreadNumbers = 64;
inline constexpr int kNoThreadNumber = -1;

namespace internal {

// The value of platform::ThreadWord(): 0 until the number is asked for, then
// this more than the number.
inline constexpr int kThreadWordOfNumber0 = 2;
int FindThreadNumber();

}  // namespace internal

// The number of the calling thread, from 0 on: always the same, until the
// destructors of its thread_local objects run. kNoThreadNumber if it has none.
inline int ThreadNumber() {
  const int word = platform::ThreadWord();
  if (word != 0) return word - internal::kThreadWordOfNumber0;
  return internal::FindThreadNumber();
}

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_THREAD_NUMBER_H_
