// HashBytes: 64 bits from a key and a seed.
//
// Each 8 bytes of the key are mixed into the state by a 64 x 64 -> 128 bit
// multiplication whose halves are folded together (the idea of wyhash and
// MUM). The state starts from the seed, so keys that collide under one seed do
// not under another.

#ifndef BPFMAP_MAPS_INTERNAL_HASH_FUNCTION_H_
#define BPFMAP_MAPS_INTERNAL_HASH_FUNCTION_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bpfmap::internal {

// High half of a * b, xor its low half. Written with 32-bit parts: not every
// target has a 128-bit type.
constexpr uint64_t MultiplyFold(uint64_t a, uint64_t b) {
  const uint64_t a_low = a & 0xffffffff, a_high = a >> 32;
  const uint64_t b_low = b & 0xffffffff, b_high = b >> 32;
  const uint64_t low = a_low * b_low;
  const uint64_t middle1 = a_high * b_low + (low >> 32);
  const uint64_t middle2 = a_low * b_high + (middle1 & 0xffffffff);
  const uint64_t high = a_high * b_high + (middle1 >> 32) + (middle2 >> 32);
  return high ^ (a * b);
}

inline uint64_t HashBytes(const void* key, std::size_t size, uint64_t seed) {
  // Odd constants without a pattern: fractional bits of square roots.
  constexpr uint64_t kStart = 0x6a09e667f3bcc909;   // of 2
  constexpr uint64_t kWord = 0xbb67ae8584caa73b;    // of 3
  constexpr uint64_t kFinish = 0x3c6ef372fe94f82b;  // of 5
  const char* bytes = static_cast<const char*>(key);
  uint64_t state = MultiplyFold(seed ^ kStart, size ^ kFinish);
  for (; size >= 8; bytes += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    state = MultiplyFold(state ^ word, kWord ^ seed);
  }
  if (size > 0) {
    uint64_t word = 0;
    std::memcpy(&word, bytes, size);
    state = MultiplyFold(state ^ word, kWord ^ seed);
  }
  return MultiplyFold(state ^ kFinish, kFinish);
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_HASH_FUNCTION_H_
