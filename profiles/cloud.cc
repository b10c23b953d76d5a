#include "bpfmap/profiles/cloud.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>

#include "absl/debugging/stacktrace.h"

namespace bpfmap {

void SpinThenYield::Pause() {
  // A lock is held for tens of nanoseconds, and for a microsecond or two where
  // much is done at once. A thread that waits for some 5 waits for one that is
  // not running, or for a resize.
  constexpr int kSpins = 64;
  constexpr int kMostDoublings = 8;
  if (spins_ == kSpins) {
    std::this_thread::yield();
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

uint64_t Cloud::RandomSeed() {
  // To make one takes 20 us where a hypervisor answers for the processor.
  thread_local std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

int Cloud::CallStack(const void* caller, uint64_t* addresses, int most) {
  // How many frames lie between here and the caller depends on how each of them
  // was compiled, so the caller is looked for.
  constexpr int kMost = 127;
  constexpr int kBefore = 8;
  void* found[kBefore + kMost];
  void** const end =
      found + absl::GetStackTrace(found, kBefore + kMost, /*skip_count=*/0);
  void** const looked_at = std::min(found + kBefore, end);
  void** const first = std::find(found, looked_at, caller);
  if (first == looked_at) {
    addresses[0] = reinterpret_cast<uintptr_t>(caller);
    return 1;
  }
  const int count =
      static_cast<int>(std::min<std::ptrdiff_t>(end - first, most));
  std::transform(first, first + count, addresses, [](void* address) {
    return reinterpret_cast<uintptr_t>(address);
  });
  return count;
}

Heap& Cloud::DefaultMemory() {
  static constinit Heap heap;
  return heap;
}

}  // namespace bpfmap
