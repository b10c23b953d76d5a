// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/btf_value.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>

namespace bpfmap {
namespace {

constexpr int kDeepest = 16;
constexpr uint32_t kMostBits = 64;

// Looks for a member, through structs and unions without a name. Each type is
// searched once, and is then in `searched`: damaged ones may hold themselves.
bool FindMember(const BtfTypes& types, std::string_view name, int depth,
                std::set<uint32_t>* searched, BtfPlace* place) {
  if (!searched->insert(place->type).second) return false;
  for (const BtfTypes::Member& member : types.MembersOf(place->type)) {
    const uint32_t offset = place->offset + member.offset();
    if (member.name == name) {
      place->type = types.Resolve(member.type);
      place->offset = offset;
      place->bit = member.bit_size == 0 ? 0 : member.bit_offset % 8;
      place->bits = std::min(member.bit_size, kMostBits);
      return true;
    }
    if (!member.name.empty() || depth == kDeepest) continue;
    BtfPlace inner = {types.Resolve(member.type), offset, 0, 0};
    if (!FindMember(types, name, depth + 1, searched, &inner)) continue;
    *place = inner;
    return true;
  }
  return false;
}

std::string MemberNames(const BtfTypes& types, uint32_t type) {
  std::string names;
  for (const BtfTypes::Member& member : types.MembersOf(type)) {
    if (member.name.empty()) continue;
    names += (names.empty() ? "" : ", ") + std::string(member.name);
  }
  return names.empty() ? "none" : names;
}

// "[3]", at the start of *path.
std::string TakeIndex(const BtfTypes& types, std::string_view* path,
                      BtfPlace* place) {
  const std::size_t end = path->find(']');
  uint32_t index = 0;
  const std::string_view digits = path->substr(1, end - 1);
  const auto result =
      std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (end == std::string_view::npos || result.ec != std::errc()) {
    return "\"" + std::string(*path) + "\" is no index";
  }
  const BtfTypes::Array array = types.ArrayOf(place->type);
  // An array without a size, at the end of a struct, takes any index.
  if (array.type == 0 || (array.count != 0 && index >= array.count)) {
    return types.Spell(place->type) + " has no element " +
           std::to_string(index);
  }
  place->offset += index * static_cast<uint32_t>(types.SizeOf(array.type));
  place->type = types.Resolve(array.type);
  path->remove_prefix(end + 1);
  return "";
}

}  // namespace

std::string FindPlace(const BtfTypes& types, uint32_t type,
                      std::string_view path, BtfPlace* place) {
  *place = {types.Resolve(type), 0, 0, 0};
  while (!path.empty()) {
    if (path.front() == '[') {
      std::string reason = TakeIndex(types, &path, place);
      if (!reason.empty()) return reason;
      continue;
    }
    if (path.front() == '.') path.remove_prefix(1);
    const std::size_t end = path.find_first_of(".[");
    const std::string_view name = path.substr(0, end);
    const uint32_t in = place->type;
    std::set<uint32_t> searched;
    if (!FindMember(types, name, 0, &searched, place)) {
      return types.Spell(in) + " has no member \"" + std::string(name) +
             "\"; it has: " + MemberNames(types, in);
    }
    path.remove_prefix(name.size());
  }
  return "";
}

uint64_t EndOf(const BtfTypes& types, const BtfPlace& place) {
  return place.offset + std::max<uint64_t>(types.SizeOf(place.type),
                                           (place.bit + place.bits + 7) / 8);
}

void PutNumber(const BtfTypes& types, const BtfPlace& place, uint64_t number,
               std::span<uint8_t> bytes) {
  if (place.bits != 0) {
    for (uint32_t i = 0; i < place.bits; ++i) {
      const uint32_t bit = place.bit + i;
      uint8_t& byte = bytes[place.offset + bit / 8];
      const auto mask = static_cast<uint8_t>(1U << bit % 8);
      byte = static_cast<uint8_t>((number >> i & 1) != 0 ? byte | mask
                                                         : byte & ~mask);
    }
    return;
  }
  const auto size = static_cast<std::size_t>(types.SizeOf(place.type));
  uint8_t* const to = bytes.data() + place.offset;
  const auto byte = static_cast<uint8_t>(number);
  const auto half = static_cast<uint16_t>(number);
  const auto word = static_cast<uint32_t>(number);
  switch (size) {
    case 1:
      *to = byte;
      return;
    case 2:
      std::memcpy(to, &half, size);
      return;
    case 4:
      std::memcpy(to, &word, size);
      return;
    case 8:
      std::memcpy(to, &number, size);
  }
}

uint64_t GetNumber(const BtfTypes& types, const BtfPlace& place,
                   std::span<const uint8_t> bytes) {
  uint64_t number = 0;
  if (place.bits != 0) {
    for (uint32_t i = 0; i < place.bits; ++i) {
      const uint32_t bit = place.bit + i;
      number |=
          static_cast<uint64_t>(bytes[place.offset + bit / 8] >> (bit % 8) & 1)
          << i;
    }
    return number;
  }
  const bool is_signed = types.IsSigned(place.type);
  const uint8_t* const from = bytes.data() + place.offset;
  const uint64_t size = types.SizeOf(place.type);
  switch (size) {
    case 1:
      return is_signed ? static_cast<uint64_t>(static_cast<int8_t>(*from))
                       : *from;
    case 2: {
      uint16_t half;
      std::memcpy(&half, from, sizeof half);
      return is_signed ? static_cast<uint64_t>(static_cast<int16_t>(half))
                       : half;
    }
    case 4: {
      uint32_t word;
      std::memcpy(&word, from, sizeof word);
      return is_signed ? static_cast<uint64_t>(static_cast<int32_t>(word))
                       : word;
    }
    default:
      std::memcpy(&number, from, std::min<uint64_t>(size, sizeof number));
      return number;
  }
}

}  // namespace bpfmap
