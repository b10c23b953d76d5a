// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/line_info.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

namespace bpfmap {
namespace {

// Reads numbers and names of a BTF.
class BtfReader {
 public:
  explicit BtfReader(std::span<const uint8_t> btf) : btf_(btf) {
    const uint32_t header = Word(4);
    types_ = Part(header, Word(8), Word(12));
    strings_ = Part(header, Word(16), Word(20));
  }

  std::string NameAt(uint32_t offset) const {
    if (offset >= strings_.size()) return "";
    const auto start = strings_.begin() + offset;
    const auto end = std::find(start, strings_.end(), 0);
    return {start, end};
  }

  // The names of all types by their numbers, from 1 on.
  std::vector<std::string> TypeNames() const {
    std::vector<std::string> names = {""};
    std::size_t at = 0;
    while (at + 12 <= types_.size()) {
      names.push_back(NameAt(WordOf(types_, at)));
      const uint32_t info = WordOf(types_, at + 4);
      at += 12 + Extra(info >> 24 & 0x1f, info & 0xffff);
    }
    return names;
  }

  static uint32_t WordOf(std::span<const uint8_t> bytes, std::size_t at) {
    uint32_t word = 0;
    if (at + 4 <= bytes.size()) std::memcpy(&word, &bytes[at], 4);
    return word;
  }

 private:
  uint32_t Word(std::size_t at) const { return WordOf(btf_, at); }

  std::span<const uint8_t> Part(uint64_t header, uint64_t offset,
                                uint64_t size) const {
    if (header + offset + size > btf_.size()) return {};
    return btf_.subspan(static_cast<std::size_t>(header + offset),
                        static_cast<std::size_t>(size));
  }

  // Bytes that follow a type of this kind with so many members.
  static std::size_t Extra(uint32_t kind, uint32_t members) {
    switch (kind) {
      case 1:   // INT
      case 14:  // VAR
      case 17:  // DECL_TAG
        return 4;
      case 3:  // ARRAY
        return 12;
      case 4:   // STRUCT
      case 5:   // UNION
      case 15:  // DATASEC
      case 19:  // ENUM64
        return 12 * std::size_t{members};
      case 6:   // ENUM
      case 13:  // FUNC_PROTO
        return 8 * std::size_t{members};
      default:
        return 0;
    }
  }

  const std::span<const uint8_t> btf_;
  std::span<const uint8_t> types_;
  std::span<const uint8_t> strings_;
};

constexpr unsigned kLineShift = 10;  // the column is below

}  // namespace

std::vector<SourceLine> SourceLines(std::span<const uint8_t> btf,
                                    std::span<const uint8_t> records,
                                    uint32_t record_size) {
  std::vector<SourceLine> lines;
  if (record_size < 16) return lines;
  const BtfReader reader(btf);
  for (std::size_t at = 0; at + record_size <= records.size();
       at += record_size) {
    SourceLine line;
    line.instruction = BtfReader::WordOf(records, at);
    line.file = reader.NameAt(BtfReader::WordOf(records, at + 4));
    line.text = reader.NameAt(BtfReader::WordOf(records, at + 8));
    line.line = BtfReader::WordOf(records, at + 12) >> kLineShift;
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<FunctionName> FunctionNames(std::span<const uint8_t> btf,
                                        std::span<const uint8_t> records,
                                        uint32_t record_size) {
  std::vector<FunctionName> functions;
  if (record_size < 8) return functions;
  const std::vector<std::string> names = BtfReader(btf).TypeNames();
  for (std::size_t at = 0; at + record_size <= records.size();
       at += record_size) {
    const uint32_t type = BtfReader::WordOf(records, at + 4);
    functions.push_back({BtfReader::WordOf(records, at),
                         type < names.size() ? names[type] : ""});
  }
  return functions;
}

}  // namespace bpfmap
