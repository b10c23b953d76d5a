// SPDX-License-Identifier: Apache-2.0

// HashFunction: 64 bits from a key, by a seed.
//
// Each 8 bytes of the key are mixed into the state by a 64 x 64 -> 128 bit
// multiplication whose halves are folded together (the idea of wyhash and MUM).
// State and multiplier come from the seed, so keys that collide under one seed
// do not under another: an attacker who does not know it cannot choose keys
// that do. Tables use the high half to find the group or chain, and the low
// byte as a tag.
//
// SmallHashFunction is the same for small machines: 32 bits, 4 bytes of the key
// at a time, and no product of more than 32 bits, for which a Cortex-M0 has no
// instruction. Each step multiplies twice by numbers from the seed, with a
// shift between: a difference in the highest bit alone, which no odd multiplier
// moves, is spread by the second one.

#ifndef BPFMAP_MAPS_INTERNAL_HASH_HASH_FUNCTION_H_
#define BPFMAP_MAPS_INTERNAL_HASH_HASH_FUNCTION_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/profiles/platform/unaligned.h"

namespace bpfmap::internal {

// High half of a * b, xor its low half.
constexpr uint64_t MultiplyFold(uint64_t a, uint64_t b) {
// Not every compiler has a 128-bit type. Where it has, this is one instruction
// and a third of the time of a lookup less.
#ifdef __SIZEOF_INT128__
  __extension__ typedef unsigned __int128 Uint128;
  const Uint128 product = static_cast<Uint128>(a) * b;
  return static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
#else
  const uint64_t a_low = a & 0xffffffff, a_high = a >> 32;
  const uint64_t b_low = b & 0xffffffff, b_high = b >> 32;
  const uint64_t low = a_low * b_low;
  const uint64_t middle1 = a_high * b_low + (low >> 32);
  const uint64_t middle2 = a_low * b_high + (middle1 & 0xffffffff);
  const uint64_t high = a_high * b_high + (middle1 >> 32) + (middle2 >> 32);
  return high ^ (a * b);
#endif
}

class HashFunction {
 public:
  constexpr explicit HashFunction(uint64_t seed)
      : state_(MultiplyFold(seed ^ kSqrt2, kSqrt5)),
        multiplier_((MultiplyFold(seed ^ kSqrt3, kSqrt2) ^ kSqrt3) | 1) {}

  // The hash of a key is Finish(Mix(Mix(Start(size), word), word)), with its
  // 8-byte words in order; the last one may be shorter. Without Finish, keys
  // with a pattern (multiples of 2^8, say) gather in some places under some
  // multipliers.
  constexpr uint64_t Start(std::size_t size) const { return state_ ^ size; }
  constexpr uint64_t Mix(uint64_t state, uint64_t word) const {
    return MultiplyFold(state ^ word, multiplier_);
  }
  static constexpr uint64_t Finish(uint64_t state) {
    return MultiplyFold(state ^ kSqrt5, kGoldenRatio);
  }

  // REQUIRES: size > 0.
  uint64_t operator()(const void* key, std::size_t size) const {
    const char* bytes = static_cast<const char*>(key);
    uint64_t state = Start(size);
    uint64_t word;
    for (; size > 8; bytes += 8, size -= 8) {
      std::memcpy(&word, bytes, 8);
      state = Mix(state, word);
    }
    word = 0;
    std::memcpy(&word, bytes, size);
    // A short word is the number that a load of `size` bytes gives, as key.h
    // hashes it: with the high byte first, it stands at the other end.
    if constexpr (std::endian::native == std::endian::big) {
      word >>= 8 * (8 - size);
    }
    return Finish(Mix(state, word));
  }

 private:
  // Odd constants without a pattern: fractional bits of irrational numbers.
  static constexpr uint64_t kSqrt2 = 0x6a09e667f3bcc909;
  static constexpr uint64_t kSqrt3 = 0xbb67ae8584caa73b;
  static constexpr uint64_t kSqrt5 = 0x3c6ef372fe94f82b;
  static constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15;

  uint64_t state_;
  uint64_t multiplier_;
};

class SmallHashFunction {
 public:
  constexpr explicit SmallHashFunction(uint64_t seed)
      : state_(Scramble(static_cast<uint32_t>(seed) ^ kSqrt2)),
        multiplier1_(Scramble(static_cast<uint32_t>(seed >> 32) ^ state_) | 1),
        multiplier2_(Scramble(multiplier1_ + kSqrt3) | 1) {}

  // The hash of a key is Mix(Mix(Start(size), word), word), with its 4-byte
  // words in order; the last one may be shorter.
  constexpr uint32_t Start(std::size_t size) const {
    return state_ ^ static_cast<uint32_t>(size);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr uint32_t Mix(uint32_t state,
                                                      uint32_t word) const {
    state = (state ^ word) * multiplier1_;
    state = (state ^ (state >> 15)) * multiplier2_;
    return state ^ (state >> 16);
  }
  static constexpr uint32_t Finish(uint32_t state) { return state; }

  // REQUIRES: size > 0.
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t operator()(const void* key,
                                                   std::size_t size) const {
    if (size == 4) {  // most keys
      return Mix(Start(4), platform::LoadUnaligned<uint32_t>(key));
    }
    return HashOther(key, size);
  }

 private:
  ABSL_ATTRIBUTE_NOINLINE uint32_t HashOther(const void* key,
                                             std::size_t size) const {
    const char* bytes = static_cast<const char*>(key);
    uint32_t state = Start(size);
    for (; size >= 4; bytes += 4, size -= 4) {
      state = Mix(state, platform::LoadUnaligned<uint32_t>(bytes));
    }
    if (size == 0) return state;
    uint32_t word = 0;
    std::memcpy(&word, bytes, size);
    return Mix(state, word);
  }

  static constexpr uint32_t kSqrt2 = 0x6a09e667;
  static constexpr uint32_t kSqrt3 = 0xbb67ae85;

  // Each bit of the result depends on each of `word`.
  static constexpr uint32_t Scramble(uint32_t word) {
    word = (word ^ (word >> 16)) * 0x7feb352d;
    word = (word ^ (word >> 15)) * 0x846ca68b;
    return word ^ (word >> 16);
  }

  uint32_t state_;
  uint32_t multiplier1_;
  uint32_t multiplier2_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_HASH_HASH_FUNCTION_H_
