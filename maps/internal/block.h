// Block: one piece of memory for several parts of a map.
//
// A map takes what it needs in one piece, so that it has all of it or, where
// memory is spent, has taken nothing: a StaticPool cannot take anything back.
//
//   Block<P> block(memory);
//   if (!block.Allocate(Block<P>::PartSize(a) + Block<P>::PartSize(b))) ...
//   first = block.Carve(a);
//   second = block.Carve(b);

#ifndef BPFMAP_MAPS_INTERNAL_BLOCK_H_
#define BPFMAP_MAPS_INTERNAL_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <limits>

#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

template <Profile P>
class Block {
 public:
  explicit Block(typename P::Memory& memory) : memory_(memory) {}
  ~Block() { memory_.Deallocate(start_); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // What a part of `bytes` takes of a block: parts start on cache lines.
  static constexpr uint64_t PartSize(uint64_t bytes) {
    return (bytes + P::kCacheLineSize - 1) & ~uint64_t{P::kCacheLineSize - 1};
  }

  // Takes `bytes` of zeroed memory. Returns false if there are not so many.
  // REQUIRES: called once; `bytes` is a sum of part sizes.
  bool Allocate(uint64_t bytes) {
    if (bytes > std::numeric_limits<std::size_t>::max()) return false;
    start_ = static_cast<std::byte*>(
        memory_.Allocate(static_cast<std::size_t>(bytes), P::kCacheLineSize));
    free_ = start_;
    return start_ != nullptr;
  }

  // The next part. REQUIRES: all parts fit into what was allocated.
  std::byte* Carve(uint64_t bytes) {
    std::byte* const part = free_;
    free_ += PartSize(bytes);
    return part;
  }

 private:
  typename P::Memory& memory_;
  std::byte* start_ = nullptr;
  std::byte* free_ = nullptr;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_BLOCK_H_
