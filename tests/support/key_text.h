// SPDX-License-Identifier: Apache-2.0

// KeyText: how a message names a key: by its bytes, whose order is the
// machine's.

#ifndef BPFMAP_TESTS_SUPPORT_KEY_TEXT_H_
#define BPFMAP_TESTS_SUPPORT_KEY_TEXT_H_

#include <cstdint>
#include <cstring>
#include <string>

namespace bpfmap {

// "key 0x07000000" for 7, where the low byte comes first.
inline std::string KeyText(uint32_t key) {
  constexpr char kDigits[] = "0123456789abcdef";
  unsigned char bytes[sizeof key];
  std::memcpy(bytes, &key, sizeof key);
  std::string text = "key 0x";
  for (const unsigned char byte : bytes) {
    text += {kDigits[byte / 16], kDigits[byte % 16]};
  }
  return text;
}

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_KEY_TEXT_H_
