// SPDX-License-Identifier: Apache-2.0

// Jhash: the hash function that Linux uses for maps, by Bob Jenkins (lookup3,
// http://burtleburtle.net/bob/c/lookup3.c, public domain).
//
// Slower than hash_function.h. It is for what must come out as on Linux, bit by
// bit, on a machine of the same byte order: Linux hashes a size that is a
// multiple of 4 as words of the machine (jhash2), and of any other size the
// last 12 bytes or fewer as if the low byte came first (jhash).

#ifndef BPFMAP_MAPS_INTERNAL_HASH_JHASH_H_
#define BPFMAP_MAPS_INTERNAL_HASH_JHASH_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bpfmap::internal {

// REQUIRES: size > 0.
inline uint32_t Jhash(const void* key, uint32_t size, uint32_t seed) {
  const std::byte* at = static_cast<const std::byte*>(key);
  const bool is_words = size % 4 == 0;
  uint32_t a = 0xdeadbeef + size + seed;
  uint32_t b = a;
  uint32_t c = a;
  uint32_t words[3];
  for (; size > 12; at += 12, size -= 12) {
    std::memcpy(words, at, 12);
    a += words[0], b += words[1], c += words[2];
    a -= c, a ^= std::rotl(c, 4), c += b;
    b -= a, b ^= std::rotl(a, 6), a += c;
    c -= b, c ^= std::rotl(b, 8), b += a;
    a -= c, a ^= std::rotl(c, 16), c += b;
    b -= a, b ^= std::rotl(a, 19), a += c;
    c -= b, c ^= std::rotl(b, 4), b += a;
  }
  // The rest; bytes that are missing count as zero.
  const auto word = [&](uint32_t offset) {
    uint32_t value = 0;
    if (size <= offset) return value;
    if (size >= offset + 4 &&
        (is_words || std::endian::native == std::endian::little)) {
      std::memcpy(&value, at + offset, 4);
      return value;
    }
    for (uint32_t i = offset; i < size && i < offset + 4; ++i) {
      value |= std::to_integer<uint32_t>(at[i]) << 8 * (i - offset);
    }
    return value;
  };
  a += word(0), b += word(4), c += word(8);
  c ^= b, c -= std::rotl(b, 14);
  a ^= c, a -= std::rotl(c, 11);
  b ^= a, b -= std::rotl(a, 25);
  c ^= b, c -= std::rotl(b, 16);
  a ^= c, a -= std::rotl(c, 4);
  b ^= a, b -= std::rotl(a, 14);
  c ^= b, c -= std::rotl(b, 24);
  return c;
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_HASH_JHASH_H_
