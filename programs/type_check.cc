// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/type_check.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace bpfmap {
namespace {

constexpr int kDeepest = 16;  // structs in structs

struct NamedField {
  LayoutField field;
  std::string text;  // "__u64 until_ns"
};

// The numbers of a type of a BTF, as CppLayout has those of a C++ type.
class BtfLayout {
 public:
  BtfLayout(const BtfTypes& types, uint32_t type) : types_(types) {
    Append(type, 0, "", 0);
  }

  const std::vector<NamedField>& fields() const { return fields_; }

 private:
  void Add(uint32_t type, uint32_t offset, Scalar scalar,
           const std::string& name) {
    const auto size = static_cast<uint32_t>(types_.SizeOf(type));
    fields_.push_back({{offset, size, scalar},
                       types_.Spell(type) + (name.empty() ? "" : " " + name)});
  }

  void Append(uint32_t type, uint32_t offset, const std::string& name,
              int depth) {
    const uint32_t resolved = types_.Resolve(type);
    switch (types_.KindOf(resolved)) {
      case BtfKind::kInt:
      case BtfKind::kEnum:
      case BtfKind::kEnum64:
        return Add(type, offset, Scalar::kNumber, name);
      case BtfKind::kPointer:
        return Add(type, offset, Scalar::kPointer, name);
      case BtfKind::kFloat:
        return Add(type, offset, Scalar::kFloat, name);
      case BtfKind::kArray:
        return AppendArray(type, resolved, offset, name, depth);
      case BtfKind::kStruct:
        if (depth == kDeepest) break;
        for (const BtfTypes::Member& member : types_.MembersOf(resolved)) {
          std::string full = name;
          full.append(name.empty() ? "" : ".").append(member.name);
          if (member.bit_size != 0) {
            Add(member.type, offset + member.offset(), Scalar::kBytes, full);
          } else {
            Append(member.type, offset + member.offset(), full, depth + 1);
          }
        }
        return;
      default:
        break;
    }
    Add(type, offset, Scalar::kBytes, name);
  }

  void AppendArray(uint32_t type, uint32_t resolved, uint32_t offset,
                   const std::string& name, int depth) {
    const BtfTypes::Array array = types_.ArrayOf(resolved);
    const auto size = static_cast<uint32_t>(types_.SizeOf(array.type));
    constexpr uint32_t kMany = 4096;
    if (size <= 1 || array.count > kMany || depth == kDeepest) {
      return Add(type, offset, Scalar::kBytes, name);
    }
    for (uint32_t i = 0; i < array.count; ++i) {
      Append(array.type, offset + i * size,
             name + "[" + std::to_string(i) + "]", depth + 1);
    }
  }

  const BtfTypes& types_;
  std::vector<NamedField> fields_;
};

bool MayBe(const LayoutField& a, const LayoutField& b) {
  if (a.scalar == Scalar::kBytes || b.scalar == Scalar::kBytes) return true;
  return a.offset == b.offset && a.size == b.size &&
         (a.scalar == Scalar::kFloat) == (b.scalar == Scalar::kFloat);
}

// Whether each of `fields` has its like in the other layout, where that has
// fields at all.
bool Agree(const std::vector<NamedField>& fields,
           const std::vector<LayoutField>& others) {
  for (const NamedField& named : fields) {
    const LayoutField& field = named.field;
    bool covered = false;
    for (const LayoutField& other : others) {
      const bool overlaps = other.offset < field.offset + field.size &&
                            field.offset < other.offset + other.size;
      if (!overlaps) continue;
      if (!MayBe(field, other)) return false;
      covered = true;
    }
    if (!covered && field.size != 0) return false;
  }
  return true;
}

std::string CppText(const LayoutField& field) {
  std::string bytes =
      std::to_string(field.size) + (field.size == 1 ? " byte" : " bytes");
  switch (field.scalar) {
    case Scalar::kNumber:
      return "a number of " + bytes;
    case Scalar::kFloat:
      return "a floating-point number of " + bytes;
    case Scalar::kPointer:
      return "a pointer";
    case Scalar::kBytes:
      break;
  }
  return bytes;
}

std::string Line(uint32_t offset, const std::string& text) {
  const std::string number = std::to_string(offset);
  return std::string(number.size() < 4 ? 4 - number.size() : 0, ' ') + number +
         "  " + text;
}

std::string SideBySide(const std::vector<std::string>& left,
                       const std::vector<std::string>& right) {
  std::size_t width = 0;
  for (const std::string& line : left) width = std::max(width, line.size());
  std::string text;
  for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    const std::string first = i < left.size() ? left[i] : "";
    text += "\n  " + first;
    if (i >= right.size()) continue;
    text += std::string(width + 4 - first.size(), ' ') + right[i];
  }
  return text;
}

}  // namespace

std::string CompareTypes(const BtfTypes& types, uint32_t type,
                         const CppLayout& layout) {
  const BtfLayout expected(types, type);
  const uint64_t size = types.SizeOf(type);
  if (size == layout.size && Agree(expected.fields(), layout.fields)) return "";
  std::vector<std::string> left = {types.Spell(type) + " has " +
                                   std::to_string(size) + " bytes"};
  std::vector<std::string> right = {"the C++ type has " +
                                    std::to_string(layout.size)};
  for (const NamedField& named : expected.fields()) {
    left.push_back(Line(named.field.offset, named.text));
  }
  for (const LayoutField& field : layout.fields) {
    right.push_back(Line(field.offset, CppText(field)));
  }
  return SideBySide(left, right);
}

}  // namespace bpfmap
