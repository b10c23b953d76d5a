// SPDX-License-Identifier: Apache-2.0

// UserRingBuffer: BPF_MAP_TYPE_USER_RINGBUF. Records from user space to
// programs.
//
// max_entries is the size of the ring in bytes: a power of two, and a multiple
// of 4096 (see RoundUpRingSize() in ring_def.h). A record takes 8 bytes and its
// own, rounded up to 8.
//
// One thread of user space writes:
//
//   void* data;
//   if (ring.Reserve(sizeof(Command), &data) == Errno::kOk) {
//     ...
//     ring.Submit(data);
//   }
//
// A program reads, in the order of the calls to Reserve:
//
//   int64_t drained = ring.Drain([](void* data, uint32_t size) { ... });
//
// A record that is not submitted yet holds up all later ones.
//
// Embedded: ReserveBlocking() does not exist there, since there is no operating
// system to sleep in.
//
// The user view has no elements: Linux refuses each command.
// A program that passes a ring to the helpers for elements does not load.
//
// Source: bpf-helpers(7), libbpf; answers of Linux 6.18, in
// tests/contract/golden/ and to programs with bpf_user_ringbuf_drain().
//
// Thread-safe, see bpf_map.h and local_map.h; but only one thread at a time may
// write, with Reserve(), ReserveBlocking(), Submit() and Discard(). Programs
// that drain at the same time refuse each other.

#ifndef BPFMAP_MAPS_USER_RING_BUFFER_H_
#define BPFMAP_MAPS_USER_RING_BUFFER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/ring/ring_memory.h"
#include "bpfmap/maps/internal/ring/user_ring.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/ring_validation.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

// How many records one Drain() looks at (BPF_MAX_USER_RINGBUF_SAMPLES).
inline constexpr int64_t kMaxUserRingSamples = 128 * 1024;

template <Profile P>
class UserRingBuffer final : public MapBase<UserRingBuffer<P>, P> {
 public:
  using typename MapBase<UserRingBuffer<P>, P>::Memory;

  // `memory` must outlive the map.
  UserRingBuffer(const MapDef& def, Memory* memory)
      : MapBase<UserRingBuffer, P>(def), ring_(*memory) {}
  explicit UserRingBuffer(const MapDef& def) requires HasDefaultMemory<P>
      : UserRingBuffer(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL  a max_entries that IsRingSize() does not hold for; a key or a
  //           value; a flag other than kNumaNode; what CheckCommon() lists
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return CheckRingDef(def, MapType::kUserRingBuf,
                        "type must be USER_RINGBUF");
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::UserRing<P>::MemoryNeeded(def.max_entries);
  }

  // Bytes that user space may map: a page for each position, and the records
  // twice in a row, as Linux shows them.
  static constexpr uint64_t MappableSize(const MapDef& def) {
    return internal::RingMemory<P>::MemoryNeeded(def.max_entries);
  }

  // The producer: user space, with the names of libbpf.

  // user_ring_buffer__reserve(): sets *data to room for a record of `size`
  // bytes, aligned to 8. Must be followed by Submit() or Discard().
  //   E2BIG   a record that the ring can never hold
  //   ENOSPC  no room now
  Errno Reserve(uint32_t size, void** data) {
    BPFMAP_DCHECK(P, this->is_ready());
    // Length and flags share a word.
    if (size > internal::kRingMaxRecord ||
        internal::RingRecordLength(size) > ring_.size()) {
      return Errno::k2Big;
    }
    std::byte* const record = ring_.Reserve(size);
    if (record == nullptr) return Errno::kNoSpc;
    *data = record;
    return Errno::kOk;
  }

  // user_ring_buffer__reserve_blocking(): waits for room, for `timeout_ms`
  // milliseconds at most (-1: without limit). A Drain() with kRbNoWakeup does
  // not wake it; what that left free is found when the time is over.
  //   EINVAL  timeout_ms is below -1
  //   E2BIG   a record that the ring can never hold
  //   ENOSPC  no room within that time
  Errno ReserveBlocking(uint32_t size, int timeout_ms,
                        void** data) requires HasEvent<P> {
    if (timeout_ms < -1) return Errno::kInval;
    const auto deadline = P::Event::In(timeout_ms);
    for (bool in_time = true;;) {
      drained_.event.Clear();
      // Pairs with the fence in Drain(): either its room is seen here, or the
      // event is set after it was cleared.
      std::atomic_thread_fence(std::memory_order_seq_cst);
      const Errno error = Reserve(size, data);
      if (error != Errno::kNoSpc || !in_time) return error;
      in_time = drained_.event.WaitUntil(deadline);
    }
  }

  // user_ring_buffer__submit() and user_ring_buffer__discard(): hand over what
  // Reserve() gave, or drop it.
  void Submit(void* data) {
    ring_.Commit(static_cast<std::byte*>(data), false);
  }
  void Discard(void* data) {
    ring_.Commit(static_cast<std::byte*>(data), true);
  }

  // Whether any byte is free.
  bool HasRoom() const { return ring_.used() < ring_.size(); }

  // What ReserveBlocking() waits for; for those who wait elsewhere.
  auto& event() const requires HasEvent<P> { return drained_.event; }

  // The program view.

  // bpf_user_ringbuf_drain(): calls callback(data, size) for one record after
  // the other, until it returns another number than 0, nothing more is ready,
  // or kMaxUserRingSamples records were looked at, discarded ones included.
  // Returns the number of calls, or minus an errno. `flags`: kRbForceWakeup
  // wakes waiting writers; without kRbNoWakeup, so does a record that was
  // looked at.
  //   EINVAL  other flags; a producer position or a length that cannot be
  //   E2BIG   a record larger than the ring, or than 0xffffff bytes
  //   EBUSY   a thread is draining already, maybe the caller
  // The producer alone could cause all but the first and the last, by writing
  // to the memory of the ring; the callbacks before have been made.
  template <RingCallback F>
  int64_t Drain(F callback, RingFlags flags = {}) {
    BPFMAP_DCHECK(P, this->is_ready());
    if (HasAny(flags, ~(kRbNoWakeup | kRbForceWakeup))) {
      return -static_cast<int64_t>(Errno::kInval);
    }
    // Acquire pairs with the release below.
    if (busy_.exchange(true, std::memory_order_acquire)) {
      return -static_cast<int64_t>(Errno::kBusy);
    }
    int64_t seen = 0;
    int64_t discarded = 0;
    Errno error = Errno::kOk;
    for (bool stop = false; !stop && seen < kMaxUserRingSamples; ++seen) {
      using Next = typename internal::UserRing<P>::Next;
      std::byte* data = nullptr;
      uint32_t size = 0;
      const Next next = ring_.Peek(&data, &size);
      if (next == Next::kNone) break;
      if (next == Next::kBadLength || next == Next::kTooLarge) {
        error = next == Next::kBadLength ? Errno::kInval : Errno::k2Big;
        break;
      }
      if (next == Next::kRecord) {
        stop = callback(static_cast<void*>(data), size) != 0;
      } else {
        ++discarded;
      }
      ring_.Release(size);
    }
    busy_.store(false, std::memory_order_release);
    if constexpr (HasEvent<P>) {
      if (HasAny(flags, kRbForceWakeup) ||
          (!HasAny(flags, kRbNoWakeup) && seen > 0)) {
        // Pairs with the fence in ReserveBlocking().
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (!drained_.event.is_set()) drained_.event.Set();
      }
    }
    return error != Errno::kOk ? -static_cast<int64_t>(error)
                               : seen - discarded;
  }

  int64_t DrainRecords(RecordVisitor visitor, RingFlags flags) override {
    return Drain(visitor, flags);
  }

  // A ring has no elements: Linux refuses every command. There is no key, so a
  // pointer to one is EINVAL.
  static constexpr Refusals kRefuses = kNoElements;
  static constexpr MapTraits kTraits{
      .writable_pages = MapTraits::WritablePages::kAllButFirst};

 private:
  friend MapBase<UserRingBuffer, P>;
  using MapBase<UserRingBuffer, P>::def_;

  // For MapBase.
  bool Allocate() { return ring_.Init(def_.max_entries); }
  template <typename Change>
  void WithWritersStopped(Change change) {
    change();
  }

  internal::UserRing<P> ring_;
  std::atomic<bool> busy_{false};
  // Set when room was made since the producer last looked.
  [[no_unique_address]] mutable RingEvent<P> drained_;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_USER_RING_BUFFER_H_
