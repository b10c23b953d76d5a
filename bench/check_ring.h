// SPDX-License-Identifier: Apache-2.0

// As check.h, for ring buffers: whether all records come, and the last one
// last.

#ifndef BPFMAP_BENCH_CHECK_RING_H_
#define BPFMAP_BENCH_CHECK_RING_H_

#include <cstdint>

#include "absl/status/status.h"
#include "bench/operations.h"
#include "bench/workload.h"
#include "bpfmap/maps/errno.h"

namespace bpfmap::bench {

// A ring is empty at the start.
template <RingView View>
absl::Status Fill(View&, const Workload&) {
  return absl::OkStatus();
}

// `view` is to have `count` records for its consumer, with the numbers from 0.
template <typename View>
absl::Status CheckRecords(View& view, uint64_t count) {
  if (view.Consume() == count && view.last() == count - 1) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      "the records that were written, before it was timed, do not come out");
}

template <typename Operation, RingView View>
absl::Status Check(View& view, const Workload&) {
  constexpr uint64_t kCount = 1000;
  for (uint64_t number = 0; number < kCount; ++number) {
    const Errno error = ReserveSubmit::Run(view, {.key = nullptr,
                                                  .old_key = nullptr,
                                                  .value = nullptr,
                                                  .number = number});
    if (error != Errno::kOk) {
      return absl::InternalError("there is no room in an empty ring");
    }
  }
  return CheckRecords(view, kCount);
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_CHECK_RING_H_
