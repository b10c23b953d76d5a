// SPDX-License-Identifier: Apache-2.0

// LpmKey: the key of an LPM trie, from text and back.
//
//   auto routes = ProgramMap<LpmKey<4>, uint32_t>::Create(trie.get());
//   routes->Update(LpmKey<4>::Parse("10.0.0.0/8").value(), 1);
//   uint32_t* route = routes->Lookup({32, {10, 1, 2, 3}});
//
// It is laid out as `struct bpf_lpm_trie_key_u8` of <linux/bpf.h> with `kBytes`
// bytes of data, which are in the order of the network. LpmKey<4> is an address
// of IPv4, LpmKey<16> one of IPv6; other sizes have no text.
//
// A plain value, to be initialized as an aggregate. Works without a map and
// without an operating system.

#ifndef BPFMAP_MAPS_LPM_KEY_H_
#define BPFMAP_MAPS_LPM_KEY_H_

#include <compare>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bpfmap {

namespace internal {

// For the `bytes` (4 or 16) of an address at `data`.
absl::Status ParseLpmKey(absl::string_view text, uint8_t* data, uint32_t bytes,
                         uint32_t* prefixlen);
std::string LpmKeyToString(const uint8_t* data, uint32_t bytes,
                           uint32_t prefixlen);

}  // namespace internal

template <uint32_t kBytes>
struct LpmKey {
  static_assert(kBytes >= 1 && kBytes <= 256,
                "a trie's key has 1 to 256 bytes");
  static_assert(kBytes % 4 == 0, "the size must leave no padding");
  static constexpr uint32_t kBits = kBytes * 8;

  uint32_t prefixlen;    // bits; of a trie's key, kBits at most
  uint8_t data[kBytes];  // the address; bits after the prefix do not count

  // The key of "10.0.0.0/8" or "2001:db8::/32" (RFC 4291, section 2.2); without
  // a length the key is the whole address. Bits after the prefix are kept as
  // they are, which is how a trie takes them.
  //   INVALID_ARGUMENT  text that is no such address, with spaces or a zone; a
  //                     length that is not a number from 0 to kBits
  static absl::StatusOr<LpmKey> Parse(absl::string_view text) requires(
      kBytes == 4 || kBytes == 16) {
    LpmKey key;
    absl::Status status =
        internal::ParseLpmKey(text, key.data, kBytes, &key.prefixlen);
    if (!status.ok()) return status;
    return key;
  }

  // "10.0.0.0/8"; for IPv6 in the form of RFC 5952: "2001:db8::/32".
  std::string ToString() const requires(kBytes == 4 || kBytes == 16) {
    return internal::LpmKeyToString(data, kBytes, prefixlen);
  }

  // It compares with 0, which clang-tidy 14 takes for a pointer.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  friend auto operator<=>(const LpmKey&, const LpmKey&) = default;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_LPM_KEY_H_
