// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/btf_format.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace bpfmap {
namespace {

constexpr int kDeepest = 8;
constexpr std::size_t kMostElements = 16;
constexpr std::size_t kMostBytes = 32;

uint64_t NumberOf(std::span<const uint8_t> bytes, bool is_signed) {
  switch (bytes.size()) {
    case 1:
      return is_signed ? static_cast<uint64_t>(static_cast<int8_t>(bytes[0]))
                       : bytes[0];
    case 2: {
      uint16_t value;
      std::memcpy(&value, bytes.data(), sizeof value);
      return is_signed ? static_cast<uint64_t>(static_cast<int16_t>(value))
                       : value;
    }
    case 4: {
      uint32_t value;
      std::memcpy(&value, bytes.data(), sizeof value);
      return is_signed ? static_cast<uint64_t>(static_cast<int32_t>(value))
                       : value;
    }
    default: {
      uint64_t value;
      std::memcpy(&value, bytes.data(), sizeof value);
      return value;
    }
  }
}

std::string NumberText(std::span<const uint8_t> bytes, bool is_signed) {
  const uint64_t number = NumberOf(bytes, is_signed);
  return is_signed ? std::to_string(static_cast<int64_t>(number))
                   : std::to_string(number);
}

std::string Hex(std::span<const uint8_t> bytes) {
  std::string text;
  for (std::size_t i = 0; i < std::min(bytes.size(), kMostBytes); ++i) {
    char byte[4];
    std::snprintf(byte, sizeof byte, "%02x", bytes[i]);
    text += (i == 0 ? "" : " ") + std::string(byte);
  }
  return bytes.size() > kMostBytes ? text + " ..." : text;
}

bool IsNumberSize(std::size_t size) {
  return size == 1 || size == 2 || size == 4 || size == 8;
}

class Formatter {
 public:
  explicit Formatter(const BtfTypes& types) : types_(types) {}

  std::string Format(uint32_t type, std::span<const uint8_t> bytes,
                     int depth) const {
    const uint32_t resolved = types_.Resolve(type);
    const std::size_t size = static_cast<std::size_t>(types_.SizeOf(resolved));
    if (size == 0 || size > bytes.size() || depth == kDeepest) {
      return IsNumberSize(bytes.size()) ? NumberText(bytes, false) : Hex(bytes);
    }
    bytes = bytes.first(size);
    switch (types_.KindOf(resolved)) {
      case BtfKind::kInt:
        if (!IsNumberSize(size)) break;
        // Addresses of the network are read byte by byte.
        if (types_.Spell(type) == "__be32") return Dotted(bytes);
        return NumberText(bytes, types_.IsSigned(resolved));
      case BtfKind::kEnum:
      case BtfKind::kEnum64:
        if (!IsNumberSize(size)) break;
        return Enumerator(resolved, bytes);
      case BtfKind::kPointer: {
        char text[24];
        std::snprintf(text, sizeof text, "0x%llx",
                      static_cast<unsigned long long>(NumberOf(bytes, false)));
        return text;
      }
      case BtfKind::kArray:
        return Array(resolved, bytes, depth);
      case BtfKind::kStruct:
        return Struct(resolved, bytes, depth);
      default:
        break;
    }
    return Hex(bytes);
  }

 private:
  static std::string Dotted(std::span<const uint8_t> bytes) {
    std::string text;
    for (uint8_t byte : bytes) {
      text += (text.empty() ? "" : ".") + std::to_string(byte);
    }
    return text;
  }

  std::string Enumerator(uint32_t type, std::span<const uint8_t> bytes) const {
    const auto number =
        static_cast<int64_t>(NumberOf(bytes, types_.IsSigned(type)));
    for (const BtfTypes::Enumerator& value : types_.EnumeratorsOf(type)) {
      if (value.value == number) return std::string(value.name);
    }
    return std::to_string(number);
  }

  std::string Array(uint32_t type, std::span<const uint8_t> bytes,
                    int depth) const {
    const BtfTypes::Array array = types_.ArrayOf(type);
    const std::size_t size =
        static_cast<std::size_t>(types_.SizeOf(array.type));
    if (size == 1 && types_.NameOf(types_.Resolve(array.type)) == "char") {
      const auto end = std::find(bytes.begin(), bytes.end(), 0);
      return "\"" + std::string(bytes.begin(), end) + "\"";
    }
    if (size <= 1) return Hex(bytes);
    std::string text = "{";
    for (std::size_t i = 0; i < array.count; ++i) {
      if (i == kMostElements) return text + ", ...}";
      text += (i == 0 ? "" : ", ") +
              Format(array.type, bytes.subspan(i * size, size), depth + 1);
    }
    return text + "}";
  }

  std::string Struct(uint32_t type, std::span<const uint8_t> bytes,
                     int depth) const {
    std::string text = "{";
    for (const BtfTypes::Member& member : types_.MembersOf(type)) {
      const std::size_t size =
          static_cast<std::size_t>(types_.SizeOf(member.type));
      // A bit-field may be in fewer bytes than its type has.
      const uint64_t end =
          member.bit_size != 0
              ? (uint64_t{member.bit_offset} + member.bit_size + 7) / 8
              : uint64_t{member.offset()} + size;
      if (end > bytes.size()) continue;
      if (text.size() > 1) text += ", ";
      if (!member.name.empty()) text += "." + std::string(member.name) + " = ";
      text += member.bit_size != 0
                  ? Bits(member, bytes)
                  : Format(member.type, bytes.subspan(member.offset(), size),
                           depth + 1);
    }
    return text + "}";
  }

  static std::string Bits(const BtfTypes::Member& member,
                          std::span<const uint8_t> bytes) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < std::min(member.bit_size, 64U); ++i) {
      const uint32_t bit = member.bit_offset + i;
      value |= static_cast<uint64_t>(bytes[bit / 8] >> (bit % 8) & 1) << i;
    }
    return std::to_string(value);
  }

  const BtfTypes& types_;
};

}  // namespace

std::string FormatValue(const BtfTypes& types, uint32_t type,
                        std::span<const uint8_t> bytes) {
  return Formatter(types).Format(type, bytes, 0);
}

std::string PartAt(const BtfTypes& types, uint32_t type, uint32_t offset,
                   uint32_t size, uint32_t* part) {
  std::string path;
  *part = type;
  for (int depth = 0; depth < kDeepest; ++depth) {
    const uint32_t resolved = types.Resolve(*part);
    if (offset == 0 && types.SizeOf(resolved) == size) return path;
    if (types.KindOf(resolved) == BtfKind::kArray) {
      const BtfTypes::Array array = types.ArrayOf(resolved);
      const auto each = static_cast<uint32_t>(types.SizeOf(array.type));
      if (each == 0) break;
      path += "[" + std::to_string(offset / each) + "]";
      offset %= each;
      *part = array.type;
      continue;
    }
    bool found = false;
    for (const BtfTypes::Member& member : types.MembersOf(resolved)) {
      const uint64_t end = member.offset() + types.SizeOf(member.type);
      if (offset < member.offset() || offset >= end) continue;
      if (!member.name.empty()) path += "." + std::string(member.name);
      offset -= member.offset();
      *part = member.type;
      found = true;
      break;
    }
    if (!found) break;
  }
  *part = 0;
  return path;
}

}  // namespace bpfmap
