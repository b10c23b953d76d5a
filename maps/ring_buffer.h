// SPDX-License-Identifier: Apache-2.0

// RingBuffer: BPF_MAP_TYPE_RINGBUF. Records from programs to user space.
//
// max_entries is the size of the ring in bytes: a power of two, and a multiple
// of 4096 (see RoundUpRingSize() in ring_def.h). A record takes 8 bytes and its
// own, rounded up to 8; one byte of the ring always stays free. So a ring of
// 4,096 bytes holds 255 records of 8 bytes, or one of 4,080.
//
// Programs write, on as many threads as they like:
//
//   if (auto* event = static_cast<Event*>(ring.Reserve(sizeof(Event)))) {
//     *event = ...;
//     ring.Submit(event);
//   }
//
// One thread of user space reads, in the order of the calls to Reserve:
//
//   ring.Poll(100, [](void* data, uint32_t size) { ...; return 0; });
//
// A record that is not submitted yet holds up all later ones. Discarded
// records take room until the consumer has passed them, and are not shown.
//
// A consumer that waits in Poll() is woken as one that waits in epoll_wait(2),
// which is what ring_buffer__poll() of libbpf does.
//   - kRbForceWakeup wakes it.
//   - kRbNoWakeup does not: it sleeps on, even if it starts to wait later.
//   - Neither: it is woken if it has seen all that was before this record. So
//     one that has to catch up is not woken for each record, and not at all if
//     all that it has to catch up on came with kRbNoWakeup.
// Consume() looks without asking whether anybody was woken.
//
// Embedded: Poll() does not exist there, since there is no operating system to
// sleep in; the flags are checked and mean nothing. A ring of 16,384 bytes is
// the largest that fits a pool of 64 KiB, for it takes twice its size.
//
// The user view has no elements: Linux refuses each command.
// A program that passes a ring to the helpers for elements does not load.
//
// Source: Documentation/bpf/ringbuf.rst, bpf-helpers(7), libbpf; answers of
// Linux 6.18 in tests/contract/golden/.
//
// Thread-safe, see bpf_map.h and local_map.h; but only one thread at a time may
// be in Consume(), ConsumeN() or Poll(). A record is its producer's from
// Reserve() to Submit(), and then the consumer's during its callback.

#ifndef BPFMAP_MAPS_RING_BUFFER_H_
#define BPFMAP_MAPS_RING_BUFFER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/ring/ring.h"
#include "bpfmap/maps/internal/ring/ring_memory.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/ring_validation.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/ring_producer.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

template <Profile P>
class RingBuffer final : public MapBase<RingBuffer<P>, P>, public RingProducer {
 public:
  using typename MapBase<RingBuffer<P>, P>::Memory;

  // `memory` must outlive the map.
  RingBuffer(const MapDef& def, Memory* memory)
      : MapBase<RingBuffer, P>(def), ring_(*memory) {}
  explicit RingBuffer(const MapDef& def) requires HasDefaultMemory<P>
      : RingBuffer(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL  a max_entries that IsRingSize() does not hold for; a key or a
  //           value; a flag other than kNumaNode; what CheckCommon() lists
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return CheckRingDef(def, MapType::kRingBuf, "type must be RINGBUF");
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::Ring<P>::MemoryNeeded(def.max_entries);
  }

  // Bytes that user space may map: a page for each position, and the records
  // twice in a row, as Linux shows them.
  static constexpr uint64_t MappableSize(const MapDef& def) {
    return internal::RingMemory<P>::MemoryNeeded(def.max_entries);
  }

  // The program view. RingProducer has the same methods for callers that do not
  // know the profile.
  RingProducer* ring_producer() override { return this; }

  // bpf_ringbuf_reserve(): room for a record of `size` bytes, aligned to 8,
  // with whatever was there before; null with any flag, if there is no
  // room, and if there can be none. Must be followed by Submit() or Discard().
  void* Reserve(uint64_t size, RingFlags flags = {}) {
    if (flags != RingFlags{}) return nullptr;
    return ReserveRecord(size);
  }

  // bpf_ringbuf_submit(): hands over what Reserve() gave. Only kRbNoWakeup and
  // kRbForceWakeup of `flags` mean anything; both are kRbForceWakeup.
  void Submit(void* data, RingFlags flags = {}) { Commit(data, flags, false); }

  // bpf_ringbuf_discard(): drops what Reserve() gave. `flags` as for Submit():
  // the consumer has something to pass.
  void Discard(void* data, RingFlags flags = {}) { Commit(data, flags, true); }

  // bpf_ringbuf_output(): a record with a copy of `size` bytes at `data`.
  //   EINVAL  flags other than kRbNoWakeup and kRbForceWakeup
  //   EFAULT  data is null and size is not 0
  //   EAGAIN  no room, now or ever
  Errno Output(const void* data, uint64_t size, RingFlags flags = {}) {
    return OutputTo(data, size, flags,
                    [this](uint64_t length) { return ReserveRecord(length); });
  }

  // The only producer of a ring for as long as it lives. It takes the lock of
  // producers once and not for each record, so that a record costs no atomic
  // instruction:
  //
  //   RingBuffer<Cloud>::SoleProducer events(ring);
  //   auto* event = static_cast<Event*>(events.Reserve(sizeof(Event)));
  //
  // Other producers wait until it is gone, and records that they reserved
  // before may still be submitted. So its own thread must not call Reserve() or
  // Output() of the ring, for which it would wait for ever. The consumer
  // notices nothing. With a lock that masks interrupts, they stay masked.
  //
  // Used, created and destroyed by one thread; the ring must outlive it.
  class SoleProducer {
   public:
    explicit SoleProducer(RingBuffer& ring) ABSL_NO_THREAD_SAFETY_ANALYSIS
        : ring_(ring) {
      ring_.ring_.LockProducers();
    }
    ~SoleProducer() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      ring_.ring_.UnlockProducers();
    }
    SoleProducer(const SoleProducer&) = delete;
    SoleProducer& operator=(const SoleProducer&) = delete;

    // As those of the ring.
    void* Reserve(uint64_t size, RingFlags flags = {}) {
      return flags == RingFlags{} ? ring_.ReserveAlone(size) : nullptr;
    }
    void Submit(void* data, RingFlags flags = {}) { ring_.Submit(data, flags); }
    void Discard(void* data, RingFlags flags = {}) {
      ring_.Discard(data, flags);
    }
    Errno Output(const void* data, uint64_t size, RingFlags flags = {}) {
      return ring_.OutputTo(data, size, flags, [this](uint64_t length) {
        return ring_.ReserveAlone(length);
      });
    }

   private:
    RingBuffer& ring_;
  };

  // bpf_ringbuf_query(): see kRbAvailData and the others; 0 for anything else.
  // Headers, and records that are not submitted yet, count as data.
  uint64_t Query(uint64_t flags) const {
    switch (flags) {
      case kRbAvailData:
        return ring_.available();
      case kRbRingSize:
        return ring_.size();
      case kRbConsPos:
        return ring_.consumer_position();
      case kRbProdPos:
        return ring_.producer_position();
    }
    return 0;
  }

  // The consumer: user space, with the names of libbpf.

  // ring_buffer__consume(): calls callback(data, size) for each record that is
  // ready, in order. Returns how many; or what the callback returned, if that
  // was below 0 and so ended it. The record of that call counts as consumed.
  template <RingCallback F>
  int64_t Consume(F callback) {
    return ConsumeN(std::numeric_limits<std::size_t>::max(), callback);
  }

  // ring_buffer__consume_n(): the same for `most` records at most.
  template <RingCallback F>
  int64_t ConsumeN(std::size_t most, F callback) {
    int64_t count = 0;
    int64_t error = 0;
    if (most == 0) return 0;
    ring_.Consume([&](std::byte* data, uint32_t size) {
      error = callback(static_cast<void*>(data), size);
      return error >= 0 && static_cast<std::size_t>(++count) < most;
    });
    return error < 0 ? error : count;
  }

  // ring_buffer__poll(): waits until it is woken, for `timeout_ms` milliseconds
  // at most (below 0: without limit), and consumes what is ready. Once woken,
  // it does not wait again before it has found the ring empty. 0 if the time
  // was over, and if the first record is not submitted yet.
  template <RingCallback F>
  int64_t Poll(int timeout_ms, F callback) requires HasEvent<P> {
    // As epoll: a consumer that was woken once reads until the ring is empty.
    const auto deadline = P::Event::In(timeout_ms);
    while (readable_.event.WaitUntil(deadline)) {
      if (ring_.available() != 0) return Consume(callback);
      readable_.event.Clear();
      // Pairs with the fence in Commit(): either its record is seen here, or
      // the event is seen as clear there, and set.
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (ring_.available() != 0) readable_.event.Set();
    }
    return 0;
  }

  // What Poll() waits for; for those who wait elsewhere.
  auto& event() const requires HasEvent<P> { return readable_.event; }

  // How many records found no room, in Reserve() or Output(). Linux has no such
  // counter.
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  // A ring has no elements: Linux refuses every command. There is no key, so a
  // pointer to one is EINVAL.
  static constexpr Refusals kRefuses = kNoElements;
  static constexpr MapTraits kTraits{.writable_pages =
                                         MapTraits::WritablePages::kFirst};

 private:
  friend MapBase<RingBuffer, P>;
  using MapBase<RingBuffer, P>::def_;

  // For MapBase.
  bool Allocate() { return ring_.Init(def_.max_entries); }
  template <typename Change>
  void WithWritersStopped(Change change) {
    change();
  }

  // RingProducer.
  void* DoReserve(uint64_t size, RingFlags flags) override {
    return Reserve(size, flags);
  }
  void DoSubmit(void* data, RingFlags flags) override { Submit(data, flags); }
  void DoDiscard(void* data, RingFlags flags) override { Discard(data, flags); }
  Errno DoOutput(const void* data, uint64_t size, RingFlags flags) override {
    return Output(data, size, flags);
  }
  uint64_t DoQuery(uint64_t flags) const override { return Query(flags); }

  std::byte* ReserveRecord(uint64_t size) {
    BPFMAP_DCHECK(P, this->is_ready());
    return Counted(ring_.Reserve(size));
  }
  // For the SoleProducer, which has the lock: a call of it is beyond the
  // thread-safety analysis.
  ABSL_ATTRIBUTE_ALWAYS_INLINE std::byte* ReserveAlone(uint64_t size)
      ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return Counted(ring_.ReserveLocked(size));
  }
  std::byte* Counted(std::byte* record) {
    if (record == nullptr) dropped_.fetch_add(1, std::memory_order_relaxed);
    return record;
  }

  template <typename ReserveOne>
  Errno OutputTo(const void* data, uint64_t size, RingFlags flags,
                 ReserveOne reserve) {
    if (HasAny(flags, ~(kRbNoWakeup | kRbForceWakeup))) return Errno::kInval;
    if (data == nullptr && size != 0) return Errno::kFault;
    std::byte* const record = reserve(size);
    if (record == nullptr) return Errno::kAgain;
    if (size != 0) std::memcpy(record, data, static_cast<std::size_t>(size));
    Commit(record, flags, false);
    return Errno::kOk;
  }

  void Commit(void* data, RingFlags flags, bool discard) {
    std::byte* const record = static_cast<std::byte*>(data);
    ring_.Commit(record, discard);
    if constexpr (HasEvent<P>) {
      if (HasAny(flags, kRbForceWakeup)) {
        readable_.event.Set();
      } else if (!HasAny(flags, kRbNoWakeup)) {
        // Pairs with the fence in Poll().
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (!readable_.event.is_set() && ring_.IsNext(record)) {
          readable_.event.Set();
        }
      }
    }
  }

  internal::Ring<P> ring_;
  // Set while the consumer need not sleep: it was woken, and has not found the
  // ring empty since. Read by producers, but seldom written.
  alignas(P::kCacheLineSize)
      [[no_unique_address]] mutable RingEvent<P> readable_;
  alignas(P::kCacheLineSize) std::atomic<std::size_t> dropped_{0};
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_RING_BUFFER_H_
