// SPDX-License-Identifier: Apache-2.0

// BasicMutex: a lock that one thread has at a time, for a few instructions.
//
// One word, taken by an exchange and released by a store. A thread that finds
// it taken only reads it until it is free, so that the holder mostly keeps the
// cache line. Where sections are as short as a push to a queue, this is worth
// more than order: a thread takes the lock several times in a row instead of
// sending the line to another core and back each time, the more often the more
// rarely others look. So no order is promised among waiting threads.
//
// `Backoff` is what a thread does between two spins, as for BasicRwLock.
//
// Not recursive. Built on std::atomic alone, which ThreadSanitizer follows.

#ifndef BPFMAP_PROFILES_MUTEX_H_
#define BPFMAP_PROFILES_MUTEX_H_

#include <atomic>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"

namespace bpfmap {

template <typename Backoff>
class ABSL_LOCKABLE BasicMutex {
 public:
  constexpr BasicMutex() = default;
  BasicMutex(const BasicMutex&) = delete;
  BasicMutex& operator=(const BasicMutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (!TryTake()) LockSlow();
  }

  // Returns false where another thread has it.
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return TryTake(); }

  void Unlock() ABSL_UNLOCK_FUNCTION() {
    // Release pairs with the acquire of whoever takes it next.
    taken_.store(0, std::memory_order_release);
  }

 private:
  bool TryTake() { return taken_.exchange(1, std::memory_order_acquire) == 0; }

  ABSL_ATTRIBUTE_NOINLINE void LockSlow() {
    Backoff backoff;
    do {
      backoff.Pause();
    } while (taken_.load(std::memory_order_relaxed) != 0 || !TryTake());
  }

  std::atomic<uint32_t> taken_{0};
};

// The same in the lowest bit of a word, the rest of which is the holder's: it
// may store to the word, and a waiting thread changes that bit alone.
template <typename Backoff>
struct BasicBitLock {
  static void Lock(uint64_t* word) {
    if (!TryTake(word)) LockSlow(word);
  }
  // Takes it if no thread has it and the word is `expected`; and sets the bits
  // `also`.
  static bool TryLock(uint64_t* word, uint64_t expected, uint64_t also) {
    return (expected & kTaken) == 0 &&
           __atomic_compare_exchange_n(word, &expected,
                                       expected | kTaken | also, /*weak=*/false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
  }
  static void Unlock(uint64_t* word) {
    // Release pairs with the acquire of whoever takes it next.
    __atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) & ~kTaken,
                     __ATOMIC_RELEASE);
  }

 private:
  static constexpr uint64_t kTaken = 1;

  static bool TryTake(uint64_t* word) {
    return (__atomic_fetch_or(word, kTaken, __ATOMIC_ACQUIRE) & kTaken) == 0;
  }

  ABSL_ATTRIBUTE_NOINLINE static void LockSlow(uint64_t* word) {
    Backoff backoff;
    do {
      backoff.Pause();
    } while ((__atomic_load_n(word, __ATOMIC_RELAXED) & kTaken) != 0 ||
             !TryTake(word));
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_MUTEX_H_
