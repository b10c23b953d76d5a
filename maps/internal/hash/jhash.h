// Jhash: the hash function that Linux uses for maps, by Bob Jenkins (lookup3,
// http://burtleburtle.net/bob/c/lookup3.c, public domain).
//
// Slower than hash_function.h, but the same as Linux's, bit by bit; so far only
// on little-endian machines.

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
    if (size >= offset + 4) {
      std::memcpy(&value, at + offset, 4);
    } else if (size > offset) {
      std::memcpy(&value, at + offset, size - offset);
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
