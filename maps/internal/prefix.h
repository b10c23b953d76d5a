// SPDX-License-Identifier: Apache-2.0

// The keys of an LPM trie: a number of bits, most significant first.
//
// A key is a uint32_t prefix length in the byte order of the machine, followed
// by the data: bit 0 is the top bit of its first byte. Bits from the length on
// ("host bits") are kept, and mean nothing.
//
// In map memory the data is a row of words, bit 0 being the top bit of the
// first one, so that bits are compared a word at a time; the last word is
// filled up with zeros. WithPrefix() chooses once per operation between data of
// one word, which is held in a register, and any other.

#ifndef BPFMAP_MAPS_INTERNAL_PREFIX_H_
#define BPFMAP_MAPS_INTERNAL_PREFIX_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "bpfmap/maps/internal/atomic_bytes.h"

namespace bpfmap::internal {

using BitWord = std::conditional_t<kHasAtomic8, uint64_t, uint32_t>;
inline constexpr uint32_t kBitsPerWord = 8 * sizeof(BitWord);

// Bytes of a key in front of its data.
inline constexpr uint32_t kPrefixLengthSize = sizeof(uint32_t);

inline uint32_t PrefixLengthOf(const void* key) {
  uint32_t length;
  std::memcpy(&length, key, sizeof length);
  return length;
}

// How many words hold `size` bytes of data.
constexpr uint32_t BitWordsFor(uint32_t size) {
  return (size + sizeof(BitWord) - 1) / sizeof(BitWord);
}

// From a word of data as it lies in a key to one whose top bit is bit 0, and
// back.
inline BitWord TopBitFirst(BitWord word) {
  if constexpr (std::endian::native == std::endian::big) return word;
  if constexpr (sizeof(BitWord) == 8) return __builtin_bswap64(word);
  return __builtin_bswap32(static_cast<uint32_t>(word));
}

// The first `size` bytes of `data`, as a word: 1 to sizeof(BitWord) of them.
inline BitWord LoadBits(const std::byte* data, uint32_t size) {
  BitWord word = 0;
  if (size >= sizeof word) {
    std::memcpy(&word, data, sizeof word);
  } else if (size == 4) {  // an IPv4 address
    std::memcpy(&word, data, 4);
  } else {
    std::memcpy(&word, data, size);
  }
  return TopBitFirst(word);
}

// Copies the data of a key, `size` bytes, out of `words`.
inline void CopyBitsOut(std::byte* data, const std::byte* words,
                        uint32_t size) {
  for (uint32_t at = 0; at < size; at += sizeof(BitWord)) {
    const BitWord word = TopBitFirst(LoadWord<BitWord>(words + at));
    std::memcpy(data + at, &word,
                std::min<std::size_t>(size - at, sizeof word));
  }
}

// Bit `at` of `words`.
inline uint32_t BitOf(const std::byte* words, uint32_t at) {
  const std::byte* const word = words + at / kBitsPerWord * sizeof(BitWord);
  return LoadWord<BitWord>(word) >> (kBitsPerWord - 1 - at % kBitsPerWord) & 1;
}

// The first `count` bits of a word: 1 to kBitsPerWord of them.
inline BitWord TopBits(BitWord word, uint32_t count) {
  return word >> (kBitsPerWord - count);
}

// A key with data of one word at most.
class ShortPrefix {
 public:
  ShortPrefix(const void* key, uint32_t data_size)
      : length_(PrefixLengthOf(key)),
        word_(LoadBits(static_cast<const std::byte*>(key) + kPrefixLengthSize,
                       data_size)) {}

  uint32_t length() const { return length_; }

  uint32_t Bit(uint32_t at) const {
    return word_ >> (kBitsPerWord - 1 - at) & 1;
  }

  // The first `count` bits, as a number. REQUIRES: 0 < count < kBitsPerWord.
  BitWord Top(uint32_t count) const { return TopBits(word_, count); }

  // Whether the first `count` bits are those of `words`; the first `known` are
  // known to be.
  bool Matches(const std::byte* words, uint32_t, uint32_t count) const {
    return count == 0 || TopBits(LoadWord<BitWord>(words) ^ word_, count) == 0;
  }

  // How many bits from the start are those of `words`, up to `limit`.
  uint32_t Common(const std::byte* words, uint32_t, uint32_t limit) const {
    const BitWord differing = LoadWord<BitWord>(words) ^ word_;
    return std::min<uint32_t>(limit, std::countl_zero(differing));
  }

  bool Equals(const std::byte* words) const {
    return LoadWord<BitWord>(words) == word_;
  }
  void CopyTo(std::byte* words) const { StoreWord(words, word_); }

 private:
  uint32_t length_;
  BitWord word_;
};

// A key with any data.
class LongPrefix {
 public:
  LongPrefix(const void* key, uint32_t data_size)
      : length_(PrefixLengthOf(key)),
        data_(static_cast<const std::byte*>(key) + kPrefixLengthSize),
        data_size_(data_size) {}

  uint32_t length() const { return length_; }

  uint32_t Bit(uint32_t at) const {
    return Word(at / kBitsPerWord) >> (kBitsPerWord - 1 - at % kBitsPerWord) &
           1;
  }

  BitWord Top(uint32_t count) const { return TopBits(Word(0), count); }

  bool Matches(const std::byte* words, uint32_t known, uint32_t count) const {
    return Common(words, known, count) == count;
  }

  uint32_t Common(const std::byte* words, uint32_t known,
                  uint32_t limit) const {
    for (uint32_t i = known / kBitsPerWord; i * kBitsPerWord < limit; ++i) {
      const BitWord differing =
          LoadWord<BitWord>(words + i * sizeof(BitWord)) ^ Word(i);
      if (differing != 0) {
        const uint32_t equal = i * kBitsPerWord + std::countl_zero(differing);
        return std::min(limit, equal);
      }
    }
    return limit;
  }

  bool Equals(const std::byte* words) const {
    const uint32_t bits = BitWordsFor(data_size_) * kBitsPerWord;
    return Common(words, 0, bits) == bits;
  }
  void CopyTo(std::byte* words) const {
    for (uint32_t i = 0; i < BitWordsFor(data_size_); ++i) {
      StoreWord(words + i * sizeof(BitWord), Word(i));
    }
  }

 private:
  BitWord Word(uint32_t i) const {
    const uint32_t at = i * sizeof(BitWord);
    return LoadBits(data_ + at, data_size_ - at);
  }

  uint32_t length_;
  const std::byte* data_;
  uint32_t data_size_;
};

// Calls visitor(prefix) with the kind of key that suits `data_size`.
template <typename Visitor>
auto WithPrefix(const void* key, uint32_t data_size, Visitor visitor) {
  // A compiler that knows the caller's key would warn that it is too small for
  // the branches that are for other sizes. This makes it forget.
  asm("" : "+r"(key));
  if (data_size <= sizeof(BitWord)) return visitor(ShortPrefix(key, data_size));
  return visitor(LongPrefix(key, data_size));
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_PREFIX_H_
