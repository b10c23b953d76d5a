// SPDX-License-Identifier: Apache-2.0

// Ring: records of different lengths, one after the other, from many producers
// to one consumer. The layout is that of Linux's ring buffer, to the byte.
//
//   consumer position        pending_            position_
//            v                   v                    v
//      free  | done | discarded  | busy | done | busy | free
//            the consumer reads  ^ and stops here
//
// See ring_memory.h for where things lie. The second word of a header is the
// page that it lies in, as Linux counts them.
//
// A record is made in three steps:
//   1. Reserve() finds room under mutex_, marks the header as busy, and only
//      then publishes the producer position (release).
//   2. The producer writes the data.
//   3. Commit() clears the busy flag (release).
// The consumer reads the position (acquire), then the header (acquire): without
// the flag the data is whole. It stops at a busy record, however many ready
// ones follow, and moves the consumer position (release) past what it has seen.
// Reserve() reads that (acquire) before it hands the memory out again.
//
// Invariants:
//   1. consumer position <= pending_ <= position_ == the producer position, if
//      the consumer keeps to the rules.
//   2. position_ - pending_ < size and position_ - consumer position < size: so
//      one byte of the ring is never in use. A process that can write the
//      consumer position can make the ring forget records; it cannot make it
//      overwrite one that is busy.
//   3. The bytes [pending_, position_) are whole records.
//
// Producers share a cache line with their lock and the positions that they
// alone need. The published position has a line of its own: the consumer, which
// polls it, does not take the line away from the producer that holds the lock.
//
// Thread-safe, except for what is said of the consumer.

#ifndef BPFMAP_MAPS_INTERNAL_RING_RING_H_
#define BPFMAP_MAPS_INTERNAL_RING_RING_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/ring/ring_memory.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class Ring {
 public:
  using Position = RingPosition;

  explicit Ring(typename P::Memory& memory) : memory_(memory) {}

  static constexpr uint64_t MemoryNeeded(uint64_t size) {
    return RingMemory<P>::MemoryNeeded(size);
  }

  // Makes a ring of `size` bytes, a power of two. Returns false if there is no
  // memory for it.
  bool Init(uint64_t size) { return memory_.Init(size); }

  uint64_t size() const { return uint64_t{memory_.mask()} + 1; }
  Position consumer_position() const {
    return memory_.consumer().load(std::memory_order_acquire);
  }
  Position producer_position() const {
    return memory_.producer().load(std::memory_order_acquire);
  }
  // Bytes from the one to the other, headers and busy records included.
  Position available() const {
    const Position consumer = consumer_position();
    return producer_position() - consumer;
  }

  // For producers.

  // Room for `size` bytes, which the consumer does not see before they are
  // committed; null if there is none.
  std::byte* Reserve(uint64_t size) {
    WriterLock lock(mutex_);
    return ReserveLocked(size);
  }

  // The lock of Reserve(), for a thread that keeps it over many records. Other
  // producers wait until it is given back; the consumer does not.
  void LockProducers() ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex_) { mutex_.Lock(); }
  void UnlockProducers() ABSL_UNLOCK_FUNCTION(mutex_) { mutex_.Unlock(); }

  // Reserve(), for a thread that has the lock.
  ABSL_ATTRIBUTE_ALWAYS_INLINE std::byte* ReserveLocked(uint64_t size)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (size > kRingMaxRecord) return nullptr;
    const uint64_t length = RingRecordLength(size);
    if (length > this->size()) return nullptr;
    const Position start = position_;
    const Position end = start + static_cast<Position>(length);
    if (!BusyLeaveRoomTo(end) || !ConsumerLeavesRoomTo(end)) return nullptr;
    std::byte* const record = memory_.At(start);
    StoreRingLength(record, static_cast<uint32_t>(size) | kRingBusy,
                    __ATOMIC_RELAXED);
    reinterpret_cast<RingHeader*>(record)->page = PageOf(start);
    position_ = end;
    // Release pairs with the acquire of the consumer: the header is there.
    memory_.producer().store(end, std::memory_order_release);
    return record + sizeof(RingHeader);
  }

  // Hands over what Reserve() gave, or drops it; `data` is the producer's no
  // longer. REQUIRES: once for each Reserve().
  void Commit(std::byte* data, bool discard) {
    std::byte* const header = data - sizeof(RingHeader);
    BPFMAP_DCHECK(P,
                  (LoadRingLength(header, __ATOMIC_RELAXED) & kRingBusy) != 0);
    CommitRingRecord(header, discard);
  }

  // Whether the consumer has seen all that was before `data`.
  bool IsNext(const std::byte* data) const {
    const Position at =
        static_cast<Position>(data - memory_.data()) - sizeof(RingHeader);
    return (consumer_position() & memory_.mask()) == at;
  }

  // For the consumer. REQUIRES: one thread at a time.

  // Calls visit(data, size) for one record after the other that is neither busy
  // nor discarded, until it returns false. A record is gone once visit()
  // returns.
  template <typename Visitor>
  void Consume(Visitor visit) {
    Position at = memory_.consumer().load(std::memory_order_relaxed);
    for (Position end; (end = producer_position()) != at;) {
      while (at != end) {
        std::byte* const record = memory_.At(at);
        // Acquire pairs with the release in Commit().
        const uint32_t length = LoadRingLength(record, __ATOMIC_ACQUIRE);
        if ((length & kRingBusy) != 0) return;
        const uint32_t size = RingRecordSize(length);
        at += static_cast<Position>(RingRecordLength(size));
        const bool more = (length & kRingDiscarded) != 0 ||
                          visit(record + sizeof(RingHeader), size);
        // Release pairs with the acquire in ConsumerLeavesRoomTo().
        memory_.consumer().store(at, std::memory_order_release);
        if (!more) return;
      }
    }
  }

 private:
  // As Linux counts pages; where they are larger, the profile says so.
  static constexpr std::size_t kPage =
      std::max<std::size_t>(kRingPageSize, P::kCacheLineSize);

  // Pages in front of Linux's data: its own, and one for each position.
  uint32_t PageOf(Position start) const {
    return 3 + static_cast<uint32_t>((start & memory_.mask()) / kPage);
  }

  // Whether a record up to `end` reaches no busy one. Reads the records that
  // were committed lately each time, while their headers are in the cache.
  bool BusyLeaveRoomTo(Position end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (pending_ != position_) {
      // Acquire pairs with the release in Commit(): its producer is done with
      // the memory, even if the consumer claims to have passed it before.
      const uint32_t length =
          LoadRingLength(memory_.At(pending_), __ATOMIC_ACQUIRE);
      if ((length & kRingBusy) != 0) break;
      pending_ +=
          static_cast<Position>(RingRecordLength(RingRecordSize(length)));
    }
    return end - pending_ <= memory_.mask();
  }

  // The consumer only ever makes room, so where it was last seen will mostly
  // do, and its line is left alone.
  bool ConsumerLeavesRoomTo(Position end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (end - consumer_seen_ <= memory_.mask()) return true;
    consumer_seen_ = consumer_position();
    return end - consumer_seen_ <= memory_.mask();
  }

  RingMemory<P> memory_;

  // The producers'.
  alignas(P::kCacheLineSize) typename P::Mutex mutex_;
  Position position_ ABSL_GUARDED_BY(mutex_) = 0;
  Position pending_ ABSL_GUARDED_BY(mutex_) = 0;  // all before is committed
  Position consumer_seen_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_RING_RING_H_
