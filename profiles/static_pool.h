// SPDX-License-Identifier: Apache-2.0

// StaticPool: a fixed block of memory that is handed out and never taken back.
//
// It has no constructor to run and needs no heap: declare one as
// `constinit StaticPool<64 * 1024> pool;` and give its address to the maps.
// Each block is zeroed, aligned as asked (8 at least), and a multiple of 8
// bytes long, so what a row of allocations takes does not depend on their
// order as long as none asks for more than 8.
//
// Thread-safe, except Reset().

#ifndef BPFMAP_PROFILES_STATIC_POOL_H_
#define BPFMAP_PROFILES_STATIC_POOL_H_

#include <atomic>
#include <cstddef>
#include <cstring>

namespace bpfmap {

template <std::size_t kBytes>
class StaticPool {
  static_assert(kBytes % 8 == 0);

 public:
  static constexpr std::size_t kTotalSize = kBytes;

  constexpr StaticPool() = default;
  StaticPool(const StaticPool&) = delete;
  StaticPool& operator=(const StaticPool&) = delete;

  // Returns `bytes` (1 or more, rounded up to a multiple of 8) of zeroed
  // memory, or null if fewer are left; the pool is then as it was. `alignment`
  // is a power of two, up to kMaxAlignment.
  void* Allocate(std::size_t bytes, std::size_t alignment) {
    if (alignment < 8) alignment = 8;
    if (bytes > kTotalSize || alignment > kMaxAlignment) return nullptr;
    bytes = (bytes + 7) & ~std::size_t{7};
    // Relaxed: the bytes handed out were zero before any thread started, or
    // before Reset() returned.
    std::size_t used = used_.load(std::memory_order_relaxed);
    std::size_t start;
    do {
      start = (used + alignment - 1) & ~(alignment - 1);
      if (start > kTotalSize || bytes > kTotalSize - start) return nullptr;
    } while (!used_.compare_exchange_weak(used, start + bytes,
                                          std::memory_order_relaxed));
    return bytes_ + start;
  }

  // Memory is never given back.
  void Deallocate(void*) {}

  // Bytes that are left. A size that was asked for and is no larger fits, if
  // its alignment is 8 or less.
  std::size_t remaining() const {
    return kTotalSize - used_.load(std::memory_order_relaxed);
  }

  // Empties the pool. For tests.
  // REQUIRES: no map lives in it, and no other thread uses it.
  void Reset() {
    std::memset(bytes_, 0, used_.load(std::memory_order_relaxed));
    used_.store(0, std::memory_order_relaxed);
  }

 private:
  static constexpr std::size_t kMaxAlignment = 64;

  alignas(kMaxAlignment) std::byte bytes_[kTotalSize] = {};
  std::atomic<std::size_t> used_{0};
};

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_STATIC_POOL_H_
