// SPDX-License-Identifier: Apache-2.0

// The keys of an LPM trie: a number of bits, most significant first.
//
// A key is a uint32_t prefix length in the byte order of the machine, followed
// by the data: bit 0 is the top bit of its first byte. Bits from the length on
// ("host bits") are kept, and mean nothing.
//
// In map memory the data is a row of words, bit 0 being the top bit of the
// first one, so that bits are compared a word at a time; the last word is
// filled up with zeros. Data of 4 bytes at most is one word of 4 bytes.
// WithPrefix() chooses once per operation between data of one word, which is
// held in a register, and any other.

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

// Whether `size` bytes of data are one word of 4 bytes.
constexpr bool IsNarrow(uint32_t size) { return size <= sizeof(uint32_t); }

// Bytes that hold `size` bytes of data.
constexpr uint32_t BitsSize(uint32_t size) {
  return IsNarrow(size) ? sizeof(uint32_t)
                        : BitWordsFor(size) * sizeof(BitWord);
}

// From a word of data as it lies in a key to one whose top bit is bit 0, and
// back.
template <typename Word>
Word TopBitFirst(Word word) {
  if constexpr (std::endian::native == std::endian::big) return word;
  if constexpr (sizeof(Word) == 8) return __builtin_bswap64(word);
  return __builtin_bswap32(static_cast<uint32_t>(word));
}

// The first `size` bytes of `data`, as a word: 1 to sizeof(Word) of them, or
// more, of which the rest counts for nothing.
template <typename Word>
Word LoadBits(const std::byte* data, uint32_t size) {
  Word word = 0;
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
template <typename Word>
void CopyWordsOut(std::byte* data, const std::byte* words, uint32_t size) {
  for (uint32_t at = 0; at < size; at += sizeof(Word)) {
    const Word word = TopBitFirst(LoadWord<Word>(words + at));
    std::memcpy(data + at, &word,
                std::min<std::size_t>(size - at, sizeof word));
  }
}
inline void CopyBitsOut(std::byte* data, const std::byte* words,
                        uint32_t size) {
  if (IsNarrow(size)) return CopyWordsOut<uint32_t>(data, words, size);
  CopyWordsOut<BitWord>(data, words, size);
}

// The first bits of `words`, which hold `size` bytes of data.
inline BitWord FirstBits(const std::byte* words, uint32_t size) {
  if (!IsNarrow(size)) return LoadWord<BitWord>(words);
  return BitWord{LoadWord<uint32_t>(words)} << (kBitsPerWord - 32);
}

// Bit `at` of `words`, which hold `size` bytes of data.
inline uint32_t BitOf(const std::byte* words, uint32_t size, uint32_t at) {
  if (IsNarrow(size)) return LoadWord<uint32_t>(words) >> (31 - at) & 1;
  const std::byte* const word = words + at / kBitsPerWord * sizeof(BitWord);
  return LoadWord<BitWord>(word) >> (kBitsPerWord - 1 - at % kBitsPerWord) & 1;
}

// A key with data of one word at most.
template <typename Word>
class ShortPrefix {
 public:
  // How far after a length, which is at a multiple of 8, the bits are.
  static constexpr uint32_t kBitsOffset = sizeof(Word);

  ShortPrefix(const void* key, uint32_t data_size)
      : length_(PrefixLengthOf(key)),
        word_(LoadBits<Word>(
            static_cast<const std::byte*>(key) + kPrefixLengthSize,
            data_size)) {}

  uint32_t length() const { return length_; }

  // REQUIRES: at < length(), as of all kinds.
  uint32_t Bit(uint32_t at) const { return word_ >> (kWordBits - 1 - at) & 1; }

  // The first `count` bits, as a number. REQUIRES: 0 < count <= 32, and no more
  // than the data has.
  uint32_t Top(uint32_t count) const {
    return static_cast<uint32_t>(word_ >> (kWordBits - count));
  }

  // Whether the first `count` bits are those of `words`; the first `known` are
  // known to be.
  bool Matches(const std::byte* words, uint32_t, uint32_t count) const {
    return count == 0 ||
           (LoadWord<Word>(words) ^ word_) >> (kWordBits - count) == 0;
  }

  // How many bits from the start are those of `words`, up to `limit`.
  uint32_t Common(const std::byte* words, uint32_t limit) const {
    const Word differing = LoadWord<Word>(words) ^ word_;
    return std::min<uint32_t>(limit, std::countl_zero(differing));
  }

  void CopyTo(std::byte* words) const { StoreWord(words, word_); }

 private:
  static constexpr uint32_t kWordBits = 8 * sizeof(Word);

  uint32_t length_;
  Word word_;
};

// A key with any data.
class LongPrefix {
 public:
  static constexpr uint32_t kBitsOffset = sizeof(BitWord);

  LongPrefix(const void* key, uint32_t data_size)
      : length_(PrefixLengthOf(key)),
        data_(static_cast<const std::byte*>(key) + kPrefixLengthSize),
        data_size_(data_size) {}

  uint32_t length() const { return length_; }

  uint32_t Bit(uint32_t at) const {
    return Word(at / kBitsPerWord) >> (kBitsPerWord - 1 - at % kBitsPerWord) &
           1;
  }

  uint32_t Top(uint32_t count) const {
    return static_cast<uint32_t>(Word(0) >> (kBitsPerWord - count));
  }

  bool Matches(const std::byte* words, uint32_t known, uint32_t count) const {
    return CommonFrom(words, known, count) == count;
  }

  uint32_t Common(const std::byte* words, uint32_t limit) const {
    return CommonFrom(words, 0, limit);
  }

  void CopyTo(std::byte* words) const {
    for (uint32_t i = 0; i < BitWordsFor(data_size_); ++i) {
      StoreWord(words + i * sizeof(BitWord), Word(i));
    }
  }

 private:
  // The first `known` bits are known to be common.
  uint32_t CommonFrom(const std::byte* words, uint32_t known,
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

  BitWord Word(uint32_t i) const {
    const uint32_t at = i * sizeof(BitWord);
    return LoadBits<BitWord>(data_ + at, data_size_ - at);
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
  if (IsNarrow(data_size)) {
    return visitor(ShortPrefix<uint32_t>(key, data_size));
  }
  if constexpr (sizeof(BitWord) > sizeof(uint32_t)) {
    if (data_size <= sizeof(BitWord)) {
      return visitor(ShortPrefix<BitWord>(key, data_size));
    }
  }
  return visitor(LongPrefix(key, data_size));
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_PREFIX_H_
