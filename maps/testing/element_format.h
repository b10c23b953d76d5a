// SPDX-License-Identifier: Apache-2.0

// ElementFormat: keys and values of a map as text, for snapshots and traces.
//
// Bytes of a number's size are shown as that number in the order of this
// machine, "7"; a prefix as one, "10.0.0.0/8"; parts for CPUs in brackets,
// "[1, 0]"; all others in hex, "0x0a0b0c". The typed form shows what GoogleTest
// prints for a K and a V.
//
// Thread-safe: constant after construction.

#ifndef BPFMAP_MAPS_TESTING_ELEMENT_FORMAT_H_
#define BPFMAP_MAPS_TESTING_ELEMENT_FORMAT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "bpfmap/maps/lpm_key.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"

namespace bpfmap::internal {

// The number that 1, 2, 4 or 8 bytes are.
inline bool AsNumber(absl::string_view bytes, uint64_t* number) {
  const auto load = [&]<typename T>(T word) {
    std::memcpy(&word, bytes.data(), sizeof word);
    *number = word;
    return true;
  };
  switch (bytes.size()) {
    case 1:
      return load(uint8_t{});
    case 2:
      return load(uint16_t{});
    case 4:
      return load(uint32_t{});
    case 8:
      return load(uint64_t{});
  }
  return false;
}

inline std::string BytesToText(absl::string_view bytes) {
  uint64_t number;
  if (AsNumber(bytes, &number)) return absl::StrCat(number);
  constexpr std::size_t kShown = 32;
  return absl::StrCat("0x", absl::BytesToHexString(bytes.substr(0, kShown)),
                      bytes.size() > kShown ? "..." : "");
}

template <uint32_t kBytes>
bool PrefixToText(absl::string_view bytes, std::string* text) {
  LpmKey<kBytes> key;
  if (bytes.size() != sizeof key) return false;
  std::memcpy(&key, bytes.data(), sizeof key);
  *text = key.ToString();
  return true;
}

// An object of type T as GoogleTest prints it.
template <typename T>
std::string ObjectToText(absl::string_view bytes) {
  T object;
  std::memcpy(&object, bytes.data(), sizeof object);
  return ::testing::PrintToString(object);
}

class ElementFormat {
 public:
  using ToText = std::function<std::string(absl::string_view bytes)>;

  explicit ElementFormat(const MapDef& def)
      : ElementFormat(def, KeyToText(def), &BytesToText) {}

  template <typename K, typename V>
  static ElementFormat Typed(const MapDef& def) {
    return ElementFormat(def, &ObjectToText<K>, &ObjectToText<V>);
  }

  std::string Key(absl::string_view bytes) const { return key_(bytes); }

  // Of the user view: with a part for each CPU, where the type has them.
  std::string Value(absl::string_view bytes) const {
    if (!IsPerCpu(type_)) return value_(bytes);
    const std::size_t stride = (std::size_t{value_size_} + 7) / 8 * 8;
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < bytes.size(); at += stride) {
      parts.push_back(Part(bytes.substr(at, value_size_)));
    }
    return absl::StrCat("[", absl::StrJoin(parts, ", "), "]");
  }

  // Of the program view: one value.
  std::string Part(absl::string_view bytes) const { return value_(bytes); }

  // The order in which keys are shown: by number, or else byte by byte.
  static bool IsBefore(absl::string_view a, absl::string_view b) {
    uint64_t number_a, number_b;
    if (AsNumber(a, &number_a) && AsNumber(b, &number_b)) {
      return number_a < number_b;
    }
    return a < b;
  }

 private:
  ElementFormat(const MapDef& def, ToText key, ToText value)
      : type_(def.type),
        value_size_(def.value_size),
        key_(std::move(key)),
        value_(std::move(value)) {}

  static ToText KeyToText(const MapDef& def) {
    if (def.type != MapType::kLpmTrie) return &BytesToText;
    return [](absl::string_view bytes) {
      std::string text;
      const bool has_text =
          PrefixToText<4>(bytes, &text) || PrefixToText<16>(bytes, &text);
      return has_text ? text : BytesToText(bytes);
    };
  }

  MapType type_;
  uint32_t value_size_;
  ToText key_;
  ToText value_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_TESTING_ELEMENT_FORMAT_H_
