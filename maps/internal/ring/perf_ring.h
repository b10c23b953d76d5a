// SPDX-License-Identifier: Apache-2.0

// PerfRing: the records of a perf event, from the programs of one CPU to one
// reader, in the layout of Linux's perf buffers.
//
// See ring_memory.h for where things lie; the producer position is Linux's
// data_head, and the consumer position its data_tail. A record that runs over
// the end continues past it, in one piece, where Linux continues at the front.
// A record is a header of 8 bytes with its type and size, and:
//
//   sample   | header | u32 size | data and padding to a multiple of 8 |
//   lost     | header | u64 id of the event | u64 lost samples |
//
// The size of a sample counts its padding. The number of samples that found no
// room since the last record is written with the next one that fits.
//
// On Linux one CPU writes at a time. Here several threads may have one virtual
// CPU, so writers take a lock. The reader takes none:
//   1. A writer publishes the producer position after a whole record (release).
//   2. The reader reads it (acquire), and then the records.
//   3. The reader publishes how far it came (release), and a writer reads that
//      (acquire) before it writes there.
//
// The reader is woken each `watermark` bytes, or each `wakeup_events` samples;
// see Write().
//
// Thread-safe, but for one reader at a time.

#ifndef BPFMAP_MAPS_INTERNAL_RING_PERF_RING_H_
#define BPFMAP_MAPS_INTERNAL_RING_PERF_RING_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/ring/ring_memory.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

// struct perf_event_header, and PERF_RECORD_* and PERF_RECORD_MISC_* that occur
// here.
struct PerfHeader {
  uint32_t type;
  uint16_t misc;
  uint16_t size;  // of the record, this header included
};
inline constexpr uint32_t kPerfRecordLost = 2;
inline constexpr uint32_t kPerfRecordSample = 9;
inline constexpr uint16_t kPerfMiscKernel = 1;  // of samples

struct PerfSample {
  PerfHeader header;
  uint32_t data_size;
};
struct PerfLost {
  PerfHeader header;
  uint64_t id;
  uint64_t lost;
};
static_assert(offsetof(PerfSample, data_size) == 8 && sizeof(PerfLost) == 24);

// Bytes of a sample besides its data.
inline constexpr uint64_t kPerfSampleHeader = sizeof(PerfSample);
// Bytes of data that a record can hold: its size has 16 bits.
inline constexpr uint64_t kPerfMaxData = 0xfff8 - kPerfSampleHeader;

// Bytes of a record with a sample of `size` bytes.
constexpr uint64_t PerfSampleLength(uint64_t size) {
  return RoundUp8(kPerfSampleHeader + size);
}

template <Profile P>
class PerfRing {
 public:
  explicit PerfRing(typename P::Memory& memory) : memory_(memory) {}

  static constexpr uint64_t MemoryNeeded(uint64_t size) {
    return RingMemory<P>::MemoryNeeded(size);
  }

  // Makes a ring of `size` bytes, a power of two. A `wakeup_events` of 0 stands
  // for never, and a `watermark` of 0 for half the ring. Returns false if there
  // is no memory for it.
  bool Init(uint64_t size, uint32_t wakeup_events, uint32_t watermark) {
    wakeup_events_ = wakeup_events;
    watermark_ = static_cast<RingPosition>(
        watermark == 0 ? size / 2 : std::min<uint64_t>(watermark, size));
    return memory_.Init(size);
  }

  enum class Written { kNoRoom, kQuietly, kAndWake };

  // Writes a sample of `size` bytes at `data` and `more_size` at `more`, of the
  // event `id`. REQUIRES: together they are kPerfMaxData or less.
  Written Write(uint64_t id, const void* data, std::size_t size,
                const void* more, std::size_t more_size) {
    const RingPosition length =
        static_cast<RingPosition>(PerfSampleLength(size + more_size));
    WriterLock lock(mutex_);
    const RingPosition lost_length = lost_ == 0 ? 0 : sizeof(PerfLost);
    RingPosition at = memory_.producer().load(std::memory_order_relaxed);
    const RingPosition end = at + lost_length + length;
    // Acquire pairs with the release in Read(). One byte always stays free.
    if (end - memory_.consumer().load(std::memory_order_acquire) >
        memory_.mask()) {
      ++lost_;
      lost_samples_.fetch_add(1, std::memory_order_relaxed);
      return Written::kNoRoom;
    }
    if (lost_ != 0) {
      const PerfLost lost = {{kPerfRecordLost, 0, sizeof(PerfLost)}, id, lost_};
      std::memcpy(memory_.At(at), &lost, sizeof lost);
      lost_ = 0;
      at += lost_length;
    }
    std::byte* const record = memory_.At(at);
    const PerfSample sample = {
        {kPerfRecordSample, kPerfMiscKernel, static_cast<uint16_t>(length)},
        static_cast<uint32_t>(length - kPerfSampleHeader)};
    std::memcpy(record, &sample, kPerfSampleHeader);
    if (size != 0) std::memcpy(record + kPerfSampleHeader, data, size);
    if (more_size != 0) {
      std::memcpy(record + kPerfSampleHeader + size, more, more_size);
    }
    // Release pairs with the acquire in Read(): the record is whole.
    memory_.producer().store(end, std::memory_order_release);
    return Wakes(end) ? Written::kAndWake : Written::kQuietly;
  }

  // How many samples found no room.
  uint64_t lost_samples() const {
    return lost_samples_.load(std::memory_order_relaxed);
  }

  // For the reader. REQUIRES: one thread at a time.

  // Calls visit(record) with a pointer to the header of one record after the
  // other, up to what was there when it began, until it returns false. A record
  // is gone once visit() returns.
  template <typename Visitor>
  void Read(Visitor visit) {
    RingPosition at = memory_.consumer().load(std::memory_order_relaxed);
    // Acquire and release pair with Write().
    const RingPosition end = memory_.producer().load(std::memory_order_acquire);
    for (bool more = true; more && at != end;) {
      auto* const record = reinterpret_cast<PerfHeader*>(memory_.At(at));
      at += record->size;
      more = visit(record);
      memory_.consumer().store(at, std::memory_order_release);
    }
  }

 private:
  // Whether a sample up to `end` is one that the reader is woken for. Linux
  // counts both, bytes and samples, towards one position.
  bool Wakes(RingPosition end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    bool wakes = false;
    if (end - woken_at_ > watermark_) {
      woken_at_ += watermark_;
      wakes = true;
    }
    if (wakeup_events_ != 0 && ++events_ >= wakeup_events_) {
      events_ = 0;
      ++woken_at_;
      wakes = true;
    }
    return wakes;
  }

  RingMemory<P> memory_;
  // Constant after Init().
  uint32_t wakeup_events_ = 0;
  RingPosition watermark_ = 0;

  // The writers'.
  alignas(P::kCacheLineSize) typename P::Mutex mutex_;
  uint64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;  // since the last record
  RingPosition woken_at_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t events_ ABSL_GUARDED_BY(mutex_) = 0;  // since the last that woke
  std::atomic<std::size_t> lost_samples_{0};
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_RING_PERF_RING_H_
