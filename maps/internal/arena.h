// SPDX-License-Identifier: Apache-2.0

// Arena: one piece of memory for all parts of a map.
//
// A map takes all its memory at once, so that it gets all of it or, where
// memory is spent, none: a StaticPool cannot take anything back.
//
//   Arena<P> arena(memory);
//   if (!arena.Allocate(Arena<P>::AlignedSize(a) +
//                       Arena<P>::AlignedSize(b))) ...
//   first = arena.Take(a);
//   second = arena.Take(b);
//
//   | first    : padding | second         : pad |
//   ^ cache line         ^ cache line

#ifndef BPFMAP_MAPS_INTERNAL_ARENA_H_
#define BPFMAP_MAPS_INTERNAL_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <limits>

#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

template <Profile P>
class Arena {
 public:
  explicit Arena(typename P::Memory& memory) : memory_(memory) {}
  ~Arena() { memory_.Deallocate(start_); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Bytes of an arena that a part of `bytes` takes: parts start on cache lines.
  static constexpr uint64_t AlignedSize(uint64_t bytes) {
    return (bytes + P::kCacheLineSize - 1) & ~uint64_t{P::kCacheLineSize - 1};
  }

  // Takes `bytes` of zeroed memory. Returns false if there are not so many.
  // REQUIRES: called once; `bytes` is a sum of part sizes.
  bool Allocate(uint64_t bytes) {
    BPFMAP_DCHECK(P, start_ == nullptr);
    if (bytes > std::numeric_limits<std::size_t>::max()) return false;
    start_ = static_cast<std::byte*>(
        memory_.Allocate(static_cast<std::size_t>(bytes), P::kCacheLineSize));
    free_ = start_;
    return start_ != nullptr;
  }

  // The next part. REQUIRES: all parts fit into what was allocated.
  std::byte* Take(uint64_t bytes) {
    BPFMAP_DCHECK(P, free_ != nullptr);
    std::byte* const part = free_;
    free_ += AlignedSize(bytes);
    return part;
  }

 private:
  typename P::Memory& memory_;
  std::byte* start_ = nullptr;
  std::byte* free_ = nullptr;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_ARENA_H_
