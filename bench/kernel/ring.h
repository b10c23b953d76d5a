// SPDX-License-Identifier: Apache-2.0

// KernelRing: the consumer's side of a ring buffer of the kernel, which user
// space reads in memory that it shares with it.
//
// The layout is that of Documentation/bpf/ringbuf.rst: a page with the
// consumer's position, one with the producer's, and the data, which is mapped
// twice, so that no record is split.
//
// Linux only. One thread at a time.

#ifndef BPFMAP_BENCH_KERNEL_RING_H_
#define BPFMAP_BENCH_KERNEL_RING_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "bench/workload.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {

class KernelRing {
 public:
  using Map = KernelMap;
  static constexpr MapKind kKind = MapKind::kRing;

  // `map` is a RINGBUF, and must outlive the ring.
  KernelRing(KernelMap& map, const MapDef& def);
  ~KernelRing();

  KernelRing(const KernelRing&) = delete;
  KernelRing& operator=(const KernelRing&) = delete;

  // REQUIRES of Consume(): this is OK.
  absl::Status status() const;

  // Reads all records of 8 bytes that are ready. Returns how many.
  uint64_t Consume();

  // The last one.
  uint64_t last() const { return last_; }

 private:
  const size_t page_;  // bytes
  const size_t size_;  // of the data
  std::byte* const consumer_;
  std::byte* const producer_;  // read only; the data follows
  uint64_t last_ = 0;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_KERNEL_RING_H_
