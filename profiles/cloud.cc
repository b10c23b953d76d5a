#include "profiles/cloud.h"

#include <random>
#include <thread>

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
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

Heap& Cloud::DefaultMemory() {
  static constinit Heap heap;
  return heap;
}

}  // namespace bpfmap
