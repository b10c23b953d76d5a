// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/core_relocation.h"

#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace bpfmap {
namespace {

// BPF_CORE_*.
enum class Kind : uint32_t {
  kFieldOffset = 0,
  kFieldSize = 1,
  kFieldExists = 2,
  kFieldSigned = 3,
  kFieldLeftShift = 4,
  kFieldRightShift = 5,
  kTypeIdLocal = 6,
  kTypeIdTarget = 7,
  kTypeExists = 8,
  kTypeSize = 9,
  kEnumeratorExists = 10,
  kEnumeratorValue = 11,
  kTypeMatches = 12,
};

constexpr int32_t kPoison = 195896080;  // 0xbad2310, as libbpf
constexpr int kDeepest = 32;

// The name that all flavors of a type have.
std::string_view PlainName(std::string_view name) {
  const std::size_t flavor = name.find("___");
  return flavor == 0 ? name : name.substr(0, flavor);
}

std::vector<uint32_t> Indices(const std::string& access) {
  std::vector<uint32_t> indices;
  const char* at = access.data();
  const char* const end = at + access.size();
  while (at < end) {
    uint32_t index = 0;
    const auto result = std::from_chars(at, end, index);
    if (result.ec != std::errc()) break;
    indices.push_back(index);
    at = result.ptr + 1;
  }
  return indices;
}

bool IsComposite(BtfKind kind) {
  return kind == BtfKind::kStruct || kind == BtfKind::kUnion;
}

// A place in a type of either BTF.
struct Field {
  uint32_t type = 0;
  uint64_t bit = 0;       // from the start of the whole
  uint32_t bit_size = 0;  // of a bit-field
};

// One step of a path: a member by its name, or an element.
struct Step {
  std::string_view member;
  uint32_t index = 0;
};

// The path that the indices mean in the program's own types.
bool ReadPath(const BtfTypes& types, uint32_t type,
              const std::vector<uint32_t>& indices, std::vector<Step>* path) {
  if (indices.empty()) return false;
  path->push_back({{}, indices[0]});
  for (std::size_t i = 1; i < indices.size(); ++i) {
    type = types.Resolve(type);
    if (types.KindOf(type) == BtfKind::kArray) {
      path->push_back({{}, indices[i]});
      type = types.ArrayOf(type).type;
      continue;
    }
    const auto members = types.MembersOf(type);
    if (indices[i] >= members.size()) return false;
    const BtfTypes::Member& member = members[indices[i]];
    // Members without a name may be elsewhere in the other type.
    if (!member.name.empty()) path->push_back({member.name, 0});
    type = member.type;
  }
  return true;
}

// Each type is searched once, and is then in `searched`: damaged ones may hold
// themselves.
bool FindMember(const BtfTypes& types, std::string_view name, int depth,
                std::set<uint32_t>* searched, Field* field) {
  const uint32_t type = types.Resolve(field->type);
  if (!searched->insert(type).second) return false;
  for (const BtfTypes::Member& member : types.MembersOf(type)) {
    Field inner = {member.type, field->bit + member.bit_offset,
                   member.bit_size};
    const bool is_it = member.name == name;
    if (is_it || (member.name.empty() && depth < kDeepest &&
                  FindMember(types, name, depth + 1, searched, &inner))) {
      *field = inner;
      return true;
    }
  }
  return false;
}

bool FollowPath(const BtfTypes& types, const std::vector<Step>& path,
                Field* field) {
  field->bit = 8 * path[0].index * types.SizeOf(field->type);
  for (std::size_t i = 1; i < path.size(); ++i) {
    if (!path[i].member.empty()) {
      std::set<uint32_t> searched;
      if (!FindMember(types, path[i].member, 0, &searched, field)) return false;
      continue;
    }
    const BtfTypes::Array array = types.ArrayOf(types.Resolve(field->type));
    if (array.type == 0 || (array.count != 0 && path[i].index >= array.count)) {
      return false;
    }
    field->type = array.type;
    field->bit += 8 * path[i].index * types.SizeOf(array.type);
    field->bit_size = 0;
  }
  return true;
}

class Relocator {
 public:
  Relocator(const BtfTypes& target, const BtfTypes& local,
            std::vector<Instruction>* instructions)
      : target_(target), local_(local), instructions_(*instructions) {}

  std::string Apply(const CoreRelocation& relocation) {
    if (relocation.instruction >= instructions_.size()) {
      return "a CO-RE relocation of no instruction";
    }
    const Kind kind{relocation.kind};
    if (kind == Kind::kTypeIdLocal) return "";  // the compiler knew it
    const std::optional<uint64_t> value = ValueOf(kind, relocation);
    if (value) return Patch(relocation.instruction, kind, *value);
    instructions_[relocation.instruction] =
        Instruction::Of(kClassJmp | kCall, 0, kCallHelper, 0, kPoison);
    Instruction& at = instructions_[relocation.instruction];
    if (relocation.instruction + 1 < instructions_.size() &&
        instructions_[relocation.instruction + 1].code == 0) {
      instructions_[relocation.instruction + 1] = at;
    }
    return "";
  }

 private:
  // Types of the target that the relocation's may be.
  std::vector<uint32_t> Candidates(uint32_t type) const {
    std::vector<uint32_t> candidates;
    const BtfKind kind = local_.KindOf(type);
    const std::string_view name = PlainName(local_.NameOf(type));
    if (name.empty()) return candidates;
    for (uint32_t i = 1; i < target_.count(); ++i) {
      const BtfKind other = target_.KindOf(i);
      const bool is_enum =
          (kind == BtfKind::kEnum || kind == BtfKind::kEnum64) &&
          (other == BtfKind::kEnum || other == BtfKind::kEnum64);
      if ((other == kind || is_enum) && target_.NameOf(i) == name) {
        candidates.push_back(i);
      }
    }
    return candidates;
  }

  std::optional<uint64_t> ValueOf(Kind kind, const CoreRelocation& relocation) {
    const uint32_t type = local_.KindOf(relocation.type) == BtfKind::kTypedef
                              ? relocation.type
                              : local_.Resolve(relocation.type);
    const std::vector<uint32_t> candidates = Candidates(type);
    const std::vector<uint32_t> indices = Indices(relocation.access);
    switch (kind) {
      case Kind::kTypeExists:
      case Kind::kTypeMatches:
        return candidates.empty() ? 0 : 1;
      case Kind::kTypeIdTarget:
        if (candidates.empty()) return std::nullopt;
        return candidates[0];
      case Kind::kTypeSize:
        if (candidates.empty()) return std::nullopt;
        return target_.SizeOf(candidates[0]);
      case Kind::kEnumeratorExists:
      case Kind::kEnumeratorValue:
        return EnumeratorOf(kind, type, indices, candidates);
      default:
        return FieldValue(kind, type, indices, candidates);
    }
  }

  std::optional<uint64_t> EnumeratorOf(
      Kind kind, uint32_t type, const std::vector<uint32_t>& indices,
      const std::vector<uint32_t>& candidates) const {
    const auto values = local_.EnumeratorsOf(type);
    if (indices.empty() || indices[0] >= values.size()) return std::nullopt;
    const std::string_view name = PlainName(values[indices[0]].name);
    for (uint32_t candidate : candidates) {
      for (const auto& value : target_.EnumeratorsOf(candidate)) {
        if (value.name != name) continue;
        return kind == Kind::kEnumeratorExists
                   ? 1
                   : static_cast<uint64_t>(value.value);
      }
    }
    if (kind == Kind::kEnumeratorExists) return 0;
    return std::nullopt;
  }

  std::optional<uint64_t> FieldValue(Kind kind, uint32_t type,
                                     const std::vector<uint32_t>& indices,
                                     const std::vector<uint32_t>& candidates) {
    std::vector<Step> path;
    if (!ReadPath(local_, type, indices, &path)) return std::nullopt;
    for (uint32_t candidate : candidates) {
      Field field = {candidate, 0, 0};
      if (!FollowPath(target_, path, &field)) continue;
      return Measure(kind, field);
    }
    if (kind == Kind::kFieldExists) return 0;
    return std::nullopt;
  }

  // Bit-fields are read by loads of their type's size.
  uint64_t Measure(Kind kind, const Field& field) {
    const uint32_t type = target_.Resolve(field.type);
    uint64_t size = target_.SizeOf(type);
    uint64_t offset = field.bit / 8;
    if (field.bit_size != 0 && size != 0) {
      offset = field.bit / 8 / size * size;
      while (field.bit + field.bit_size > (offset + size) * 8 && size < 8) {
        size *= 2;
        offset = field.bit / 8 / size * size;
      }
    }
    const uint64_t bits = field.bit_size != 0 ? field.bit_size : size * 8;
    size_ =
        field.bit_size == 0 && !IsComposite(target_.KindOf(type)) ? size : 0;
    switch (kind) {
      case Kind::kFieldOffset:
        return offset;
      case Kind::kFieldSize:
        return size;
      case Kind::kFieldSigned:
        return target_.IsSigned(type) ? 1 : 0;
      case Kind::kFieldLeftShift:
        return std::endian::native == std::endian::little
                   ? 64 - (field.bit + bits - offset * 8)
                   : (8 - size) * 8 + (field.bit - offset * 8);
      case Kind::kFieldRightShift:
        return 64 - bits;
      default:
        return 1;
    }
  }

  std::string Patch(uint32_t place, Kind kind, uint64_t value) {
    Instruction& at = instructions_[place];
    const uint8_t of = at.code & kClassMask;
    if (at.code == kLoadImm64 && place + 1 < instructions_.size()) {
      at.imm = static_cast<int32_t>(value);
      instructions_[place + 1].imm = static_cast<int32_t>(value >> 32);
    } else if (of == kClassAlu || of == kClassAlu64) {
      at.imm = static_cast<int32_t>(value);
    } else if (of == kClassLdx || of == kClassSt || of == kClassStx) {
      if (value > INT16_MAX) {  // of 16 bits
        return "a CO-RE relocation of an offset that its instruction has no "
               "room for: " +
               std::to_string(value);
      }
      at.offset = static_cast<int16_t>(value);
      if (kind == Kind::kFieldOffset) SetSize(&at);
    } else {
      return "a CO-RE relocation of an instruction that takes none";
    }
    return "";
  }

  // A number that is wider, or narrower, there is loaded so.
  void SetSize(Instruction* at) const {
    uint8_t size;
    switch (size_) {
      case 1:
        size = kSizeB;
        break;
      case 2:
        size = kSizeH;
        break;
      case 4:
        size = kSizeW;
        break;
      case 8:
        size = kSizeDw;
        break;
      default:
        return;
    }
    at->code = static_cast<uint8_t>((at->code & ~kSizeMask) | size);
  }

  const BtfTypes& target_;
  const BtfTypes& local_;
  std::vector<Instruction>& instructions_;
  uint64_t size_ = 0;  // of the number that was measured; 0: it is none
};

}  // namespace

std::string RelocateTo(const BtfTypes& target, const BtfTypes& local,
                       const std::vector<CoreRelocation>& relocations,
                       std::vector<Instruction>* instructions) {
  Relocator relocator(target, local, instructions);
  for (const CoreRelocation& relocation : relocations) {
    std::string reason = relocator.Apply(relocation);
    if (!reason.empty()) return reason;
  }
  return "";
}

std::string RelocateToOwn(const BtfTypes& local,
                          const std::vector<CoreRelocation>& relocations,
                          std::vector<Instruction>* instructions) {
  std::vector<CoreRelocation> flavored;
  for (const CoreRelocation& relocation : relocations) {
    const uint32_t type = local.Resolve(relocation.type);
    const std::string_view name = local.NameOf(type);
    if (name.find("___") == std::string_view::npos ||
        local.Find(PlainName(name), local.KindOf(type)) == 0) {
      continue;
    }
    flavored.push_back(relocation);
  }
  return RelocateTo(local, local, flavored, instructions);
}

}  // namespace bpfmap
