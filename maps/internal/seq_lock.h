// SPDX-License-Identifier: Apache-2.0

// SeqLock: a reader-writer lock, and the version that optimistic readers check.
//
// Writers hold the lock. Readers usually do not: they read the version, read
// the data with atomic accesses (atomic_bytes.h), and validate the version. If
// it is still the same even number, no writer was inside and the data is whole;
// otherwise they try again, and after a few tries take the lock as readers. So
// a reader writes nothing that another core reads.
//
//   SeqLock& seq_lock = ...;
//   bool done = seq_lock.TryRead([&] { copy with LoadBytes; });   // no lock
//   ...
//   WriterLock lock(seq_lock);        // locks, and that is all
//   WriteSection write(seq_lock);     // from here on readers retry
//   StoreBytes(...);
//
// Memory order:
//
//   writer                               reader
//   version = odd                        before = version (acquire)
//   release fence                        loads of the data
//   stores to the data                   acquire fence
//   version = next even (release)        version == before, and even?
//
// A reader whose loads saw one of the stores sees, after its acquire fence, the
// odd version or a later one, and retries.

#ifndef BPFMAP_MAPS_INTERNAL_SEQ_LOCK_H_
#define BPFMAP_MAPS_INTERNAL_SEQ_LOCK_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class ABSL_LOCKABLE alignas(P::kCacheLineSize) SeqLock {
 public:
  SeqLock() = default;
  SeqLock(const SeqLock&) = delete;
  SeqLock& operator=(const SeqLock&) = delete;

  ABSL_ATTRIBUTE_ALWAYS_INLINE void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if constexpr (kIsSmall<P>) {
      LockByCall();
    } else {
      lock_.Lock();
    }
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Unlock() ABSL_UNLOCK_FUNCTION() {
    lock_.Unlock();
  }
  void ReaderLock() ABSL_SHARED_LOCK_FUNCTION() { lock_.ReaderLock(); }
  void ReaderUnlock() ABSL_UNLOCK_FUNCTION() { lock_.ReaderUnlock(); }

  // Runs `read`, which may see anything, up to kTries times. Returns true once
  // no writer was inside while it ran.
  template <typename Read>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryRead(Read read) const {
    for (int i = 0; i < kTries; ++i) {
      // Acquire pairs with the release store in EndWrite.
      const uint32_t version = version_.load(std::memory_order_acquire);
      if (version % 2 != 0) continue;
      read(version);
      if (Validate(version)) return true;
    }
    return false;
  }

  // Whether no writer was inside since the version was `version`. For reads
  // that could otherwise go round in circles.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Validate(uint32_t version) const {
    // Pairs with the release fence in BeginWrite.
    std::atomic_thread_fence(std::memory_order_acquire);
    return version_.load(std::memory_order_relaxed) == version;
  }

  // The version, for a thread that holds the lock.
  uint32_t version() const ABSL_SHARED_LOCKS_REQUIRED(this) {
    return version_.load(std::memory_order_relaxed);
  }

  // A version that Validate() refuses while a writer is inside.
  uint32_t EvenVersion() const {
    return version_.load(std::memory_order_relaxed) & ~uint32_t{1};
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE void BeginWrite()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    version_.store(version_.load(std::memory_order_relaxed) + 1,
                   std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE void EndWrite()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    version_.store(version_.load(std::memory_order_relaxed) + 1,
                   std::memory_order_release);
  }

 private:
  static constexpr int kTries = 8;

  // The one copy of a small machine.
  ABSL_ATTRIBUTE_NOINLINE void LockByCall() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    lock_.Lock();
  }

  typename P::Lock lock_;
  std::atomic<uint32_t> version_{0};  // odd while a writer changes something
};

// Turns readers of a seqlock away while it lives.
template <Profile P>
class WriteSection {
 public:
  ABSL_ATTRIBUTE_ALWAYS_INLINE explicit WriteSection(SeqLock<P>& seq_lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock)
      : seq_lock_(seq_lock) {
    seq_lock_.BeginWrite();
  }
  // The constructor required the lock, and outlives no guard of it.
  ABSL_ATTRIBUTE_ALWAYS_INLINE ~WriteSection() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    seq_lock_.EndWrite();
  }
  WriteSection(const WriteSection&) = delete;
  WriteSection& operator=(const WriteSection&) = delete;

 private:
  SeqLock<P>& seq_lock_;
};

// The seqlocks of one map: a power of two of them, at most P::kLockStripes.
// `S` is SeqLock<P>, or derives from it to keep more under the same lock.
template <Profile P, typename S = SeqLock<P>>
class StripedSeqLocks {
 public:
  StripedSeqLocks() = default;
  StripedSeqLocks(const StripedSeqLocks&) = delete;
  StripedSeqLocks& operator=(const StripedSeqLocks&) = delete;

  // How many seqlocks a map of `entries` elements (1 or more) has.
  static constexpr uint32_t CountFor(uint32_t entries) {
    return entries >= P::kLockStripes ? P::kLockStripes
                                      : std::bit_ceil(entries);
  }

  // Bytes of the block that Init() is given.
  static constexpr uint64_t MemoryNeeded(uint32_t entries) {
    return CountFor(entries) * sizeof(S);
  }

  // Makes the seqlocks in `block`, which must outlive them.
  void Init(std::byte* block, uint32_t entries) {
    const uint32_t count = CountFor(entries);
    seq_locks_ = reinterpret_cast<S*>(block);
    for (uint32_t i = 0; i < count; ++i) new (&seq_locks_[i]) S();
    count_ = count;
  }

  uint32_t count() const { return count_; }

  // SeqLock `i`. REQUIRES: i < count().
  ABSL_ATTRIBUTE_ALWAYS_INLINE S& At(uint64_t i) const {
    BPFMAP_DCHECK(P, i < count_);
    return seq_locks_[i];
  }

  // The seqlock of anything numbered `number`.
  S& Of(uint64_t number) const {
    BPFMAP_DCHECK(P, count_ != 0);
    return seq_locks_[number & (count_ - 1)];
  }

  // Runs `change` while no other thread holds any seqlock's lock. A loop over
  // locks is beyond the thread-safety analysis.
  template <typename Change>
  void WithAllLocked(Change change) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if constexpr (P::kLockStripes == 1) {
      WriterLock lock(At(0));
      return change();
    }
    for (uint32_t i = 0; i < count(); ++i) seq_locks_[i].Lock();
    change();
    for (uint32_t i = count(); i-- > 0;) seq_locks_[i].Unlock();
  }

  // As WithAllLocked, and turns readers away as well.
  template <typename Change>
  void WithAllWritten(Change change) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    WithAllLocked([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      for (uint32_t i = 0; i < count(); ++i) seq_locks_[i].BeginWrite();
      change();
      for (uint32_t i = 0; i < count(); ++i) seq_locks_[i].EndWrite();
    });
  }

 private:
  static_assert(std::has_single_bit(P::kLockStripes));
  static_assert(std::is_trivially_destructible_v<S>, "they are only forgotten");

  S* seq_locks_ = nullptr;
  uint32_t count_ = 0;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_SEQ_LOCK_H_
