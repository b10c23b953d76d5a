// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/btf_types.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace bpfmap {
namespace {

constexpr uint16_t kMagic = 0xeb9f;
constexpr int kDeepest = 32;  // types that lead to types

struct Header {
  uint16_t magic;
  uint8_t version, flags;
  uint32_t size, types, types_size, strings, strings_size;
};
static_assert(sizeof(Header) == 24);

// "struct rule", or "struct {...}" without a name.
std::string WithKind(const char* kind, std::string_view name) {
  std::string text(kind);
  return text.append(" ").append(name.empty() ? "{...}" : name);
}

constexpr BtfKind KindIn(uint32_t info) {
  return static_cast<BtfKind>(info >> 24 & 0x1f);
}

}  // namespace

// Words of 4 bytes that follow the three of every type.
std::size_t BtfTypes::WordsAfter(uint32_t info) {
  const std::size_t length = info & 0xffff;
  switch (KindIn(info)) {
    case BtfKind::kInt:
    case BtfKind::kVariable:
    case BtfKind::kDeclTag:
      return 1;
    case BtfKind::kArray:
      return 3;
    case BtfKind::kStruct:
    case BtfKind::kUnion:
    case BtfKind::kSection:
    case BtfKind::kEnum64:
      return 3 * length;
    case BtfKind::kEnum:
    case BtfKind::kPrototype:
      return 2 * length;
    default:
      return 0;
  }
}

bool BtfTypes::Parse(std::vector<uint8_t> data) {
  data_ = std::move(data);
  types_.clear();
  Header header;
  if (data_.size() < sizeof header) return false;
  std::memcpy(&header, data_.data(), sizeof header);
  const auto part_is_in = [&](uint64_t start, uint64_t size) {
    return header.size + start + size <= data_.size();
  };
  if (header.magic != kMagic || header.version != 1 ||
      !part_is_in(header.types, header.types_size) ||
      !part_is_in(header.strings, header.strings_size)) {
    return false;
  }
  strings_ = std::size_t{header.size} + header.strings;
  strings_size_ = header.strings_size;
  std::size_t at = std::size_t{header.size} + header.types;
  const std::size_t end = at + header.types_size;
  types_.push_back(0);
  while (at + sizeof(Raw) <= end) {
    Raw raw;
    std::memcpy(&raw, data_.data() + at, sizeof raw);
    const std::size_t size = sizeof raw + 4 * WordsAfter(raw.info);
    if (size > end - at) return false;
    types_.push_back(at);
    at += size;
  }
  return at == end;
}

BtfTypes::Raw BtfTypes::RawOf(uint32_t type) const {
  Raw raw = {};
  if (type == 0 || type >= types_.size()) return raw;
  std::memcpy(&raw, data_.data() + types_[type], sizeof raw);
  return raw;
}

uint32_t BtfTypes::Word(uint32_t type, std::size_t index) const {
  if (index >= WordsAfter(RawOf(type).info)) return 0;
  uint32_t word;
  std::memcpy(&word, data_.data() + types_[type] + sizeof(Raw) + index * 4,
              sizeof word);
  return word;
}

std::string_view BtfTypes::StringAt(uint32_t offset) const {
  if (offset >= strings_size_) return {};
  const char* const start =
      reinterpret_cast<const char*>(data_.data()) + strings_ + offset;
  return {start, strnlen(start, strings_size_ - offset)};
}

std::size_t BtfTypes::BytesOf(uint32_t type) const {
  return type == 0 ? 0 : sizeof(Raw) + 4 * WordsAfter(RawOf(type).info);
}

BtfKind BtfTypes::KindOf(uint32_t type) const {
  return KindIn(RawOf(type).info);
}

std::string_view BtfTypes::NameOf(uint32_t type) const {
  return StringAt(RawOf(type).name);
}

uint32_t BtfTypes::TargetOf(uint32_t type) const {
  switch (KindOf(type)) {
    case BtfKind::kPointer:
    case BtfKind::kTypedef:
    case BtfKind::kVolatile:
    case BtfKind::kConst:
    case BtfKind::kRestrict:
    case BtfKind::kFunction:
    case BtfKind::kPrototype:
    case BtfKind::kVariable:
    case BtfKind::kTypeTag:
      return RawOf(type).size_or_type;
    default:
      return 0;
  }
}

uint32_t BtfTypes::Resolve(uint32_t type) const {
  for (int depth = 0; depth < kDeepest; ++depth) {
    switch (KindOf(type)) {
      case BtfKind::kTypedef:
      case BtfKind::kVolatile:
      case BtfKind::kConst:
      case BtfKind::kRestrict:
      case BtfKind::kVariable:
      case BtfKind::kTypeTag:
        type = RawOf(type).size_or_type;
        break;
      default:
        return type;
    }
  }
  return 0;
}

uint64_t BtfTypes::SizeOf(uint32_t type) const {
  constexpr uint64_t kLargest = UINT32_MAX;
  const auto up_to_largest = [](uint64_t size) {
    return size <= kLargest ? size : 0;
  };
  uint64_t count = 1;
  for (int depth = 0; depth < kDeepest; ++depth) {
    type = Resolve(type);
    switch (KindOf(type)) {
      case BtfKind::kInt:
      case BtfKind::kStruct:
      case BtfKind::kUnion:
      case BtfKind::kEnum:
      case BtfKind::kEnum64:
      case BtfKind::kFloat:
      case BtfKind::kSection:
        return up_to_largest(count * RawOf(type).size_or_type);
      case BtfKind::kPointer:
        return up_to_largest(count * 8);
      case BtfKind::kArray: {
        const Array array = ArrayOf(type);
        count = up_to_largest(count * array.count);
        type = array.type;
        break;
      }
      default:
        return 0;
    }
  }
  return 0;
}

std::vector<BtfTypes::Member> BtfTypes::MembersOf(uint32_t type) const {
  std::vector<Member> members;
  const BtfKind kind = KindOf(type);
  if (kind != BtfKind::kStruct && kind != BtfKind::kUnion) return members;
  const bool has_bit_sizes = RawOf(type).info >> 31 != 0;
  for (uint32_t i = 0; i < LengthOf(type); ++i) {
    const uint32_t place = Word(type, 3 * std::size_t{i} + 2);
    Member member;
    member.name = StringAt(Word(type, 3 * std::size_t{i}));
    member.type = Word(type, 3 * std::size_t{i} + 1);
    member.bit_offset = has_bit_sizes ? place & 0xffffff : place;
    member.bit_size = has_bit_sizes ? place >> 24 : 0;
    members.push_back(member);
  }
  return members;
}

BtfTypes::Array BtfTypes::ArrayOf(uint32_t type) const {
  if (KindOf(type) != BtfKind::kArray) return {};
  return {Word(type, 0), Word(type, 2)};
}

std::vector<BtfTypes::Parameter> BtfTypes::ParametersOf(
    uint32_t prototype) const {
  std::vector<Parameter> parameters;
  if (KindOf(prototype) != BtfKind::kPrototype) return parameters;
  for (uint32_t i = 0; i < LengthOf(prototype); ++i) {
    parameters.push_back({StringAt(Word(prototype, 2 * std::size_t{i})),
                          Word(prototype, 2 * std::size_t{i} + 1)});
  }
  return parameters;
}

std::vector<BtfTypes::Enumerator> BtfTypes::EnumeratorsOf(uint32_t type) const {
  std::vector<Enumerator> values;
  const BtfKind kind = KindOf(type);
  for (std::size_t i = 0; i < LengthOf(type); ++i) {
    if (kind == BtfKind::kEnum) {
      const uint32_t value = Word(type, 2 * i + 1);
      values.push_back({StringAt(Word(type, 2 * i)),
                        IsSigned(type) ? static_cast<int32_t>(value)
                                       : static_cast<int64_t>(value)});
    } else if (kind == BtfKind::kEnum64) {
      const uint64_t low = Word(type, 3 * i + 1), high = Word(type, 3 * i + 2);
      values.push_back({StringAt(Word(type, 3 * i)),
                        static_cast<int64_t>(high << 32 | low)});
    }
  }
  return values;
}

std::vector<BtfTypes::Variable> BtfTypes::VariablesOf(uint32_t section) const {
  std::vector<Variable> variables;
  if (KindOf(section) != BtfKind::kSection) return variables;
  for (std::size_t i = 0; i < LengthOf(section); ++i) {
    variables.push_back({Word(section, 3 * i), Word(section, 3 * i + 1),
                         Word(section, 3 * i + 2)});
  }
  return variables;
}

bool BtfTypes::IsSigned(uint32_t type) const {
  const Raw raw = RawOf(type);
  switch (KindIn(raw.info)) {
    case BtfKind::kInt:
      return (Word(type, 0) >> 24 & 1) != 0;
    case BtfKind::kEnum:
    case BtfKind::kEnum64:
      return raw.info >> 31 != 0;
    default:
      return false;
  }
}

uint32_t BtfTypes::BitsOf(uint32_t type) const {
  return KindOf(type) == BtfKind::kInt
             ? Word(type, 0) & 0xff
             : static_cast<uint32_t>(SizeOf(type)) * 8;
}

uint32_t BtfTypes::Find(std::string_view name, BtfKind kind) const {
  for (uint32_t type = 1; type < count(); ++type) {
    if (KindOf(type) == kind && NameOf(type) == name) return type;
  }
  return 0;
}

std::string BtfTypes::Spell(uint32_t type) const {
  std::string after;
  for (int depth = 0; depth < kDeepest; ++depth) {
    const std::string_view name = NameOf(type);
    switch (KindOf(type)) {
      case BtfKind::kVoid:
        return after.insert(0, "void");
      case BtfKind::kStruct:
      case BtfKind::kForward:
        return WithKind("struct", name).append(after);
      case BtfKind::kUnion:
        return WithKind("union", name).append(after);
      case BtfKind::kEnum:
      case BtfKind::kEnum64:
        return WithKind("enum", name).append(after);
      case BtfKind::kPointer:
        if (after.compare(0, 2, " *") == 0) {
          after.insert(1, "*");
        } else {
          after.insert(0, " *");
        }
        break;
      case BtfKind::kArray: {
        const Array array = ArrayOf(type);
        after.append("[").append(std::to_string(array.count)).append("]");
        type = array.type;
        continue;
      }
      case BtfKind::kPrototype:
        return after.insert(0, "function");
      case BtfKind::kVolatile:
      case BtfKind::kConst:
      case BtfKind::kRestrict:
      case BtfKind::kTypeTag:
      case BtfKind::kVariable:
        break;
      default:
        return after.insert(0, name);
    }
    type = TargetOf(type);
  }
  return "?";
}

}  // namespace bpfmap
