#include "profiles/cloud.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>

#include "absl/debugging/stacktrace.h"

namespace bpfmap {

void SpinThenYield::Once() {
  // A lock is held for tens of nanoseconds. Whoever waits longer waits for a
  // thread that is not running, or for a resize.
  constexpr int kSpins = 64;
  if (spins_ < kSpins) {
    ++spins_;
  } else {
    std::this_thread::yield();
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
