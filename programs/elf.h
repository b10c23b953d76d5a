// SPDX-License-Identifier: Apache-2.0
//
// ElfFile: the sections, symbols and relocations of an object file of 64 bits.
//
// Only what a BPF object has is read, and only the byte order of this machine.
// Nothing is read outside of the file, whatever its numbers say.
//
// Source: "System V Application Binary Interface", chapters 4 and 5.
// Immutable after Parse(), so thread-safe. Spans and names point into the file.

#ifndef BPFMAP_PROGRAMS_ELF_H_
#define BPFMAP_PROGRAMS_ELF_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bpfmap {

class ElfFile {
 public:
  struct Section {
    std::string_view name;
    uint32_t type = 0;
    uint64_t flags = 0;
    uint32_t info = 0;  // of relocations: the section that they are for
    uint64_t size = 0;
    std::span<const uint8_t> data;  // empty for a section without bytes (.bss)
  };
  struct Symbol {
    std::string_view name;
    uint64_t value = 0;
    uint64_t size = 0;
    uint16_t section = 0;
    uint8_t type = 0;
    uint8_t binding = 0;
  };
  struct Relocation {
    uint64_t offset = 0;
    uint32_t symbol = 0;
    uint32_t type = 0;
  };

  // Values of the fields above.
  static constexpr uint32_t kProgBits = 1;
  static constexpr uint32_t kSymbols = 2;
  static constexpr uint32_t kNoBits = 8;
  static constexpr uint32_t kRelocations = 9;
  static constexpr uint64_t kExecutable = 4;
  static constexpr uint8_t kFunction = 2;
  static constexpr uint8_t kSection = 3;
  static constexpr uint8_t kLocal = 0;
  static constexpr uint8_t kWeak = 2;

  // Reads `bytes`. Returns "" or a sentence that says why it is no such file.
  std::string Parse(std::vector<uint8_t> bytes);

  uint16_t machine() const { return machine_; }
  const std::vector<Section>& sections() const { return sections_; }
  const std::vector<Symbol>& symbols() const { return symbols_; }
  // The index of a section; 0 if there is none of this name.
  uint32_t Find(std::string_view name) const;
  // The relocations for a section, in the order of the file.
  std::vector<Relocation> RelocationsOf(uint32_t section) const;

 private:
  template <typename T>
  bool Read(uint64_t at, T* value) const;
  std::string_view StringAt(std::span<const uint8_t> strings,
                            uint32_t offset) const;
  bool ReadSections();
  bool ReadSymbols();

  std::vector<uint8_t> bytes_;
  uint16_t machine_ = 0;
  std::vector<Section> sections_;
  std::vector<Symbol> symbols_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_ELF_H_
