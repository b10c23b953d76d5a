// SPDX-License-Identifier: Apache-2.0
#include "bpfmap/profiles/spin_then_yield.h"

#include <algorithm>
#include <atomic>

#include "bpfmap/profiles/platform/platform.h"

namespace bpfmap {

void Spins::Pause(int first, int most) {
  // A lock is held for tens of nanoseconds, and for a microsecond or two where
  // much is done at once. A thread that waits for some 5 waits for one that is
  // not running, or for a resize.
  constexpr int kMostTurns = 1 << 14;
  if (spent_ >= kMostTurns) {
    platform::YieldThread();
    return;
  }
  turns_ = std::clamp(2 * turns_, first, most);
  spent_ += turns_;
  // Each look takes the lock's cache line from the holder. (Here is nothing to
  // do in between: in a virtual machine, an instruction that makes a CPU pause
  // may cost far more than the wait.)
  for (int turn = turns_; turn > 0; --turn) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

}  // namespace bpfmap
