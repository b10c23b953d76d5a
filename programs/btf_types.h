// SPDX-License-Identifier: Apache-2.0
//
// BtfTypes: the types that a BTF describes, to look at.
//
// Types have numbers; 0 is void. A number that is no type is taken for void, so
// that damaged BTF gives wrong answers and never wrong memory.
//
// Source: Documentation/bpf/btf.rst of the kernel. Immutable after Parse(), so
// thread-safe. Names point into the BTF, which the object holds.

#ifndef BPFMAP_PROGRAMS_BTF_TYPES_H_
#define BPFMAP_PROGRAMS_BTF_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bpfmap {

enum class BtfKind : uint8_t {
  kVoid = 0,
  kInt = 1,
  kPointer = 2,
  kArray = 3,
  kStruct = 4,
  kUnion = 5,
  kEnum = 6,
  kForward = 7,
  kTypedef = 8,
  kVolatile = 9,
  kConst = 10,
  kRestrict = 11,
  kFunction = 12,
  kPrototype = 13,
  kVariable = 14,
  kSection = 15,
  kFloat = 16,
  kDeclTag = 17,
  kTypeTag = 18,
  kEnum64 = 19,
};

class BtfTypes {
 public:
  struct Member {
    std::string_view name;
    uint32_t type = 0;
    uint32_t bit_offset = 0;
    uint32_t bit_size = 0;  // 0: it is no bit-field

    uint32_t offset() const { return bit_offset / 8; }  // bytes
  };
  struct Array {
    uint32_t type = 0;
    uint32_t count = 0;
  };
  struct Parameter {
    std::string_view name;
    uint32_t type = 0;
  };
  struct Enumerator {
    std::string_view name;
    int64_t value = 0;
  };
  // A variable of a section.
  struct Variable {
    uint32_t type = 0;  // of kind kVariable
    uint32_t offset = 0;
    uint32_t size = 0;
  };

  // Reads `data`. Returns false if it is no BTF of this machine's byte order.
  bool Parse(std::vector<uint8_t> data);

  // The numbers of types are below this.
  uint32_t count() const { return static_cast<uint32_t>(types_.size()); }

  BtfKind KindOf(uint32_t type) const;
  std::string_view NameOf(uint32_t type) const;
  // The text at an offset of the strings; "" outside.
  std::string_view StringAt(uint32_t offset) const;

  // The type of which a typedef, qualifier, pointer, variable or function is.
  uint32_t TargetOf(uint32_t type) const;
  // The type without typedefs, qualifiers and tags; of a variable, its type's.
  uint32_t Resolve(uint32_t type) const;
  BtfKind ResolvedKind(uint32_t type) const { return KindOf(Resolve(type)); }
  // Bytes; 0 if it has no size, or 4 GiB or more, which no type of Linux has.
  uint64_t SizeOf(uint32_t type) const;

  // Bytes that the type itself takes in the BTF.
  std::size_t BytesOf(uint32_t type) const;

  // Empty, or zeros, for types of other kinds. Not resolved.
  std::vector<Member> MembersOf(uint32_t type) const;
  Array ArrayOf(uint32_t type) const;
  std::vector<Parameter> ParametersOf(uint32_t prototype) const;
  std::vector<Enumerator> EnumeratorsOf(uint32_t type) const;
  std::vector<Variable> VariablesOf(uint32_t section) const;
  bool IsSigned(uint32_t type) const;
  // Bits of an integer, which may be fewer than its bytes have.
  uint32_t BitsOf(uint32_t type) const;

  // The first type of this kind and name; 0 if there is none.
  uint32_t Find(std::string_view name, BtfKind kind) const;

  // As C writes it: "struct rule", "__u64", "char[16]", "struct rule *".
  std::string Spell(uint32_t type) const;

 private:
  struct Raw {
    uint32_t name;
    uint32_t info;
    uint32_t size_or_type;
  };

  Raw RawOf(uint32_t type) const;
  uint32_t Word(uint32_t type, std::size_t index) const;
  uint32_t LengthOf(uint32_t type) const { return RawOf(type).info & 0xffff; }
  static std::size_t WordsAfter(uint32_t info);

  std::vector<uint8_t> data_;
  std::size_t strings_ = 0;
  std::size_t strings_size_ = 0;
  std::vector<std::size_t> types_;  // where each one lies in data_
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_BTF_TYPES_H_
