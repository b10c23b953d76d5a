// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/elf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace bpfmap {
namespace {

// Structures of the file, as they lie in it.
struct FileHeader {
  uint8_t ident[16];
  uint16_t type, machine;
  uint32_t version;
  uint64_t entry, program_headers, section_headers;
  uint32_t flags;
  uint16_t size, program_header_size, program_headers_count,
      section_header_size, section_count, name_section;
};
static_assert(sizeof(FileHeader) == 64);

struct SectionHeader {
  uint32_t name, type;
  uint64_t flags, address, offset, size;
  uint32_t link, info;
  uint64_t alignment, entry_size;
};
static_assert(sizeof(SectionHeader) == 64);

struct SymbolEntry {
  uint32_t name;
  uint8_t info, other;
  uint16_t section;
  uint64_t value, size;
};
static_assert(sizeof(SymbolEntry) == 24);

struct RelocationEntry {
  uint64_t offset;
  uint64_t info;
};
static_assert(sizeof(RelocationEntry) == 16);

constexpr uint8_t kClass64 = 2;
constexpr uint8_t kByteOrder =
    std::endian::native == std::endian::little ? 1 : 2;

template <typename T>
T ReadFrom(std::span<const uint8_t> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

template <typename T>
bool ElfFile::Read(uint64_t at, T* value) const {
  if (at > bytes_.size() || bytes_.size() - at < sizeof *value) return false;
  std::memcpy(value, bytes_.data() + at, sizeof *value);
  return true;
}

std::string_view ElfFile::StringAt(std::span<const uint8_t> strings,
                                   uint32_t offset) const {
  if (offset >= strings.size()) return {};
  const auto start = strings.begin() + offset;
  const auto end = std::find(start, strings.end(), 0);
  return {reinterpret_cast<const char*>(&*start),
          static_cast<std::size_t>(end - start)};
}

std::string ElfFile::Parse(std::vector<uint8_t> bytes) {
  bytes_ = std::move(bytes);
  FileHeader header;
  if (!Read(0, &header) || std::memcmp(header.ident, "\177ELF", 4) != 0) {
    return "it is no ELF file";
  }
  if (header.ident[4] != kClass64) return "it is no ELF file of 64 bits";
  if (header.ident[5] != kByteOrder) {
    return "it has another byte order than this machine (clang -target bpfel "
           "and bpfeb choose)";
  }
  machine_ = header.machine;
  if (!ReadSections() || !ReadSymbols()) return "it is a damaged ELF file";
  return "";
}

bool ElfFile::ReadSections() {
  FileHeader header;
  if (!Read(0, &header)) return false;
  std::vector<SectionHeader> headers(header.section_count);
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const uint64_t at = header.section_headers + i * sizeof(SectionHeader);
    SectionHeader& from = headers[i];
    if (at < header.section_headers || !Read(at, &from)) return false;
    Section section;
    section.type = from.type;
    section.flags = from.flags;
    section.info = from.info;
    section.size = from.size;
    if (from.type != kNoBits && from.type != 0) {
      if (from.offset > bytes_.size() ||
          from.size > bytes_.size() - from.offset) {
        return false;
      }
      section.data =
          std::span(bytes_).subspan(static_cast<std::size_t>(from.offset),
                                    static_cast<std::size_t>(from.size));
    }
    sections_.push_back(section);
  }
  if (header.name_section >= sections_.size()) return false;
  const std::span<const uint8_t> names = sections_[header.name_section].data;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    sections_[i].name = StringAt(names, headers[i].name);
  }
  // Symbols name the section of their strings by its index.
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (headers[i].type == kSymbols) sections_[i].info = headers[i].link;
  }
  return true;
}

bool ElfFile::ReadSymbols() {
  for (const Section& section : sections_) {
    if (section.type != kSymbols) continue;
    if (section.info >= sections_.size()) return false;
    const std::span<const uint8_t> names = sections_[section.info].data;
    for (std::size_t at = 0; at + sizeof(SymbolEntry) <= section.data.size();
         at += sizeof(SymbolEntry)) {
      const auto from = ReadFrom<SymbolEntry>(section.data, at);
      Symbol symbol;
      symbol.name = StringAt(names, from.name);
      symbol.value = from.value;
      symbol.size = from.size;
      symbol.section = from.section;
      symbol.type = from.info & 0xf;
      symbol.binding = from.info >> 4;
      symbols_.push_back(symbol);
    }
  }
  return true;
}

uint32_t ElfFile::Find(std::string_view name) const {
  for (std::size_t i = 1; i < sections_.size(); ++i) {
    if (sections_[i].name == name) return static_cast<uint32_t>(i);
  }
  return 0;
}

std::vector<ElfFile::Relocation> ElfFile::RelocationsOf(
    uint32_t section) const {
  std::vector<Relocation> relocations;
  for (const Section& from : sections_) {
    if (from.type != kRelocations || from.info != section) continue;
    for (std::size_t at = 0; at + sizeof(RelocationEntry) <= from.data.size();
         at += sizeof(RelocationEntry)) {
      const auto entry = ReadFrom<RelocationEntry>(from.data, at);
      relocations.push_back({entry.offset,
                             static_cast<uint32_t>(entry.info >> 32),
                             static_cast<uint32_t>(entry.info)});
    }
  }
  return relocations;
}

}  // namespace bpfmap
