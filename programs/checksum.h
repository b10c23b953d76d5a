// SPDX-License-Identifier: Apache-2.0
//
// Sums of the internet checksum (RFC 1071), as the helpers for it pass them on:
// 32 bits that are not folded yet, of 16-bit words in the order of memory.

#ifndef BPFMAP_PROGRAMS_CHECKSUM_H_
#define BPFMAP_PROGRAMS_CHECKSUM_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bpfmap {

using Sum = uint32_t;

constexpr Sum AddSums(Sum a, Sum b) {
  const Sum sum = a + b;
  return sum + (sum < a ? 1 : 0);
}

// `seed` plus the words of the data. Adds 8 bytes at once, as Linux does: which
// of the two forms of zero comes out, 0 or all ones, hangs on that.
inline Sum SumOf(const uint8_t* data, std::size_t size, Sum seed) {
  uint64_t sum = seed;
  for (std::size_t at = 0; at < size; at += 8) {
    uint64_t part = 0;
    std::memcpy(&part, data + at, size - at < 8 ? size - at : 8);
    sum += part;
    sum += sum < part ? 1 : 0;
  }
  return static_cast<Sum>((sum + (sum >> 32 | sum << 32)) >> 32);
}

// To 16 bits.
constexpr uint16_t Fold(Sum sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

constexpr uint16_t ToNetwork(uint16_t number) {
  if constexpr (std::endian::native == std::endian::big) return number;
  return static_cast<uint16_t>(number << 8 | number >> 8);
}

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_CHECKSUM_H_
