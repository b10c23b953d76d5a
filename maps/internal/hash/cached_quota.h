// SPDX-License-Identifier: Apache-2.0

// CachedQuota: how many more elements a table may get.
//
// Each insert takes a permit and each erase returns one, so max_entries is
// exact. Permits are in one place, the reserve; but a thread that has a number
// (ThreadNumber() of the profile) may keep some for itself, in its cache, and
// then touches nothing that other threads touch.
//
//   reserve_ | cache of thread 0 | cache of thread 1 | ...
//   permits in all of them + elements == max_entries
//
// A cache has no lock. Its thread touches it while it holds the lock of a shard
// of the table, and only if caches were enabled when it looked under that lock.
// When the reserve is spent, Drain()
//   1. disables the caches,
//   2. waits until every shard was unlocked once, so that no thread still uses
//      one, and
//   3. empties them into the reserve.
// They stay disabled until the reserve has permits for all threads that had
// some in their caches: with fewer, the next drain would soon follow, and each
// one touches every shard.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_HASH_CACHED_QUOTA_H_
#define BPFMAP_MAPS_INTERNAL_HASH_CACHED_QUOTA_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class CachedQuota {
 public:
  CachedQuota() = default;
  CachedQuota(const CachedQuota&) = delete;
  CachedQuota& operator=(const CachedQuota&) = delete;

  // Bytes of the block that Init() is given.
  static constexpr uint64_t MemoryNeeded(uint32_t max_entries) {
    return BatchFor(max_entries) == 0 ? 0 : kThreads * sizeof(Cache);
  }

  // `block` is zeroed and must outlive the permits.
  void Init(std::byte* block, uint32_t max_entries) {
    caches_ = reinterpret_cast<Cache*>(block);
    batch_ = BatchFor(max_entries);
    least_plenty_ = max_entries / 16;
    most_plenty_ = max_entries / 2;
    may_cache_.store(batch_ > 0, std::memory_order_relaxed);
    WriterLock lock(reserve_lock_);
    reserve_ = max_entries;
    plenty_ = least_plenty_;
    drained_ = batch_ == 0;
  }

  // Takes a permit. Returns false if it finds none: others may have some.
  // REQUIRES: the thread holds the lock of a shard.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Acquire() {
    Cache* const own = OwnCache();
    if (own != nullptr && own->permits > 0) [[likely]] {
      --own->permits;
      return true;
    }
    return AcquireFromReserve(own);
  }

  // Gives one back. REQUIRES: as Acquire().
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Release() {
    Cache* const own = OwnCache();
    if (own != nullptr && own->permits < kMostBatches * batch_) [[likely]] {
      ++own->permits;
      return;
    }
    ReleaseToReserve(own);
  }

  // Brings all permits to the reserve and calls use(reserve), which may change
  // it. `wait_for_shards()` waits until every shard was
  // unlocked once. REQUIRES: the thread holds no lock of a shard.
  template <typename WaitForShards, typename Use>
  void Drain(WaitForShards wait_for_shards, Use use) {
    WriterLock one_at_a_time(drain_lock_);
    reserve_lock_.Lock();
    if (!drained_) {
      // Relaxed: a thread that locks a shard after wait_for_shards() sees it.
      may_cache_.store(false, std::memory_order_relaxed);
      reserve_lock_.Unlock();
      wait_for_shards();
      reserve_lock_.Lock();
      EmptyCaches();
    }
    use(reserve_);
    reserve_lock_.Unlock();
  }

  // Whether there is no permit anywhere.
  bool IsExhausted() {
    WriterLock lock(reserve_lock_);
    return drained_ && reserve_ == 0;
  }

 private:
  struct alignas(P::kCacheLineSize) Cache {
    uint32_t permits;
  };

  static constexpr uint32_t kThreads = ThreadNumbersOf<P>();
  // A thread comes to the reserve once in so many times, or less often.
  static constexpr uint32_t kMaxBatch = 32;
  static constexpr uint32_t kMostBatches = 2;  // in a cache
  // In the caches of a small table not much would be left for other threads.
  static constexpr uint32_t BatchFor(uint32_t max_entries) {
    return kThreads == 0 ? 0 : std::min(max_entries / 32, kMaxBatch);
  }

  void EmptyCaches() ABSL_EXCLUSIVE_LOCKS_REQUIRED(reserve_lock_) {
    uint32_t threads = 1;  // the one that found none
    for (uint32_t i = 0; i < kThreads; ++i) {
      threads += caches_[i].permits != 0;
      reserve_ += caches_[i].permits;
      caches_[i].permits = 0;
    }
    plenty_ = std::clamp(threads * kMostBatches * batch_, least_plenty_,
                         most_plenty_);
    drained_ = true;
  }

  // Null if the thread must not have one.
  ABSL_ATTRIBUTE_ALWAYS_INLINE Cache* OwnCache() const {
    // Acquire pairs with the release in ReleaseToReserve(): the cache was
    // emptied.
    if (!may_cache_.load(std::memory_order_acquire)) return nullptr;
    if constexpr (kThreads == 0) {
      return nullptr;
    } else {
      const int number = P::ThreadNumber();
      return number < 0 ? nullptr : &caches_[number];
    }
  }

  ABSL_ATTRIBUTE_NOINLINE bool AcquireFromReserve(Cache* own) {
    WriterLock lock(reserve_lock_);
    if (reserve_ == 0) return false;
    --reserve_;
    if (own != nullptr) {
      own->permits = std::min(reserve_, batch_);
      reserve_ -= own->permits;
    }
    return true;
  }

  ABSL_ATTRIBUTE_NOINLINE void ReleaseToReserve(Cache* own) {
    WriterLock lock(reserve_lock_);
    ++reserve_;
    if (own != nullptr) {
      own->permits -= batch_;
      reserve_ += batch_;
    }
    if (drained_ && batch_ > 0 && reserve_ > plenty_) {
      drained_ = false;
      may_cache_.store(true, std::memory_order_release);
    }
  }

  // Constant once there are elements.
  Cache* caches_ = nullptr;
  uint32_t batch_ = 0;
  uint32_t least_plenty_ = 0;
  uint32_t most_plenty_ = 0;
  std::atomic<bool> may_cache_{false};

  typename P::Mutex drain_lock_;  // taken before that of a shard
  // On a line of its own: the members above are read all the time. Taken after
  // the lock of a shard.
  alignas(P::kCacheLineSize) typename P::Mutex reserve_lock_;
  uint32_t reserve_ ABSL_GUARDED_BY(reserve_lock_) = 0;
  // Whether the caches are empty and stay so, until there is more than plenty.
  bool drained_ ABSL_GUARDED_BY(reserve_lock_) = true;
  uint32_t plenty_ ABSL_GUARDED_BY(reserve_lock_) = 0;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_HASH_CACHED_QUOTA_H_
