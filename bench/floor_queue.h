// SPDX-License-Identifier: Apache-2.0

// FloorQueue, FloorStack, FloorRing: those of the floor (floor.h).
//
// A push or a pop takes a lock with one atomic instruction, moves the bytes,
// and gives the lock back with a store. A record of a ring buffer takes one
// atomic instruction for its place, the bytes, and a store that says that it is
// complete.
//
// Thread-safe; a ring has one consumer, and checks for room as if one producer
// did so at a time.

#ifndef BPFMAP_BENCH_FLOOR_QUEUE_H_
#define BPFMAP_BENCH_FLOOR_QUEUE_H_

#include <atomic>
#include <cstdint>

#include "bench/floor_table.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {

template <typename ValueBytes, MapType kType>
class FloorPushPop {
 public:
  // REQUIRES: max_entries is a power of two.
  explicit FloorPushPop(uint32_t max_entries)
      : max_entries_(max_entries), values_(max_entries) {}

  bool Push(const void* value) {
    Lock();
    const bool has_room = end_ - begin_ < max_entries_;
    if (has_room) values_[end_++ & (max_entries_ - 1)].CopyIn(value);
    Unlock();
    return has_room;
  }

  bool Pop(void* value) {
    Lock();
    const bool has_value = begin_ != end_;
    if (has_value) {
      const uint32_t at = kType == MapType::kQueue ? begin_++ : --end_;
      values_[at & (max_entries_ - 1)].CopyOut(value);
    }
    Unlock();
    return has_value;
  }

 private:
  // Each look at the lock takes its cache line from the thread that has it, so
  // a thread that waits looks rarely.
  void Lock() {
    while (lock_.exchange(1, std::memory_order_acquire) != 0) {
      do {
        for (int turn = 0; turn < kTurnsBetweenLooks; ++turn) {
          std::atomic_signal_fence(std::memory_order_seq_cst);
        }
      } while (lock_.load(std::memory_order_relaxed) != 0);
    }
  }
  void Unlock() { lock_.store(0, std::memory_order_release); }

  static constexpr int kTurnsBetweenLooks = 512;  // some 200 ns

  const uint32_t max_entries_;
  FloorArray<ValueBytes> values_;
  alignas(64) std::atomic<uint32_t> lock_{0};
  // Guarded by lock_, and next to it. They count on, and wrap.
  uint32_t begin_ = 0;
  uint32_t end_ = 0;
};

// Records of 8 bytes.
class FloorRing {
 public:
  // REQUIRES: `bytes` is a power of two.
  explicit FloorRing(uint32_t bytes)
      : records_(bytes / sizeof(Record)), mask_(bytes / sizeof(Record) - 1) {}

  // Room for a record, or null.
  void* Reserve() {
    if (next_.load(std::memory_order_relaxed) -
            consumed_.load(std::memory_order_acquire) >
        mask_) {
      return nullptr;
    }
    const uint64_t at = next_.fetch_add(1, std::memory_order_relaxed);
    return &records_[at & mask_].bytes;
  }
  static void Submit(void* record) {
    // Reserve() gave the second word.
    std::atomic_ref(static_cast<uint64_t*>(record)[-1])
        .store(1, std::memory_order_release);
  }

  // Calls use(bytes) for each record, and returns their number.
  template <typename Use>
  uint64_t Consume(Use use) {
    uint64_t at = consumed_.load(std::memory_order_relaxed);
    const uint64_t begin = at;
    for (;; ++at) {
      Record& record = records_[at & mask_];
      std::atomic_ref is_complete(record.is_complete);
      if (is_complete.load(std::memory_order_acquire) == 0) break;
      use(record.bytes);
      is_complete.store(0, std::memory_order_relaxed);
      consumed_.store(at + 1, std::memory_order_release);
    }
    return at - begin;
  }

 private:
  struct Record {
    uint64_t is_complete;
    uint64_t bytes;
  };

  FloorArray<Record> records_;
  const uint64_t mask_;
  alignas(64) std::atomic<uint64_t> next_{0};
  alignas(64) std::atomic<uint64_t> consumed_{0};
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_FLOOR_QUEUE_H_
