// SPDX-License-Identifier: Apache-2.0
//
// Addresses of the network, from text, as they lie in packets and keys.
//
//   Ipv4("10.0.0.7")  Ipv6("fe80::1")  Mac("02:00:00:00:00:01")
//
// Text that is none is a Misuse (misuse.h), and gives zeros. Values: copy them
// freely.

#ifndef BPFMAP_PROGRAMS_ADDRESS_H_
#define BPFMAP_PROGRAMS_ADDRESS_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace bpfmap {

struct Ipv4 {
  Ipv4() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): as text in calls
  Ipv4(std::string_view text);
  // NOLINTNEXTLINE(google-explicit-constructor)
  Ipv4(const char* text) : Ipv4(std::string_view(text)) {}
  friend bool operator==(const Ipv4&, const Ipv4&) = default;
  friend auto operator<=>(const Ipv4&, const Ipv4&) = default;

  std::array<uint8_t, 4> bytes = {};  // of network order
};

struct Ipv6 {
  Ipv6() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Ipv6(std::string_view text);
  // NOLINTNEXTLINE(google-explicit-constructor)
  Ipv6(const char* text) : Ipv6(std::string_view(text)) {}
  friend bool operator==(const Ipv6&, const Ipv6&) = default;
  friend auto operator<=>(const Ipv6&, const Ipv6&) = default;

  std::array<uint8_t, 16> bytes = {};
};

struct Mac {
  Mac() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Mac(std::string_view text);
  // NOLINTNEXTLINE(google-explicit-constructor)
  Mac(const char* text) : Mac(std::string_view(text)) {}
  friend bool operator==(const Mac&, const Mac&) = default;
  friend auto operator<=>(const Mac&, const Mac&) = default;

  std::array<uint8_t, 6> bytes = {};
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_ADDRESS_H_
