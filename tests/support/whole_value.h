// SPDX-License-Identifier: Apache-2.0

// Values that show whether they are whole: one 8-byte word, over and over.

#ifndef BPFMAP_TESTS_SUPPORT_WHOLE_VALUE_H_
#define BPFMAP_TESTS_SUPPORT_WHOLE_VALUE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace bpfmap {

// Fills `value` with `word`; the last one is cut off where `value` ends.
inline void FillValue(uint64_t word, std::vector<std::byte>* value) {
  for (std::size_t at = 0; at < value->size(); at += sizeof word) {
    std::memcpy(value->data() + at, &word,
                std::min(sizeof word, value->size() - at));
  }
}

inline std::vector<std::byte> ValueOf(uint64_t word, std::size_t size) {
  std::vector<std::byte> value(size);
  FillValue(word, &value);
  return value;
}

// The word that the `size` bytes at `value` repeat, 8 at least; none if they do
// not: they come from more than one value.
inline std::optional<uint64_t> WordOf(const void* value, std::size_t size) {
  const std::byte* const bytes = static_cast<const std::byte*>(value);
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  for (std::size_t at = sizeof word; at < size; at += sizeof word) {
    if (std::memcmp(bytes + at, &word, std::min(sizeof word, size - at)) != 0) {
      return std::nullopt;
    }
  }
  return word;
}

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_WHOLE_VALUE_H_
