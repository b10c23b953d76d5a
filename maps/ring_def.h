// SPDX-License-Identifier: Apache-2.0

// What BPF_MAP_TYPE_RINGBUF and BPF_MAP_TYPE_USER_RINGBUF share: the flags of
// their helpers, the sizes that they come in, and what a callback is.
//
// Numbers are Linux's. Source: Documentation/bpf/ringbuf.rst, bpf-helpers(7).

#ifndef BPFMAP_MAPS_RING_DEF_H_
#define BPFMAP_MAPS_RING_DEF_H_

#include <bit>
#include <concepts>
#include <cstdint>

#include "bpfmap/maps/flags.h"
#include "bpfmap/maps/internal/ring/ring_memory.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

// Whether the consumer is woken, BPF_RB_*. Without either flag Linux's rule.
enum class RingFlags : uint64_t {};
template <>
inline constexpr bool kIsFlags<RingFlags> = true;

inline constexpr RingFlags kRbNoWakeup{1};     // nobody
inline constexpr RingFlags kRbForceWakeup{2};  // everybody who waits

// What Query() is asked, BPF_RB_*.
inline constexpr uint64_t kRbAvailData = 0;  // bytes not consumed yet
inline constexpr uint64_t kRbRingSize = 1;   // bytes of the ring
inline constexpr uint64_t kRbConsPos = 2;    // the consumer position
inline constexpr uint64_t kRbProdPos = 3;    // the producer position

// The max_entries of a ring: bytes, a power of two, and whole pages.
constexpr bool IsRingSize(uint32_t bytes) {
  return bytes != 0 && (bytes & (bytes - 1)) == 0 &&
         bytes % internal::kRingPageSize == 0;
}

// The size that libbpf picks where a program asks for a ring of `bytes`: the
// smallest that IsRingSize() and is no less. 0, and what is more than 2^31,
// stay as they are, for the map to refuse.
constexpr uint32_t RoundUpRingSize(uint32_t bytes) {
  if (bytes == 0 || bytes > 1U << 31) return bytes;
  const uint32_t size = std::bit_ceil(bytes);
  return size < internal::kRingPageSize ? internal::kRingPageSize : size;
}

// A function that is called with each record. Its result is explained where it
// is passed.
template <typename F>
concept RingCallback = requires(F& callback, void* data, uint32_t size) {
  { callback(data, size) } -> std::convertible_to<int>;
};

// The event that the user side of a ring sleeps on, where threads can sleep.
template <typename P>
struct RingEvent {};
template <HasEvent P>
struct RingEvent<P> {
  typename P::Event event;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_RING_DEF_H_
