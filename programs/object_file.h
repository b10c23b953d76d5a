// SPDX-License-Identifier: Apache-2.0
//
// ObjectFile: what a BPF object file (.bpf.o) holds: maps, variables and
// programs, with the instructions of each program put together.
//
//   ObjectFile file;
//   absl::Status status = file.Read("firewall", bytes);
//
// Reads what clang writes for libbpf: maps of `SEC(".maps")`, global variables,
// functions in .text and beside the programs, BTF with lines of source. An
// instruction that loads a map, or the address of a variable, has as `imm` the
// index of the map in maps(): variables of one section are one map, as in
// libbpf.
//
// Not read: maps of the old `SEC("maps")`, objects that were not compiled with
// -g, static linking of several objects.
//
// Source: Documentation/bpf/btf.rst, llvm_reloc.rst and libbpf/ of the kernel.
// Immutable after Read(), so thread-safe.

#ifndef BPFMAP_PROGRAMS_OBJECT_FILE_H_
#define BPFMAP_PROGRAMS_OBJECT_FILE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/elf.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/section_name.h"

namespace bpfmap {

// A variable, and where in the map of its section it lies.
struct VariableSpec {
  std::string name;
  uint32_t type = 0;    // BTF
  uint32_t offset = 0;  // bytes
  uint32_t size = 0;    // bytes
};

struct MapSpec {
  std::string name;  // in full, while def.name has 15 characters
  MapDef def;
  uint32_t key_type = 0;  // BTF; 0: unknown
  uint32_t value_type = 0;
  std::shared_ptr<MapSpec> inner;  // of a map of maps
  // What SEC(".maps") says is in it: index, and name of a map or a program.
  std::vector<std::pair<uint32_t, std::string>> elements;

  // A section of variables.
  bool is_section = false;
  bool is_constant = false;  // .rodata, .kconfig: frozen when it is loaded
  std::vector<uint8_t> data;
  std::vector<VariableSpec> variables;
};

// A place that CO-RE fills in, see core_relocation.h.
struct CoreRelocation {
  uint32_t instruction = 0;
  uint32_t type = 0;
  std::string access;
  uint32_t kind = 0;
};

struct ProgramSpec {
  std::string name;
  std::string section;
  SectionName parsed;  // of `section`
  std::vector<Instruction> instructions;
  std::vector<SourceLine> lines;
  std::vector<FunctionName> functions;
  std::vector<CoreRelocation> relocations;
  // Functions of the kernel that are called: the place of a call, the name.
  std::vector<std::pair<uint32_t, std::string>> kernel_calls;
  uint32_t type = 0;  // BTF: a function; 0: unknown
};

class ObjectFile {
 public:
  ObjectFile() = default;
  ObjectFile(const ObjectFile&) = delete;
  ObjectFile& operator=(const ObjectFile&) = delete;

  // Reads the bytes of the object of this name (the file's, up to the first
  // dot). INVALID_ARGUMENT, with a sentence, if they are no such file.
  absl::Status Read(std::string_view name, std::vector<uint8_t> bytes);

  const std::string& license() const { return license_; }
  const BtfTypes& types() const { return types_; }
  std::span<const uint8_t> btf() const {
    return elf_.sections()[elf_.Find(".BTF")].data;
  }
  const std::vector<std::unique_ptr<MapSpec>>& maps() const { return maps_; }
  const std::vector<std::unique_ptr<ProgramSpec>>& programs() const {
    return programs_;
  }

 private:
  class Assembly;
  friend class Assembly;

  // Records of .BTF.ext: a place in a section, and 4 or fewer words.
  struct Info {
    uint32_t section = 0;
    uint32_t instruction = 0;
    uint32_t words[3] = {};
  };

  absl::Status ReadTypes();
  void ReadInfo(std::size_t part, std::vector<Info>* records) const;
  absl::Status ReadMaps();
  absl::Status ReadMap(const ElfFile::Symbol& symbol);
  absl::Status ReadMapDef(uint32_t type, MapSpec* spec) const;
  absl::Status ReadMember(const BtfTypes::Member& member, MapSpec* spec) const;
  void ReadElements(const ElfFile::Symbol& symbol, uint32_t type,
                    MapSpec* spec) const;
  absl::Status ReadSections();
  void ReadSection(uint32_t section);
  void ReadExterns();
  std::string SectionMapName(std::string_view section) const;
  absl::Status ReadPrograms();
  bool IsCode(uint32_t section) const;
  // The index of the map that is this section, or lies there; -1 if none does.
  int MapAt(uint32_t section, uint64_t offset) const;

  std::string name_;
  std::string license_;
  ElfFile elf_;
  BtfTypes types_;
  std::vector<Info> functions_, lines_, relocations_;
  std::vector<std::unique_ptr<MapSpec>> maps_;
  std::vector<std::unique_ptr<ProgramSpec>> programs_;
  // Where maps are: section, offset, index.
  struct MapPlace {
    uint32_t section;
    uint64_t offset;
    int index;
  };
  std::vector<MapPlace> places_;
  int externs_ = -1;  // the map of `extern ... __kconfig`
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_OBJECT_FILE_H_
