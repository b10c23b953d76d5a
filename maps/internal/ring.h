// Ring: records of different lengths, one behind the other, from many producers
// to one consumer. The layout is that of Linux's ring buffer, to the byte.
//
// A record is a header of 8 bytes and its data, rounded up to 8 bytes. The
// header is the length of the data with two flags, busy and discarded, and the
// page that it lies in, as Linux counts them. Positions count bytes since the
// ring was made; a record at position p starts at byte p & (size - 1) of the
// memory, which is twice as long as the ring: a record that starts near the end
// goes on behind it, in one piece. (Linux maps the same pages twice instead;
// who reads such a record from its header on sees the same bytes.)
//
// How a record comes about:
//   1. Reserve() finds room under lock_, marks the header as busy, and only
//      then publishes the producer position (release).
//   2. The producer writes the data.
//   3. Commit() takes the busy flag away (release).
// The consumer reads the position (acquire), then the header (acquire): without
// the flag the data is whole. It stops at a busy record, however many are ready
// behind it, and moves the consumer position (release) past what it has seen.
// Reserve() reads that (acquire) before it gives the memory away again.
//
// Invariants:
//   1. consumer position <= pending_ <= position_ == the producer position,
//      if the consumer keeps to the rules.
//   2. position_ - pending_ < size and position_ - consumer position < size: so
//      one byte of the ring is never in use. Who can write the consumer
//      position can make the ring forget records; it cannot make it overwrite
//      one that is busy.
//   3. What lies at [pending_, position_) are whole records.
//
// The consumer position, the producer position and the data are pieces of
// memory of their own. What producers alone need lies together with their lock,
// away from the published position: the consumer, who looks at the latter all
// the time, does not take the line away from whoever holds the lock.
//
// Thread-safe, except for what is said of the consumer.

#ifndef BPFMAP_MAPS_INTERNAL_RING_H_
#define BPFMAP_MAPS_INTERNAL_RING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "absl/base/thread_annotations.h"
#include "maps/internal/atomic_bytes.h"
#include "maps/internal/block.h"
#include "profiles/profile.h"
#include "profiles/reader_writer_lock.h"

namespace bpfmap::internal {

// A record's header, and what is in its length besides.
struct RingHeader {
  uint32_t length;
  uint32_t page;
};
inline constexpr uint32_t kRingBusy = 1U << 31;
inline constexpr uint32_t kRingDiscarded = 1U << 30;
inline constexpr uint32_t kRingMaxRecord = 0x3fffffff;
inline constexpr uint32_t kRingPageSize = 4096;

// Bytes of the ring that a record of `size` bytes takes.
constexpr uint64_t RingRecordLength(uint64_t size) {
  return RoundUp8(size + sizeof(RingHeader));
}

// `length` of a header with or without flags.
constexpr uint32_t RingRecordSize(uint32_t length) {
  return length & ~(kRingBusy | kRingDiscarded);
}

inline std::atomic_ref<uint32_t> RingLength(std::byte* header) {
  return std::atomic_ref<uint32_t>(
      reinterpret_cast<RingHeader*>(header)->length);
}

template <Profile P>
class Ring {
 public:
  // As wide as a pointer, as on Linux; it may wrap.
  using Position = std::size_t;

  explicit Ring(typename P::Memory& memory) : block_(memory) {}

  static constexpr uint64_t MemoryNeeded(uint64_t size) {
    return 2 * Block<P>::PartSize(sizeof(std::atomic<Position>)) +
           Block<P>::PartSize(2 * size);
  }

  // Makes a ring of `size` bytes, a power of two. Returns false if there is no
  // memory for it.
  bool Init(uint64_t size) {
    if (!block_.Allocate(MemoryNeeded(size))) return false;
    consumer_ = new (block_.Carve(sizeof *consumer_)) std::atomic<Position>(0);
    producer_ = new (block_.Carve(sizeof *producer_)) std::atomic<Position>(0);
    data_ = block_.Carve(2 * size);
    mask_ = static_cast<Position>(size - 1);
    return true;
  }

  uint64_t size() const { return uint64_t{mask_} + 1; }
  Position consumer_position() const {
    return consumer_->load(std::memory_order_acquire);
  }
  Position producer_position() const {
    return producer_->load(std::memory_order_acquire);
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
    if (size > kRingMaxRecord) return nullptr;
    const uint64_t length = RingRecordLength(size);
    if (length > this->size()) return nullptr;
    WriterLock lock(lock_);
    const Position start = position_;
    const Position end = start + static_cast<Position>(length);
    if (!ConsumerLeavesRoomTo(end) || !BusyLeaveRoomTo(end)) return nullptr;
    std::byte* const record = data_ + (start & mask_);
    RingLength(record).store(static_cast<uint32_t>(size) | kRingBusy,
                             std::memory_order_relaxed);
    reinterpret_cast<RingHeader*>(record)->page = PageOf(start);
    position_ = end;
    // Release pairs with the acquire of the consumer: the header is there.
    producer_->store(end, std::memory_order_release);
    return record + sizeof(RingHeader);
  }

  // Hands over what Reserve() gave, or drops it; `data` is the producer's no
  // longer. REQUIRES: once for each Reserve().
  void Commit(std::byte* data, bool discard) {
    const std::atomic_ref<uint32_t> length = LengthOf(data);
    // Nobody else writes to the header of a busy record.
    const uint32_t size =
        RingRecordSize(length.load(std::memory_order_relaxed));
    // Release pairs with the acquire in Consume().
    length.store(size | (discard ? kRingDiscarded : 0),
                 std::memory_order_release);
  }

  // Whether the consumer has seen all that was before `data`.
  bool IsNext(const std::byte* data) const {
    const Position at =
        static_cast<Position>(data - data_) - sizeof(RingHeader);
    return (consumer_position() & mask_) == at;
  }

  // For the consumer. REQUIRES: one thread at a time.

  // Calls visit(data, size) for one record after the other that is neither busy
  // nor discarded, until it returns false. A record is gone once visit()
  // returns.
  template <typename Visitor>
  void Consume(Visitor visit) {
    Position at = consumer_->load(std::memory_order_relaxed);
    for (Position end; (end = producer_position()) != at;) {
      while (at != end) {
        std::byte* const record = data_ + (at & mask_);
        // Acquire pairs with the release in Commit().
        const uint32_t length =
            RingLength(record).load(std::memory_order_acquire);
        if ((length & kRingBusy) != 0) return;
        const uint32_t size = RingRecordSize(length);
        at += static_cast<Position>(RingRecordLength(size));
        const bool more = (length & kRingDiscarded) != 0 ||
                          visit(record + sizeof(RingHeader), size);
        // Release pairs with the acquire in ConsumerLeavesRoomTo().
        consumer_->store(at, std::memory_order_release);
        if (!more) return;
      }
    }
  }

 private:
  static std::atomic_ref<uint32_t> LengthOf(std::byte* data) {
    return RingLength(data - sizeof(RingHeader));
  }

  // Pages in front of Linux's data: its own, and one for each position.
  uint32_t PageOf(Position start) const {
    return 3 + static_cast<uint32_t>((start & mask_) / kRingPageSize);
  }

  // Whether a record up to `end` reaches no busy one.
  bool BusyLeaveRoomTo(Position end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    if (end - pending_ <= mask_) return true;
    // Up to a page more than it takes, so that it need not be done each time;
    // but no further, since others wait for the lock.
    const Position far = end - mask_ + kRingPageSize;
    while (pending_ != position_ &&
           static_cast<std::make_signed_t<Position>>(far - pending_) > 0) {
      const uint32_t length = RingLength(data_ + (pending_ & mask_))
                                  .load(std::memory_order_relaxed);
      if ((length & kRingBusy) != 0) break;
      pending_ +=
          static_cast<Position>(RingRecordLength(RingRecordSize(length)));
    }
    return end - pending_ <= mask_;
  }

  // The consumer only ever makes room, so where it was last seen will mostly
  // do, and its line is left alone.
  bool ConsumerLeavesRoomTo(Position end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    if (end - consumer_seen_ <= mask_) return true;
    consumer_seen_ = consumer_position();
    return end - consumer_seen_ <= mask_;
  }

  // Constant after Init().
  Block<P> block_;
  std::atomic<Position>* consumer_ = nullptr;
  std::atomic<Position>* producer_ = nullptr;
  std::byte* data_ = nullptr;
  Position mask_ = 0;

  // The producers'.
  alignas(P::kCacheLineSize) typename P::Lock lock_;
  Position position_ ABSL_GUARDED_BY(lock_) = 0;
  Position pending_ ABSL_GUARDED_BY(lock_) = 0;  // all before is committed
  Position consumer_seen_ ABSL_GUARDED_BY(lock_) = 0;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_RING_H_
