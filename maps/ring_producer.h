// SPDX-License-Identifier: Apache-2.0

// RingProducer: what a BPF program does with a ring buffer, whatever profile
// the ring is of.
//
// A program that is given a map, and not the class of the map, asks it:
//
//   if (RingProducer* events = AsRingProducer(map.get())) {
//     Errno error = events->Output(&event, sizeof event);
//   }
//
// A ring that bpf(2) has created (syscall/bpf_syscall.h) lives in memory that
// can be mapped and is of another class than one of CreateMap(); this interface
// is the same for both. A program that knows the class calls RingBuffer<P>
// (ring_buffer.h), whose methods have the same names and can be inlined.
//
// Thread-safe: any method may be called from any thread at any time. A record
// is its producer's from Reserve() until Submit() or Discard(); its memory is
// aligned to 8. The pointer to the interface is good as long as the map lives.

#ifndef BPFMAP_MAPS_RING_PRODUCER_H_
#define BPFMAP_MAPS_RING_PRODUCER_H_

#include <cstdint>
#include <memory>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/ring_def.h"

namespace bpfmap {

class RingProducer {
 public:
  // bpf_ringbuf_reserve(): room for a record of `size` bytes, with whatever was
  // there before; null with any flag, if there is no room, and if there can
  // be none. Must be followed by Submit() or Discard().
  void* Reserve(uint64_t size, RingFlags flags = {}) {
    return DoReserve(size, flags);
  }

  // bpf_ringbuf_submit(): hands over what Reserve() gave. Only kRbNoWakeup and
  // kRbForceWakeup of `flags` mean anything; both are kRbForceWakeup.
  void Submit(void* data, RingFlags flags = {}) { DoSubmit(data, flags); }

  // bpf_ringbuf_discard(): drops what Reserve() gave. `flags` as for Submit().
  void Discard(void* data, RingFlags flags = {}) { DoDiscard(data, flags); }

  // bpf_ringbuf_output(): a record with a copy of `size` bytes at `data`.
  //   EINVAL  flags other than kRbNoWakeup and kRbForceWakeup
  //   EFAULT  data is null and size is not 0
  //   EAGAIN  no room, now or ever
  Errno Output(const void* data, uint64_t size, RingFlags flags = {}) {
    return DoOutput(data, size, flags);
  }

  // bpf_ringbuf_query(): see kRbAvailData and the others in ring_def.h; 0 for
  // any other number.
  uint64_t Query(uint64_t flags) const { return DoQuery(flags); }

 protected:
  ~RingProducer() = default;

 private:
  virtual void* DoReserve(uint64_t size, RingFlags flags) = 0;
  virtual void DoSubmit(void* data, RingFlags flags) = 0;
  virtual void DoDiscard(void* data, RingFlags flags) = 0;
  virtual Errno DoOutput(const void* data, uint64_t size, RingFlags flags) = 0;
  virtual uint64_t DoQuery(uint64_t flags) const = 0;
};

// The program side of the ring that `map` is. Null if it is no ring of type
// RINGBUF, and if `map` is null.
inline RingProducer* AsRingProducer(LocalMap* map) {
  return map == nullptr ? nullptr : map->ring_producer();
}
inline RingProducer* AsRingProducer(LocalMap& map) {
  return map.ring_producer();
}
// `map` must outlive the result, so it may not be a temporary.
inline RingProducer* AsRingProducer(const std::shared_ptr<LocalMap>& map) {
  return AsRingProducer(map.get());
}
RingProducer* AsRingProducer(std::shared_ptr<LocalMap>&& map) = delete;

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_RING_PRODUCER_H_
