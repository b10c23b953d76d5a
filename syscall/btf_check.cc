// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/btf_check.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace bpfmap {
namespace {

constexpr long kNotSupported = -524;  // ENOTSUPP
constexpr std::size_t kLongestName = 511;
constexpr uint32_t kMostBits = 128;
constexpr int kLongestChain = 64;  // of qualifiers
// Kinds newer than the header at hand may be.
constexpr uint32_t kDeclTag = 17;
constexpr uint32_t kTypeTag = 18;
constexpr uint32_t kEnum64 = 19;

// Without the locale.
bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsPowerOfTwo(uint32_t n) { return n != 0 && (n & (n - 1)) == 0; }
uint32_t Bytes(uint32_t bits) { return (bits + 7) / 8; }

bool IsModifier(uint32_t kind) {
  return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_VOLATILE ||
         kind == BTF_KIND_CONST || kind == BTF_KIND_RESTRICT ||
         kind == kTypeTag;
}

// Whether it stands for no value that another type could refer to.
bool IsNoValue(uint32_t kind) {
  return kind == BTF_KIND_VAR || kind == BTF_KIND_DATASEC || kind == kDeclTag ||
         kind == BTF_KIND_FUNC;
}

}  // namespace

long BtfCheck::Run() {
  const auto count = static_cast<uint32_t>(btf_.types_.size());
  for (uint32_t id = 1; id <= count; ++id) {
    const long error = CheckType(id);
    if (error != 0) return error;
  }
  if (HasLoop(Edge::kLeadsTo) || HasLoop(Edge::kContains)) return -EEXIST;
  for (uint32_t id = 1; id <= count; ++id) {
    const long error = CheckReferences(id);
    if (error != 0) return error;
  }
  for (uint32_t id = 1; id <= count; ++id) {
    if (!TagsComeFirst(id)) return -EINVAL;
  }
  return 0;
}

bool BtfCheck::HasIdentifier(uint32_t name) const {
  if (name == 0 || !btf_.IsName(name)) return false;
  const char* at = btf_.strings_.data() + name;
  const std::size_t length = std::strlen(at);
  if (length == 0 || length > kLongestName || IsDigit(*at)) return false;
  return std::all_of(at, at + length, [](char c) {
    return IsLetter(c) || IsDigit(c) || c == '_' || c == '.';
  });
}

bool BtfCheck::HasNoneOrIdentifier(uint32_t name) const {
  return name == 0 || HasIdentifier(name);
}

bool BtfCheck::HasSectionName(uint32_t name) const {
  if (name == 0 || !btf_.IsName(name)) return false;
  const char* at = btf_.strings_.data() + name;
  const std::size_t length = std::strlen(at);
  return length != 0 && length <= kLongestName &&
         std::all_of(at, at + length,
                     [](char c) { return c >= ' ' && c < 127; });
}

long BtfCheck::CheckType(uint32_t id) const {
  const btf_type type = btf_.TypeAt(id);
  const uint32_t vlen = BTF_INFO_VLEN(type.info);
  const bool flag = BTF_INFO_KFLAG(type.info) != 0;
  if (!btf_.IsName(type.name_off)) return -EINVAL;
  bool right = false;
  switch (KindOf(id)) {
    case BTF_KIND_INT:
      return CheckInt(id);
    case BTF_KIND_ARRAY:
      right = type.name_off == 0 && vlen == 0 && !flag && type.size == 0;
      break;
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      right = IsRightStruct(id);
      break;
    case BTF_KIND_ENUM:
    case kEnum64:
      right = IsRightEnum(id);
      break;
    case BTF_KIND_FWD:
      right = vlen == 0 && type.type == 0 && HasIdentifier(type.name_off);
      break;
    case BTF_KIND_FUNC:  // the length says how it is linked
      right = vlen <= BTF_FUNC_GLOBAL && !flag && HasIdentifier(type.name_off);
      break;
    case BTF_KIND_FUNC_PROTO:
      right = type.name_off == 0 && !flag;
      break;
    case BTF_KIND_VAR:
      right = IsRightVariable(id);
      break;
    case BTF_KIND_DATASEC:
      right = IsRightSection(id);
      break;
    case BTF_KIND_FLOAT:
      right = vlen == 0 && !flag && type.size != 1 && type.size <= 16 &&
              (IsPowerOfTwo(type.size) || type.size == 12);
      break;
    case kDeclTag:
      right = vlen == 0 && btf_.strings_[type.name_off] != 0 &&
              btf_.Extra<int32_t>(id) >= -1;
      break;
    default:
      right = IsRightReference(id);
  }
  return right ? 0 : -EINVAL;
}

long BtfCheck::CheckInt(uint32_t id) const {
  const btf_type type = btf_.TypeAt(id);
  const auto word = btf_.Extra<uint32_t>(id);
  const uint32_t bits = BTF_INT_BITS(word) + BTF_INT_OFFSET(word);
  if (BTF_INFO_VLEN(type.info) != 0 || BTF_INFO_KFLAG(type.info) != 0 ||
      word >> 28 != 0 || bits > kMostBits || Bytes(bits) > type.size) {
    return -EINVAL;
  }
  const uint32_t encoding = BTF_INT_ENCODING(word);
  return (encoding & (encoding - 1)) == 0 && encoding <= BTF_INT_BOOL
             ? 0
             : kNotSupported;
}

// Pointers, typedefs, qualifiers and tags of types.
bool BtfCheck::IsRightReference(uint32_t id) const {
  const btf_type type = btf_.TypeAt(id);
  if (BTF_INFO_VLEN(type.info) != 0 || !btf_.IsType(type.type)) return false;
  const uint32_t kind = KindOf(id);
  if (kind == kTypeTag) return btf_.strings_[type.name_off] != 0;
  if (BTF_INFO_KFLAG(type.info) != 0) return false;
  return kind == BTF_KIND_TYPEDEF ? HasIdentifier(type.name_off)
                                  : type.name_off == 0;
}

bool BtfCheck::IsRightStruct(uint32_t id) const {
  const btf_type type = btf_.TypeAt(id);
  const bool flag = BTF_INFO_KFLAG(type.info) != 0;
  const bool is_union = KindOf(id) == BTF_KIND_UNION;
  if (!HasNoneOrIdentifier(type.name_off)) return false;
  uint32_t last = 0;
  for (uint32_t i = 0; i < BTF_INFO_VLEN(type.info); ++i) {
    const auto member = btf_.Extra<btf_member>(id, i);
    const uint32_t bit =
        flag ? BTF_MEMBER_BIT_OFFSET(member.offset) : member.offset;
    if (!HasNoneOrIdentifier(member.name_off) || member.type == 0 ||
        !btf_.IsType(member.type)) {
      return false;
    }
    if (is_union ? bit != 0 : bit < last) return false;
    if ((uint64_t{bit} + 7) / 8 > type.size) return false;
    last = bit;
  }
  return true;
}

bool BtfCheck::IsRightEnum(uint32_t id) const {
  const btf_type type = btf_.TypeAt(id);
  if (!IsPowerOfTwo(type.size) || type.size > 8 ||
      !HasNoneOrIdentifier(type.name_off)) {
    return false;
  }
  for (uint32_t i = 0; i < BTF_INFO_VLEN(type.info); ++i) {
    // An enumerator of 64 bits is a word longer.
    const uint32_t name = KindOf(id) == kEnum64
                              ? btf_.Extra<uint32_t>(id, 3 * i)
                              : btf_.Extra<btf_enum>(id, i).name_off;
    if (!HasIdentifier(name)) return false;
  }
  return true;
}

bool BtfCheck::IsRightVariable(uint32_t id) const {
  const btf_type type = btf_.TypeAt(id);
  return BTF_INFO_VLEN(type.info) == 0 && BTF_INFO_KFLAG(type.info) == 0 &&
         HasIdentifier(type.name_off) && type.type != 0 &&
         btf_.IsType(type.type) &&
         btf_.Extra<uint32_t>(id) <= BTF_VAR_GLOBAL_ALLOCATED;
}

bool BtfCheck::IsRightSection(uint32_t id) const {
  const btf_type type = btf_.TypeAt(id);
  if (type.size == 0 || BTF_INFO_KFLAG(type.info) != 0 ||
      !HasSectionName(type.name_off)) {
    return false;
  }
  uint64_t end = 0;
  for (uint32_t i = 0; i < BTF_INFO_VLEN(type.info); ++i) {
    const auto place = btf_.Extra<btf_var_secinfo>(id, i);
    if (place.type == 0 || !btf_.IsType(place.type) || place.offset < end ||
        place.size == 0) {
      return false;
    }
    end = uint64_t{place.offset} + place.size;
    if (end > type.size) return false;
  }
  return true;
}

long BtfCheck::CheckReferences(uint32_t id) const {
  const btf_type type = btf_.TypeAt(id);
  const uint32_t kind = KindOf(id);
  bool right = true;
  switch (kind) {
    case BTF_KIND_PTR:
      right = LeadsSomewhere(type);
      break;
    case BTF_KIND_ARRAY:
      right = IsRightArray(id);
      break;
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      for (uint32_t i = 0; i < BTF_INFO_VLEN(type.info) && right; ++i) {
        right = IsRightMember(id, i);
      }
      break;
    case BTF_KIND_FUNC:
      right = IsRightFunction(id);
      break;
    case BTF_KIND_FUNC_PROTO:
      right = IsRightPrototype(id);
      break;
    case BTF_KIND_VAR:
      right = !IsNoValue(KindOf(type.type)) && HasSize(type.type);
      break;
    case BTF_KIND_DATASEC:
      right = HasRightVariables(id);
      break;
    case kDeclTag:
      right = IsRightTag(id);
      break;
    default:
      if (IsModifier(kind)) right = LeadsSomewhere(type);
  }
  return right ? 0 : -EINVAL;
}

// Whether a pointer or a qualifier is one of something: a value, void, a
// function, or a struct that is elsewhere.
bool BtfCheck::LeadsSomewhere(const btf_type& type) const {
  uint32_t id = type.type;
  for (int i = 0; i < kLongestChain && IsModifier(KindOf(id)); ++i) {
    id = btf_.TypeAt(id).type;
  }
  return !IsModifier(KindOf(id)) && !IsNoValue(KindOf(id));
}

bool BtfCheck::HasSize(uint32_t id) const {
  uint64_t size;
  return id != 0 && btf_.SizeOf(id, &size);
}

bool BtfCheck::IsRegularInt(uint32_t id) const {
  const auto word = btf_.Extra<uint32_t>(id);
  const uint32_t bits = BTF_INT_BITS(word);
  return BTF_INT_OFFSET(word) == 0 && bits % 8 == 0 && IsPowerOfTwo(bits / 8) &&
         bits / 8 == btf_.TypeAt(id).size;
}

bool BtfCheck::IsRightArray(uint32_t id) const {
  const auto array = btf_.Extra<btf_array>(id);
  if (array.index_type == 0 || !btf_.IsType(array.index_type) ||
      array.type == 0 || !btf_.IsType(array.type)) {
    return false;
  }
  const uint32_t index = btf_.Resolve(array.index_type);
  const uint32_t element = btf_.Resolve(array.type);
  return KindOf(index) == BTF_KIND_INT && IsRegularInt(index) &&
         !IsNoValue(KindOf(array.type)) && HasSize(id) &&
         (KindOf(element) != BTF_KIND_INT || IsRegularInt(element));
}

bool BtfCheck::IsRightMember(uint32_t id, uint32_t index) const {
  const btf_type type = btf_.TypeAt(id);
  const auto member = btf_.Extra<btf_member>(id, index);
  const bool flag = BTF_INFO_KFLAG(type.info) != 0;
  uint32_t bit = flag ? BTF_MEMBER_BIT_OFFSET(member.offset) : member.offset;
  const uint32_t width = flag ? BTF_MEMBER_BITFIELD_SIZE(member.offset) : 0;
  uint64_t size;
  if (IsNoValue(KindOf(member.type)) || !btf_.SizeOf(member.type, &size)) {
    return false;
  }
  const uint32_t inner = btf_.Resolve(member.type);
  const auto fits = [&type](uint64_t first_bit, uint64_t bits) {
    return (first_bit + bits + 7) / 8 <= type.size;
  };
  switch (KindOf(inner)) {
    case BTF_KIND_INT: {
      const auto word = btf_.Extra<uint32_t>(inner);
      uint32_t bits = BTF_INT_BITS(word);
      if (!flag) {
        bit += BTF_INT_OFFSET(word);
      } else if (!IsRegularInt(inner) || width > bits ||
                 (width == 0 && bit % 8 != 0)) {
        return false;
      } else if (width != 0) {
        bits = width;
      }
      return bits + bit % 8 <= kMostBits && fits(bit, bits);
    }
    case BTF_KIND_ENUM:
    case kEnum64:
      if (width != 0) return width <= 32 && fits(bit, width);
      break;
    case BTF_KIND_FLOAT:
      if (bit % (8 * std::min<uint64_t>(size, sizeof(void*))) != 0) {
        return false;
      }
      break;
    default:
      break;
  }
  return width == 0 && bit % 8 == 0 && fits(bit, 8 * size);
}

bool BtfCheck::IsRightPrototype(uint32_t id) const {
  const btf_type type = btf_.TypeAt(id);
  if (type.type != 0 && (!btf_.IsType(type.type) || !HasSize(type.type) ||
                         IsNoValue(KindOf(type.type)))) {
    return false;
  }
  uint32_t count = BTF_INFO_VLEN(type.info);
  if (count != 0) {
    // The last may stand for any that follow.
    const auto last = btf_.Extra<btf_param>(id, count - 1);
    if (last.type == 0 && last.name_off != 0) return false;
    if (last.type == 0) --count;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const auto argument = btf_.Extra<btf_param>(id, i);
    if (!HasNoneOrIdentifier(argument.name_off) ||
        !btf_.IsType(argument.type) || IsNoValue(KindOf(argument.type)) ||
        !HasSize(argument.type)) {
      return false;
    }
  }
  return true;
}

bool BtfCheck::IsRightFunction(uint32_t id) const {
  const uint32_t prototype = btf_.TypeAt(id).type;
  if (KindOf(prototype) != BTF_KIND_FUNC_PROTO) return false;
  const uint32_t count = BTF_INFO_VLEN(btf_.TypeAt(prototype).info);
  for (uint32_t i = 0; i < count; ++i) {
    const auto argument = btf_.Extra<btf_param>(prototype, i);
    if (argument.name_off == 0 && argument.type != 0) return false;
  }
  return true;
}

bool BtfCheck::HasRightVariables(uint32_t id) const {
  for (uint32_t i = 0; i < BTF_INFO_VLEN(btf_.TypeAt(id).info); ++i) {
    const auto place = btf_.Extra<btf_var_secinfo>(id, i);
    uint64_t size;
    if (KindOf(place.type) != BTF_KIND_VAR || !btf_.SizeOf(place.type, &size) ||
        place.size < size) {
      return false;
    }
  }
  return true;
}

bool BtfCheck::IsRightTag(uint32_t id) const {
  const uint32_t tagged = btf_.TypeAt(id).type;
  const auto component = btf_.Extra<int32_t>(id);
  uint32_t count = 0;
  switch (KindOf(tagged)) {
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      count = BTF_INFO_VLEN(btf_.TypeAt(tagged).info);
      break;
    case BTF_KIND_FUNC:
      count = BTF_INFO_VLEN(btf_.TypeAt(btf_.TypeAt(tagged).type).info);
      break;
    case BTF_KIND_VAR:
    case BTF_KIND_TYPEDEF:
      break;
    default:
      return false;
  }
  return component == -1 || static_cast<uint32_t>(component) < count;
}

std::vector<uint32_t> BtfCheck::Next(uint32_t id, Edge edge) const {
  const btf_type type = btf_.TypeAt(id);
  const uint32_t kind = KindOf(id);
  if (IsModifier(kind)) return {type.type};
  if (edge == Edge::kLeadsTo) {
    if (kind == BTF_KIND_PTR) return {type.type};
    return {};
  }
  std::vector<uint32_t> next;
  if (kind == BTF_KIND_ARRAY) next.push_back(btf_.Extra<btf_array>(id).type);
  if (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION) {
    for (uint32_t i = 0; i < BTF_INFO_VLEN(type.info); ++i) {
      next.push_back(btf_.Extra<btf_member>(id, i).type);
    }
  }
  return next;
}

// Depth first, with a stack of its own: types may be many.
bool BtfCheck::HasLoop(Edge edge) const {
  const std::size_t count = btf_.types_.size();
  std::vector<State> states(count + 1, kNew);
  std::vector<std::pair<uint32_t, std::vector<uint32_t>>> path;
  for (uint32_t start = 1; start <= count; ++start) {
    if (states[start] != kNew) continue;
    states[start] = kEntered;
    path.emplace_back(start, Next(start, edge));
    while (!path.empty()) {
      auto& [id, left] = path.back();
      if (left.empty()) {
        states[id] = kDone;
        path.pop_back();
        continue;
      }
      const uint32_t next = left.back();
      left.pop_back();
      if (!btf_.IsType(next) || states[next] == kDone) continue;
      if (states[next] == kEntered) return true;
      states[next] = kEntered;
      path.emplace_back(next, Next(next, edge));
    }
  }
  return false;
}

// Of what leads from `id` on, tags come before qualifiers.
bool BtfCheck::TagsComeFirst(uint32_t id) const {
  bool in_tags = KindOf(id) == kTypeTag;
  for (; IsModifier(KindOf(id)); id = btf_.TypeAt(id).type) {
    if (KindOf(id) != kTypeTag) {
      in_tags = false;
    } else if (!in_tags) {
      return false;
    }
  }
  return true;
}

}  // namespace bpfmap
