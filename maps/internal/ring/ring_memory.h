// SPDX-License-Identifier: Apache-2.0

// RingMemory: the parts of every ring. Two positions, and bytes for records.
//
//   | consumer position | producer position | 2 * size bytes of records |
//   ^ each is a piece of memory of its own, so that it can be mapped
//
// A record is a header of 8 bytes and its data, rounded up to 8 bytes. The
// header is the length of the data with two flags, busy and discarded, and 4
// bytes more. Positions count bytes since the ring was made. A record at
// position p starts at byte p & (size - 1). The memory is twice as long as the
// ring: a record that starts near the end continues past it, in one piece.
// (Linux maps the same pages twice instead; a reader that starts at the header
// sees the same bytes.)

#ifndef BPFMAP_MAPS_INTERNAL_RING_RING_MEMORY_H_
#define BPFMAP_MAPS_INTERNAL_RING_RING_MEMORY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/profiles/profile.h"

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

// The length of a header, with flags, which the other side may read or write.
inline uint32_t LoadRingLength(const std::byte* header, int order) {
  return __atomic_load_n(&reinterpret_cast<const RingHeader*>(header)->length,
                         order);
}
inline void StoreRingLength(std::byte* header, uint32_t length, int order) {
  __atomic_store_n(&reinterpret_cast<RingHeader*>(header)->length, length,
                   order);
}

// What Commit() of both rings does to a record's header. Nobody else writes to
// that of a busy record. Release pairs with the acquire of the consumer.
inline void CommitRingRecord(std::byte* header, bool discard) {
  const uint32_t size =
      RingRecordSize(LoadRingLength(header, __ATOMIC_RELAXED));
  StoreRingLength(header, size | (discard ? kRingDiscarded : 0),
                  __ATOMIC_RELEASE);
}

// As wide as a pointer, as on Linux. One of 32 bits wraps after 4 GiB.
using RingPosition = std::size_t;

// Whether records may lie between the positions `at` and `end`. Positions of 64
// bits are compared as Linux does: they never wrap, and `end` may come from
// hostile memory. Those of 32 bits do wrap, so their difference decides.
template <typename Position>
constexpr bool IsBefore(Position at, Position end) {
  if constexpr (sizeof(Position) >= 8) {
    return at < end;
  } else {
    return static_cast<std::make_signed_t<Position>>(end - at) > 0;
  }
}

template <Profile P>
class RingMemory {
 public:
  explicit RingMemory(typename P::Memory& memory) : arena_(memory) {}

  static constexpr uint64_t MemoryNeeded(uint64_t size) {
    return 2 * Arena<P>::AlignedSize(sizeof(std::atomic<RingPosition>)) +
           Arena<P>::AlignedSize(2 * size);
  }

  // Makes a ring of `size` bytes, a power of two. Returns false if there is no
  // memory for it.
  bool Init(uint64_t size) {
    if (!arena_.Allocate(MemoryNeeded(size))) return false;
    consumer_ =
        new (arena_.Take(sizeof *consumer_)) std::atomic<RingPosition>(0);
    producer_ =
        new (arena_.Take(sizeof *producer_)) std::atomic<RingPosition>(0);
    data_ = arena_.Take(2 * size);
    mask_ = static_cast<RingPosition>(size - 1);
    return true;
  }

  std::atomic<RingPosition>& consumer() const { return *consumer_; }
  std::atomic<RingPosition>& producer() const { return *producer_; }
  RingPosition mask() const { return mask_; }
  std::byte* data() const { return data_; }
  // The header of the record at a position.
  std::byte* At(RingPosition position) const {
    return data_ + (position & mask_);
  }

 private:
  // Constant after Init().
  Arena<P> arena_;
  std::atomic<RingPosition>* consumer_ = nullptr;
  std::atomic<RingPosition>* producer_ = nullptr;
  std::byte* data_ = nullptr;
  RingPosition mask_ = 0;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_RING_RING_MEMORY_H_
