// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/profiles/thread_number.h"

#include <atomic>
#include <bit>
#include <cstdint>

#include "bpfmap/profiles/platform/platform.h"

namespace bpfmap {
namespace {

// Bit i says whether some thread has the number i.
constinit std::atomic<uint64_t> taken{0};
static_assert(kThreadNumbers == 64);

int Take() {
  uint64_t before = taken.load(std::memory_order_relaxed);
  while (~before != 0) {
    const int number = std::countr_one(before);
    // Acquire pairs with the release in GiveBack().
    if (taken.compare_exchange_weak(before, before | uint64_t{1} << number,
                                    std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      return number;
    }
  }
  return kNoThreadNumber;
}

void SetThreadNumber(int number) {
  platform::SetThreadWord(number + internal::kThreadWordOfNumber0);
}

// Gives the number of the calling thread back, which ends.
void GiveBack() {
  const int number = ThreadNumber();
  SetThreadNumber(kNoThreadNumber);
  taken.fetch_and(~(uint64_t{1} << number), std::memory_order_release);
}

}  // namespace

int internal::FindThreadNumber() {
  const int number = Take();
  SetThreadNumber(number);
  if (number != kNoThreadNumber) platform::CallAtThreadExit(GiveBack);
  return number;
}

}  // namespace bpfmap
