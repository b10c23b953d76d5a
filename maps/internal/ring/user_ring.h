// SPDX-License-Identifier: Apache-2.0

// UserRing: the other direction. Records from one producer to one consumer at a
// time, in the layout of ring_memory.h.
//
// A record is made in two steps:
//   1. Reserve() marks the header as busy and publishes the producer position
//      (release).
//   2. The producer writes the data, and Commit() clears the flag (release).
// The consumer reads the position (acquire) and the header (acquire), and moves
// the consumer position (release) past the record once it is done with it;
// Reserve() reads that (acquire). A full ring has no free byte.
//
// A process that has the producer's memory mapped can write anything there, so
// the consumer trusts no length that it has not compared with the positions and
// the size of the ring.
//
// Thread-safe for one producer and one consumer.

#ifndef BPFMAP_MAPS_INTERNAL_RING_USER_RING_H_
#define BPFMAP_MAPS_INTERNAL_RING_USER_RING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "bpfmap/maps/internal/ring/ring_memory.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

template <Profile P>
class UserRing {
 public:
  explicit UserRing(typename P::Memory& memory) : memory_(memory) {}

  static constexpr uint64_t MemoryNeeded(uint64_t size) {
    return RingMemory<P>::MemoryNeeded(size);
  }
  bool Init(uint64_t size) { return memory_.Init(size); }

  uint64_t size() const { return uint64_t{memory_.mask()} + 1; }

  // Bytes that hold records.
  RingPosition used() const {
    const RingPosition consumer =
        memory_.consumer().load(std::memory_order_acquire);
    return memory_.producer().load(std::memory_order_acquire) - consumer;
  }

  // For the producer.

  // Room for `size` bytes; null if there is none now.
  // REQUIRES: RingRecordLength(size) <= size().
  std::byte* Reserve(uint32_t size) {
    const RingPosition start =
        memory_.producer().load(std::memory_order_relaxed);
    const RingPosition used =
        start - memory_.consumer().load(std::memory_order_acquire);
    const uint64_t length = RingRecordLength(size);
    if (this->size() - used < length) return nullptr;
    std::byte* const record = memory_.At(start);
    StoreRingLength(record, size | kRingBusy, __ATOMIC_RELAXED);
    reinterpret_cast<RingHeader*>(record)->page = 0;
    memory_.producer().store(start + static_cast<RingPosition>(length),
                             std::memory_order_release);
    return DataAt(start);
  }

  // Hands over what Reserve() gave, or drops it.
  void Commit(std::byte* data, bool discard) {
    const auto offset = static_cast<RingPosition>(data - memory_.data());
    CommitRingRecord(memory_.At(offset - sizeof(RingHeader)), discard);
  }

  // For the consumer.

  // kBadLength: the producer position is not a multiple of 8, or before the end
  // of the record. kTooLarge: the record is larger than the ring, or than any
  // may be.
  enum class Next { kNone, kRecord, kDiscarded, kBadLength, kTooLarge };

  // Says what is next: a record, which is then in *data and *size; one that was
  // discarded; or nothing that is ready.
  Next Peek(std::byte** data, uint32_t* size) const {
    // The largest that a bpf_dynptr holds.
    constexpr uint32_t kMaxRecord = 0xffffff;
    const RingPosition end = memory_.producer().load(std::memory_order_acquire);
    if (end % 8 != 0) return Next::kBadLength;
    const RingPosition at = memory_.consumer().load(std::memory_order_relaxed);
    if (!IsBefore(at, end)) return Next::kNone;
    std::byte* const record = memory_.At(at);
    const uint32_t length = LoadRingLength(record, __ATOMIC_ACQUIRE);
    *data = DataAt(at);
    *size = RingRecordSize(length);
    const uint64_t record_length = RingRecordLength(*size);
    if (record_length > end - at) return Next::kBadLength;
    if (record_length > this->size() || *size > kMaxRecord) {
      return Next::kTooLarge;
    }
    if ((length & kRingDiscarded) != 0) return Next::kDiscarded;
    return (length & kRingBusy) != 0 ? Next::kNone : Next::kRecord;
  }

  // Goes past what Peek() saw.
  void Release(uint32_t size) {
    std::atomic<RingPosition>& consumer = memory_.consumer();
    consumer.store(consumer.load(std::memory_order_relaxed) +
                       static_cast<RingPosition>(RingRecordLength(size)),
                   std::memory_order_release);
  }

 private:
  // The bytes of the record at a position. Those of one whose header ends the
  // ring are at its start, where libbpf writes them: the memory after the ring
  // is another here, for the parts of records that go past the end.
  std::byte* DataAt(RingPosition position) const {
    return memory_.At(position + sizeof(RingHeader));
  }

  RingMemory<P> memory_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_RING_USER_RING_H_
