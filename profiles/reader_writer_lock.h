// BasicRwLock: a reader-writer lock in one 32-bit word, and its scoped guards.
//
// Readers share it, a writer has it alone. Neither side starves:
//   - A writer that has to wait sets kWriterWaits, which stops new readers; so
//     it waits for the readers inside, and no longer.
//   - A reader that finds a writer inside sets kReaderWaits, which stops the
//     next writer until one waiting reader went in; so readers get a turn
//     after every writer, however many writers queue.
// kReaderWaits is only ever set while a writer is inside, so that readers who
// wait for readers do not overtake a waiting writer again and again. Among
// readers, and among writers, no order is promised.
//
// `Wait` says what a thread does between two looks at the word: the profile
// knows whether there is an operating system to yield to.
//
// Not recursive. Built on std::atomic alone, which ThreadSanitizer follows.

#ifndef BPFMAP_PROFILES_READER_WRITER_LOCK_H_
#define BPFMAP_PROFILES_READER_WRITER_LOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"

namespace bpfmap {

template <typename Wait>
class ABSL_LOCKABLE BasicRwLock {
 public:
  constexpr BasicRwLock() = default;
  BasicRwLock(const BasicRwLock&) = delete;
  BasicRwLock& operator=(const BasicRwLock&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    uint32_t expected = 0;
    // Acquire pairs with the release in Unlock and ReaderUnlock.
    if (!word_.compare_exchange_weak(expected, kWriter,
                                     std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      LockSlow();
    }
  }

  void Unlock() ABSL_UNLOCK_FUNCTION() {
    // Waiting bits of others stay. Release pairs with every acquire below.
    word_.fetch_and(~kWriter, std::memory_order_release);
  }

  void ReaderLock() ABSL_SHARED_LOCK_FUNCTION() {
    uint32_t word = word_.load(std::memory_order_relaxed);
    if ((word & (kWriter | kWriterWaits | kReaderWaits)) != 0 ||
        !word_.compare_exchange_weak(word, word + kOneReader,
                                     std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      ReaderLockSlow();
    }
  }

  void ReaderUnlock() ABSL_UNLOCK_FUNCTION() {
    // Release: a later writer's stores come after this reader's loads.
    word_.fetch_sub(kOneReader, std::memory_order_release);
  }

 private:
  static constexpr uint32_t kWriter = 1;       // a writer is inside
  static constexpr uint32_t kWriterWaits = 2;  // stops readers
  static constexpr uint32_t kReaderWaits = 4;  // stops writers
  static constexpr uint32_t kOneReader = 8;    // readers inside, counted

  void LockSlow() {
    Wait wait;
    uint32_t word = word_.load(std::memory_order_relaxed);
    while (true) {
      if ((word & ~kWriterWaits) == 0) {
        // Other waiting writers set kWriterWaits again.
        if (word_.compare_exchange_weak(word, kWriter,
                                        std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
          return;
        }
        continue;
      }
      if ((word & kWriterWaits) == 0 &&
          !word_.compare_exchange_weak(word, word | kWriterWaits,
                                       std::memory_order_relaxed)) {
        continue;
      }
      wait.Once();
      word = word_.load(std::memory_order_relaxed);
    }
  }

  void ReaderLockSlow() {
    Wait wait;
    uint32_t word = word_.load(std::memory_order_relaxed);
    while (true) {
      const bool my_turn = (word & kReaderWaits) != 0;
      if ((word & kWriter) == 0 && (my_turn || (word & kWriterWaits) == 0)) {
        // Going in ends the readers' turn.
        if (word_.compare_exchange_weak(
                word, (word & ~kReaderWaits) + kOneReader,
                std::memory_order_acquire, std::memory_order_relaxed)) {
          return;
        }
        continue;
      }
      if ((word & kWriter) != 0 && !my_turn &&
          !word_.compare_exchange_weak(word, word | kReaderWaits,
                                       std::memory_order_relaxed)) {
        continue;
      }
      wait.Once();
      word = word_.load(std::memory_order_relaxed);
    }
  }

  std::atomic<uint32_t> word_{0};
};

// Holds a lock, or anything with Lock and Unlock, as its writer.
template <typename L>
class ABSL_SCOPED_LOCKABLE WriterLock {
 public:
  explicit WriterLock(L& lock) ABSL_EXCLUSIVE_LOCK_FUNCTION(lock)
      : lock_(lock) {
    lock_.Lock();
  }
  ~WriterLock() ABSL_UNLOCK_FUNCTION() { lock_.Unlock(); }
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
