// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/kernel_btf.h"

#include <cstddef>
#include <cstring>

#include "bpfmap/programs/btf_types.h"

namespace bpfmap {
namespace {

constexpr uint32_t kExtern = 2;  // linkage of a function

constexpr uint32_t InfoOf(BtfKind kind, uint32_t length) {
  return static_cast<uint32_t>(kind) << 24 | length;
}

// Rewrites types where they lie: each keeps its bytes.
class Rewriter {
 public:
  explicit Rewriter(std::vector<uint8_t>* btf) : btf_(*btf) {}

  // Returns false if the bytes make no sense.
  bool Run() {
    BtfTypes types;
    if (!types.Parse(btf_)) return false;
    const uint32_t byte = FindInt(types);
    std::size_t at = std::size_t{Word(4)} + Word(8);
    for (uint32_t type = 1; type < types.count(); ++type) {
      const uint32_t info = Word(at + 4);
      const uint32_t length = info & 0xffff;
      switch (types.KindOf(type)) {
        case BtfKind::kVariable:
          SetType(at, Word(at), InfoOf(BtfKind::kInt, 0), 1);
          SetWord(at + 12, 8);  // bits
          break;
        case BtfKind::kDeclTag:
          return false;  // of a variable, maybe
        case BtfKind::kSection:
          SetSection(at, length, byte, types.SizeOf(byte));
          break;
        case BtfKind::kFunction:
          if (length == kExtern) {
            SetType(at, 0, InfoOf(BtfKind::kConst, 0), 0);
          }
          break;
        default:
          break;
      }
      at += types.BytesOf(type);
    }
    return true;
  }

 private:
  static uint32_t FindInt(const BtfTypes& types) {
    for (uint32_t type = 1; type < types.count(); ++type) {
      if (types.KindOf(type) == BtfKind::kInt) return type;
    }
    return 0;
  }

  uint32_t Word(std::size_t at) const {
    uint32_t word;
    std::memcpy(&word, &btf_[at], sizeof word);
    return word;
  }
  void SetWord(std::size_t at, uint32_t word) {
    std::memcpy(&btf_[at], &word, sizeof word);
  }
  void SetType(std::size_t at, uint32_t name, uint32_t info, uint32_t size) {
    SetWord(at, name);
    SetWord(at + 4, info);
    SetWord(at + 8, size);
  }

  // A struct of as many numbers without names.
  void SetSection(std::size_t at, uint32_t length, uint32_t number,
                  uint64_t size) {
    const auto bytes = static_cast<uint32_t>(size);
    SetType(at, 0, InfoOf(BtfKind::kStruct, length), length * bytes);
    for (uint32_t i = 0; i < length; ++i) {
      const std::size_t member = at + 12 + 12 * std::size_t{i};
      SetWord(member, 0);
      SetWord(member + 4, number);
      SetWord(member + 8, i * bytes * 8);
    }
  }

  std::vector<uint8_t>& btf_;
};

}  // namespace

std::vector<uint8_t> BtfForKernel(std::span<const uint8_t> btf) {
  std::vector<uint8_t> rewritten(btf.begin(), btf.end());
  if (!Rewriter(&rewritten).Run()) rewritten.clear();
  return rewritten;
}

}  // namespace bpfmap
