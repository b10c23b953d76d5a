#include "bpfmap/profiles/thread_number.h"

#include <atomic>
#include <bit>
#include <cstdint>

namespace bpfmap {
namespace internal {

constinit thread_local int thread_number = kThreadNumberNotAskedFor;

}  // namespace internal

namespace {

// Bit i says whether some thread has the number i.
constinit std::atomic<uint64_t> taken{0};
static_assert(kThreadNumbers == 64);

int Take() {
  uint64_t before = taken.load(std::memory_order_relaxed);
  while (~before != 0) {
    const int number = std::countr_one(before);
    // Acquire pairs with the release in the destructor below.
    if (taken.compare_exchange_weak(before, before | uint64_t{1} << number,
                                    std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      return number;
    }
  }
  return kNoThreadNumber;
}

// Gives the number of its thread back when that ends.
struct Owner {
  ~Owner() {
    const int number = internal::thread_number;
    internal::thread_number = kNoThreadNumber;
    taken.fetch_and(~(uint64_t{1} << number), std::memory_order_release);
  }
};

}  // namespace

int internal::FindThreadNumber() {
  thread_number = Take();
  if (thread_number != kNoThreadNumber) {
    static thread_local const Owner owner;
    static_cast<void>(owner);
  }
  return thread_number;
}

}  // namespace bpfmap
