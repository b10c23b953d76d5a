// SPDX-License-Identifier: Apache-2.0

// BloomBits: the bits of a bloom filter. A value sets as many bits as there are
// hash functions, and may be there if all of them are set.
//
// There are as many bits as on Linux: 7/5 for each value and hash function (a
// little less than 1/ln 2), rounded up to a power of two, at least 64. With n
// values in it, a filter of m bits and k hash functions finds a value that is
// not there with a probability of about (1 - exp(-k * n / m)) ^ k.
//
// With kLinux the bits are those that Linux computes with the seed 0, so that
// even the false answers are Linux's. Otherwise one hash is multiplied by as
// many constants, which is faster. (The sum of one half and multiples of the
// other would be faster still, but in a small filter two values then share all
// of their bits too often.)
//
// Thread-safe. Bits are only ever set. Test() takes no lock, nor does Add() of
// a value whose bits are all set, as most are in a filter that is in use. Other
// bits are set under a lock by loads and stores, which together cost as much as
// one atomic addition, of which there would be one for each bit. Accesses are
// relaxed: a Test() that is ordered after an Add() sees its bits, and no other
// data depends on them.

#ifndef BPFMAP_MAPS_INTERNAL_BLOOM_BITS_H_
#define BPFMAP_MAPS_INTERNAL_BLOOM_BITS_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/hash/hash_function.h"
#include "bpfmap/maps/internal/hash/jhash.h"
#include "bpfmap/maps/internal/hash/key.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

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
        arena_(memory) {}

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
    return Arena<P>::AlignedSize(Count(max_entries, hashes) / 8);
  }

  // Returns false if there is no memory. REQUIRES: called once, before anything
  // else.
  bool Init(uint32_t max_entries) {
    const uint64_t bytes = MemoryNeeded(max_entries, hashes_);
    if (!arena_.Allocate(bytes)) return false;
    words_ = reinterpret_cast<uint32_t*>(arena_.Take(bytes));
    mask_ = static_cast<uint32_t>(Count(max_entries, hashes_) - 1);
    return true;
  }

  // Makes `value` one that may be there. Where bits of it are missing,
  // may_add() is asked with the lock held; returns false if it says no.
  template <typename MayAdd>
  bool Add(const void* value, MayAdd may_add) {
    uint32_t positions[kMaxHashes];
    Find(value, positions);
    if (AreSet(positions)) return true;
    WriterLock lock(mutex_);
    if (!may_add()) return false;
    for (uint32_t i = 0; i < hashes_; ++i) {
      uint32_t* const word = &words_[positions[i] / 32];
      const uint32_t bit = uint32_t{1} << positions[i] % 32;
      // No other thread stores: this one holds the lock.
      __atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) | bit,
                       __ATOMIC_RELAXED);
    }
    return true;
  }

  // Whether `value` may be there.
  bool Test(const void* value) const {
    uint32_t positions[kMaxHashes];
    Find(value, positions);
    return AreSet(positions);
  }

  // Runs `change` while no other thread sets bits.
  template <typename Change>
  void WithLocked(Change change) {
    WriterLock lock(mutex_);
    change();
  }

 private:
  static constexpr uint32_t kMaxHashes = 15;

  // Odd numbers without a pattern.
  static constexpr std::array<uint64_t, kMaxHashes> kMultipliers = [] {
    std::array<uint64_t, kMaxHashes> multipliers{};
    for (uint64_t i = 0; i < kMaxHashes; ++i) {
      multipliers[i] = HashFunction::Finish(i) | 1;
    }
    return multipliers;
  }();

  // Where the bits of `value` are.
  void Find(const void* value, uint32_t (&positions)[kMaxHashes]) const {
    if (kind_ == BloomHash::kLinux) {
      for (uint32_t i = 0; i < hashes_; ++i) {
        positions[i] = Jhash(value, value_size_, i) & mask_;
      }
      return;
    }
    const uint64_t hash = value_size_ == 8   ? WordHash<uint64_t>(value)
                          : value_size_ == 4 ? WordHash<uint32_t>(value)
                                             : hash_(value, value_size_);
    for (uint32_t i = 0; i < hashes_; ++i) {
      positions[i] =
          static_cast<uint32_t>(hash * kMultipliers[i] >> 32) & mask_;
    }
  }

  // Looks at all of them: to stop at the first that is missing would be a jump
  // that no processor can foresee.
  bool AreSet(const uint32_t (&positions)[kMaxHashes]) const {
    uint32_t set = 1;
    for (uint32_t i = 0; i < hashes_; ++i) {
      const uint32_t word =
          __atomic_load_n(&words_[positions[i] / 32], __ATOMIC_RELAXED);
      set &= word >> positions[i] % 32;
    }
    return set != 0;
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
  Arena<P> arena_;

  // Away from what readers read.
  alignas(P::kCacheLineSize) typename P::Mutex mutex_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_BLOOM_BITS_H_
