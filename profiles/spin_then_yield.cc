// SPDX-License-Identifier: Apache-2.0
#include "bpfmap/profiles/spin_then_yield.h"

#include <algorithm>
#include <atomic>

#include "bpfmap/profiles/platform/platform.h"

namespace bpfmap {

void SpinThenYield::Pause() {
  // A lock is held for tens of nanoseconds, and for a microsecond or two where
  // much is done at once. A thread that waits for some 5 waits for one that is
  // not running, or for a resize.
  constexpr int kSpins = 64;
  constexpr int kMostDoublings = 8;
  if (spins_ == kSpins) {
    platform::YieldThread();
    return;
  }
  // Each look takes the lock's cache line from the holder, so they become rare.
  // (Here is nothing to do in between: in a virtual machine, an instruction
  // that makes a CPU pause may cost far more than the wait.)
  const int turns = 1 << std::min(spins_++, kMostDoublings);
  for (int turn = 0; turn < turns; ++turn) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

}  // namespace bpfmap
