// BloomBits: the bits of a bloom filter. A value sets as many bits as there are
// hash functions, and may be there if all of them are set.
//
// There are as many bits as on Linux: 7/5 for each value and hash function (a
// little less than 1/ln 2), rounded up to a power of two, at least 64. With n
// values in it, a filter of m bits and k hash functions finds a value that is
// not there with a probability of about (1 - exp(-k * n / m)) ^ k.
//
// Which bits these are: with kLinux what Linux computes with the seed 0, so
// that even the false answers are Linux's. Otherwise two halves of one hash,
// combined, which is faster (Kirsch and Mitzenmacher, "Less Hashing, Same
// Performance", 2006).
//
// Thread-safe, without locks. Bits are only ever set, and each access is an
// atomic one. They are relaxed: a Test() that anything else orders behind an
// Add() sees its bits, and no other data hangs on them.

#ifndef BPFMAP_MAPS_INTERNAL_BLOOM_BITS_H_
#define BPFMAP_MAPS_INTERNAL_BLOOM_BITS_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "maps/internal/block.h"
#include "maps/internal/hash_function.h"
#include "maps/internal/jhash.h"
#include "maps/internal/key.h"
#include "profiles/profile.h"

namespace bpfmap::internal {

enum class BloomHash { kFast, kLinux };

template <Profile P>
class BloomBits {
 public:
  // `hashes`: how many hash functions there are, 1 to 15.
  BloomBits(typename P::Memory& memory, uint32_t value_size, uint32_t hashes,
            BloomHash kind)
      : value_size_(value_size),
        hashes_(hashes),
        kind_(kind),
        hash_(P::RandomSeed()),
        block_(memory) {}

  // How many bits a filter has.
  static constexpr uint64_t Count(uint32_t max_entries, uint32_t hashes) {
    constexpr uint32_t kMax = std::numeric_limits<uint32_t>::max();
    const uint64_t ones = uint64_t{max_entries} * hashes;
    const uint64_t bits = ones / 5 * 7;
    if (ones > kMax || bits > uint64_t{1} << 31) return uint64_t{1} << 32;
    return bits <= 64 ? 64 : std::bit_ceil(bits);
  }

  // Bytes that Init() takes from the memory.
  static constexpr uint64_t MemoryNeeded(uint32_t max_entries,
                                         uint32_t hashes) {
    return Block<P>::PartSize(Count(max_entries, hashes) / 8);
  }

  // Returns false if there is no memory. REQUIRES: called once, before anything
  // else.
  bool Init(uint32_t max_entries) {
    const uint64_t bytes = MemoryNeeded(max_entries, hashes_);
    if (!block_.Allocate(bytes)) return false;
    words_ = reinterpret_cast<uint32_t*>(block_.Carve(bytes));
    mask_ = static_cast<uint32_t>(Count(max_entries, hashes_) - 1);
    return true;
  }

  // Makes `value` one that may be there.
  void Add(const void* value) {
    ForEachBit(value, [](uint32_t* word, uint32_t bit) {
      // A filter that is in use has most bits already. To look first leaves the
      // line with all who read it.
      if ((__atomic_load_n(word, __ATOMIC_RELAXED) & bit) == 0) {
        __atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
      }
      return true;
    });
  }

  // Whether `value` may be there.
  bool Test(const void* value) const {
    return ForEachBit(value, [](const uint32_t* word, uint32_t bit) {
      return (__atomic_load_n(word, __ATOMIC_RELAXED) & bit) != 0;
    });
  }

 private:
  // Calls visit(word, bit) for the bits of `value` until it returns false.
  template <typename Visitor>
  bool ForEachBit(const void* value, Visitor visit) const {
    const auto at = [&](uint32_t number) {
      number &= mask_;
      return visit(&words_[number / 32], uint32_t{1} << number % 32);
    };
    if (kind_ == BloomHash::kLinux) {
      for (uint32_t i = 0; i < hashes_; ++i) {
        if (!at(Jhash(value, value_size_, i))) return false;
      }
      return true;
    }
    const uint64_t hash = value_size_ == 8   ? WordHash<uint64_t>(value)
                          : value_size_ == 4 ? WordHash<uint32_t>(value)
                                             : hash_(value, value_size_);
    uint32_t number = static_cast<uint32_t>(hash);
    const uint32_t step = static_cast<uint32_t>(hash >> 32) | 1;
    for (uint32_t i = 0; i < hashes_; ++i, number += step) {
      if (!at(number)) return false;
    }
    return true;
  }

  template <typename Word>
  uint64_t WordHash(const void* value) const {
    return WordKey<Word>(value).Hash(hash_);
  }

  const uint32_t value_size_;
  const uint32_t hashes_;
  const BloomHash kind_;
  uint32_t mask_ = 0;
  const HashFunction hash_;
  uint32_t* words_ = nullptr;
  Block<P> block_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_BLOOM_BITS_H_
