// SPDX-License-Identifier: Apache-2.0

// StripedLock: a reader-writer lock whose readers do not share a cache line.
//
// For what every call reads and few change. A reader counts itself in a stripe
// that it shares with few threads, and looks whether a writer has closed the
// lock. A writer closes it, and waits until all stripes are empty:
//
//   reader                      writer
//   add 1 to its stripe         closed = true
//   closed? then wait           wait until each stripe is 0
//
// Each does the first before the second, in one order for all (seq_cst): so one
// of the two sees the other. Readers wait in queue_, which writers hold; so
// neither side starves, as with RwLock.
//
// Not recursive, but for readers while no writer waits. A reader unlocks in the
// thread that locked. 1 KiB.

#ifndef BPFMAP_SYSCALL_STRIPED_LOCK_H_
#define BPFMAP_SYSCALL_STRIPED_LOCK_H_

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/spin_then_yield.h"

namespace bpfmap {

class ABSL_LOCKABLE StripedLock {
 public:
  constexpr StripedLock() = default;
  StripedLock(const StripedLock&) = delete;
  StripedLock& operator=(const StripedLock&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    queue_.Lock();
    closed_.store(true, std::memory_order_seq_cst);
    for (Stripe& stripe : stripes_) {
      // Acquire: pairs with the release of ReaderUnlock().
      SpinThenYield backoff;
      while (stripe.readers.load(std::memory_order_seq_cst) != 0) {
        backoff.Pause();
      }
    }
  }

  void Unlock() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    // Release: pairs with the acquire of the reader that finds it open.
    closed_.store(false, std::memory_order_release);
    queue_.Unlock();
  }

  void ReaderLock() ABSL_SHARED_LOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    std::atomic<uint32_t>& readers = OwnStripe().readers;
    readers.fetch_add(1, std::memory_order_seq_cst);
    if (!closed_.load(std::memory_order_seq_cst)) return;
    readers.fetch_sub(1, std::memory_order_release);
    // No writer is inside while this is held, and the next one sees the count.
    queue_.ReaderLock();
    readers.fetch_add(1, std::memory_order_seq_cst);
    queue_.ReaderUnlock();
  }

  void ReaderUnlock() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    OwnStripe().readers.fetch_sub(1, std::memory_order_release);
  }

 private:
  static constexpr int kStripeBits = 4;
  struct alignas(64) Stripe {
    std::atomic<uint32_t> readers{0};
  };

  // Stays the same for a thread, at all times of its life.
  Stripe& OwnStripe() {
    constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15;
    const auto thread = static_cast<uint64_t>(pthread_self());
    return stripes_[(thread >> 6) * kGoldenRatio >> (64 - kStripeBits)];
  }

  Stripe stripes_[1 << kStripeBits];
  std::atomic<bool> closed_{false};
  RwLock queue_;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_STRIPED_LOCK_H_
