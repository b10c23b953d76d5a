// SPDX-License-Identifier: Apache-2.0

// Interleave: two calls at the same time, one of which stops at a lock to let
// the other one in. Interleavings that a stress test meets by chance are
// tried here one by one, the same in every run.
//
//   HashMap<Interleaved<>> map(def, &heap);
//   ForEachInterleaving([&] { ...; }, [&] { ...; }, [&] { ...; });
//
// The locks of the Interleaved profile are the points: what a thread does
// between two locks happens at once, as the other thread sees it. Reads that
// take no lock have no points.

#ifndef BPFMAP_TESTS_THREADS_INTERLEAVING_H_
#define BPFMAP_TESTS_THREADS_INTERLEAVING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/heap.h"
#include "bpfmap/profiles/profile.h"
#include "gtest/gtest.h"

namespace bpfmap {

// Called as `reach_lock(must_wait)`, if it is set, by a thread that comes to a
// lock.
inline thread_local std::function<void(bool must_wait)> reach_lock;

class ABSL_LOCKABLE ObservedLock {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (reach_lock) reach_lock(readers_ > 0 || writers_ > 0);
    lock_.Lock();
    ++writers_;
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    --writers_;
    lock_.Unlock();
  }
  void ReaderLock() ABSL_SHARED_LOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (reach_lock) reach_lock(writers_ > 0);
    lock_.ReaderLock();
    ++readers_;
  }
  void ReaderUnlock() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    --readers_;
    lock_.ReaderUnlock();
  }

 private:
  RwLock lock_;
  std::atomic<int> readers_{0};  // inside
  std::atomic<int> writers_{0};  // inside
};

struct ObservedBitLock {
  static void Lock(uint64_t* word) {
    if (reach_lock) reach_lock(__atomic_load_n(word, __ATOMIC_RELAXED) & 1);
    Cloud::BitLock::Lock(word);
  }
  static bool TryLock(uint64_t* word, uint64_t expected, uint64_t also) {
    if (reach_lock) reach_lock(/*must_wait=*/false);
    return Cloud::BitLock::TryLock(word, expected, also);
  }
  static void Unlock(uint64_t* word) { Cloud::BitLock::Unlock(word); }
};

// `kLazy` chooses between the tables that hash maps have.
template <bool kLazy = true>
struct Interleaved {
  static constexpr const char* kName = "interleaved";
  static constexpr bool kResizable = true;
  static constexpr bool kLazyMemory = kLazy;
  static constexpr uint32_t kLockStripes = 4;
  static constexpr std::size_t kCacheLineSize = 64;
  using Lock = ObservedLock;
  using Mutex = ObservedLock;
  using BitLock = ObservedBitLock;
  using Memory = Heap;
  static constexpr int kThreadNumbers = Cloud::kThreadNumbers;
  static int ThreadNumber() { return Cloud::ThreadNumber(); }
  static uint64_t RandomSeed() { return 1; }
};
static_assert(Profile<Interleaved<true>> && Profile<Interleaved<false>>);

// Runs `first` up to its lock number `point`, counted from 0, then `second` in
// another thread until it ends or must wait for `first`, then both to the end.
// Returns false if `first` takes fewer locks; `second` then came after it.
inline bool Interleave(int point, const std::function<void()>& first,
                       const std::function<void()>& second) {
  std::latch second_may_start(1), first_may_go_on(1);
  std::thread other([&] {
    second_may_start.wait();
    bool stopped = false;
    reach_lock = [&](bool must_wait) {
      if (must_wait && !stopped) first_may_go_on.count_down();
      stopped = stopped || must_wait;
    };
    second();
    reach_lock = nullptr;
    if (!stopped) first_may_go_on.count_down();
  });
  int locks = 0;
  reach_lock = [&](bool) {
    if (locks++ != point) return;
    second_may_start.count_down();
    first_may_go_on.wait();
  };
  first();
  reach_lock = nullptr;
  const bool reached = locks > point;
  if (!reached) second_may_start.count_down();
  other.join();
  return reached;
}

// Interleaves the two at every lock of `first`, one after the other. `fresh`
// runs before each time, `check` after it. Returns how many locks there were;
// it ends where something failed.
inline int ForEachInterleaving(const std::function<void()>& fresh,
                               const std::function<void()>& first,
                               const std::function<void()>& second,
                               const std::function<void()>& check) {
  int point = 0;
  for (bool reached = true; reached && !testing::Test::HasFailure(); ++point) {
    fresh();
    reached = Interleave(point, first, second);
    check();
  }
  return point - 1;
}

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_THREADS_INTERLEAVING_H_
