// SPDX-License-Identifier: Apache-2.0

// BasicRwLock: a reader-writer lock, and its scoped guards.
//
// Readers share it, a writer has it alone. Neither side starves:
//   - A writer that has to wait sets kWriterWaits after a few spins, which
//     stops new readers; so it waits for the readers inside, and no longer.
//   - A reader that finds a writer inside sets kReaderWaits, which stops the
//     next writer until one waiting reader went in; so readers get a turn after
//     every writer, however many writers queue.
// A reader sets kReaderWaits only because of a writer that it saw inside, so
// readers that wait for readers do not overtake a waiting writer again and
// again. Among readers, and among writers, no order is promised.
//
//   inside_    readers inside * 2 | 1 if a writer is inside
//   waiting_   kWriterWaits | kReaderWaits
//
// Owners and waiters are kept in separate words, so that a writer, which alone
// may change the first word while it is inside, can unlock with a plain store:
// an atomic read-modify-write costs as much as all else in a short section.
//
// `Backoff` is what a thread does between two spins: the profile knows whether
// there is an operating system to yield to.
//
// Not recursive. Built on std::atomic alone, which ThreadSanitizer follows.

#ifndef BPFMAP_PROFILES_READER_WRITER_LOCK_H_
#define BPFMAP_PROFILES_READER_WRITER_LOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"

namespace bpfmap {

template <typename Backoff>
class ABSL_LOCKABLE BasicRwLock {
 public:
  // How often a writer looks before it announces that it waits. Sections are
  // short, and a look does not take the line away from the owner.
  static constexpr int kSpins = 16;

  constexpr BasicRwLock() = default;
  BasicRwLock(const BasicRwLock&) = delete;
  BasicRwLock& operator=(const BasicRwLock&) = delete;

  ABSL_ATTRIBUTE_ALWAYS_INLINE void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    // Enters first and asks later: a look at a line that another core changed
    // fetches it once, and the change of it a second time.
    if (!TryEnterAlone()) [[unlikely]] {
      LockSlow();
    } else if (ReaderWaits()) [[unlikely]] {
      Unlock();
      LockSlow();
    }
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE void Unlock() ABSL_UNLOCK_FUNCTION() {
    // Release pairs with the acquire of whoever comes in next.
    inside_.store(0, std::memory_order_release);
  }

  void ReaderLock() ABSL_SHARED_LOCK_FUNCTION() {
    if (waiting_.load(std::memory_order_relaxed) != 0 || !TryEnterShared()) {
      ReaderLockSlow();
    }
  }

  void ReaderUnlock() ABSL_UNLOCK_FUNCTION() {
    // Release: a later writer's stores come after this reader's loads.
    inside_.fetch_sub(kOneReader, std::memory_order_release);
  }

 private:
  // inside_: a writer, or readers, counted.
  static constexpr uint32_t kWriter = 1;
  static constexpr uint32_t kOneReader = 2;
  // waiting_: hints to those who would come in next. They stand in for no lock,
  // so relaxed accesses will do.
  static constexpr uint32_t kWriterWaits = 1;  // stops readers
  static constexpr uint32_t kReaderWaits = 2;  // stops writers

  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryEnterAlone() {
    uint32_t nobody = 0;
    return inside_.compare_exchange_strong(
        nobody, kWriter, std::memory_order_acquire, std::memory_order_relaxed);
  }

  bool TryEnterShared() {
    uint32_t inside = inside_.load(std::memory_order_relaxed);
    while ((inside & kWriter) == 0) {
      if (inside_.compare_exchange_weak(inside, inside + kOneReader,
                                        std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE bool ReaderWaits() const {
    return (waiting_.load(std::memory_order_relaxed) & kReaderWaits) != 0;
  }

  void Announce(uint32_t who) {
    if ((waiting_.load(std::memory_order_relaxed) & who) == 0) {
      waiting_.fetch_or(who, std::memory_order_relaxed);
    }
  }
  // Others of the kind who still wait announce themselves again.
  void Withdraw(uint32_t who) {
    if ((waiting_.load(std::memory_order_relaxed) & who) != 0) {
      waiting_.fetch_and(~who, std::memory_order_relaxed);
    }
  }

  ABSL_ATTRIBUTE_NOINLINE void LockSlow() {
    int spins = 0;
    for (Backoff backoff;; backoff.Pause()) {
      if (inside_.load(std::memory_order_relaxed) == 0 && !ReaderWaits() &&
          TryEnterAlone()) {
        break;
      }
      if (++spins > kSpins) Announce(kWriterWaits);
    }
    Withdraw(kWriterWaits);
  }

  ABSL_ATTRIBUTE_NOINLINE void ReaderLockSlow() {
    for (Backoff backoff;; backoff.Pause()) {
      const uint32_t waiting = waiting_.load(std::memory_order_relaxed);
      const bool our_turn = (waiting & kReaderWaits) != 0;
      if ((our_turn || (waiting & kWriterWaits) == 0) && TryEnterShared()) {
        break;
      }
      if ((inside_.load(std::memory_order_relaxed) & kWriter) != 0) {
        Announce(kReaderWaits);
      }
    }
    Withdraw(kReaderWaits);
  }

  std::atomic<uint32_t> inside_{0};
  std::atomic<uint32_t> waiting_{0};
};

// Says to a guard that the thread holds the lock already.
struct AdoptLock {};

// Holds a lock, or anything with Lock and Unlock, as its writer.
template <typename L>
class ABSL_SCOPED_LOCKABLE WriterLock {
 public:
  ABSL_ATTRIBUTE_ALWAYS_INLINE explicit WriterLock(L& lock)
      ABSL_EXCLUSIVE_LOCK_FUNCTION(lock)
      : lock_(lock) {
    lock_.Lock();
  }
  WriterLock(L& lock, AdoptLock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock)
      : lock_(lock) {}
  ABSL_ATTRIBUTE_ALWAYS_INLINE ~WriterLock() ABSL_UNLOCK_FUNCTION() {
    lock_.Unlock();
  }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  L& lock_;
};

// Holds a lock as one of its readers.
template <typename L>
class ABSL_SCOPED_LOCKABLE ReaderLock {
 public:
  explicit ReaderLock(L& lock) ABSL_SHARED_LOCK_FUNCTION(lock) : lock_(lock) {
    lock_.ReaderLock();
  }
  ~ReaderLock() ABSL_UNLOCK_FUNCTION() { lock_.ReaderUnlock(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  L& lock_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_READER_WRITER_LOCK_H_
