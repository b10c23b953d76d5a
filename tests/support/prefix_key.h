// SPDX-License-Identifier: Apache-2.0

// Keys of LPM tries for tests: 10.1.0.0/16 is Ip(0x0a010000, 16).

#ifndef BPFMAP_TESTS_SUPPORT_PREFIX_KEY_H_
#define BPFMAP_TESTS_SUPPORT_PREFIX_KEY_H_

#include <cstdint>
#include <cstring>
#include <ostream>
#include <vector>

namespace bpfmap {

// As struct bpf_lpm_trie_key with the 4 bytes of an IPv4 address.
struct PrefixKey {
  uint32_t length;
  uint8_t address[4];

  friend bool operator==(const PrefixKey& a, const PrefixKey& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
};

inline PrefixKey Ip(uint32_t address, uint32_t length) {
  return {
      length,
      {static_cast<uint8_t>(address >> 24), static_cast<uint8_t>(address >> 16),
       static_cast<uint8_t>(address >> 8), static_cast<uint8_t>(address)}};
}

inline void PrintTo(const PrefixKey& key, std::ostream* out) {
  const uint8_t* const a = key.address;
  *out << +a[0] << "." << +a[1] << "." << +a[2] << "." << +a[3] << "/"
       << key.length;
}

// A key with data of any size, all zero.
inline std::vector<uint8_t> ZeroPrefix(uint32_t key_size, uint32_t length) {
  std::vector<uint8_t> key(key_size);
  std::memcpy(key.data(), &length, sizeof length);
  return key;
}

// Turns bit `at` of the data of `key` over.
inline void FlipBit(std::vector<uint8_t>* key, uint32_t at) {
  (*key)[4 + at / 8] ^= static_cast<uint8_t>(0x80 >> at % 8);
}

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_PREFIX_KEY_H_
