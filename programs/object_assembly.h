// SPDX-License-Identifier: Apache-2.0
//
// ObjectFile::Assembly: puts the instructions of one program together: its own,
// then those of the functions that it calls, each once, with calls, maps,
// variables and callbacks resolved.

#ifndef BPFMAP_PROGRAMS_OBJECT_ASSEMBLY_H_
#define BPFMAP_PROGRAMS_OBJECT_ASSEMBLY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bpfmap/programs/object_file.h"

namespace bpfmap {

class ObjectFile::Assembly {
 public:
  // Both must outlive the assembly.
  Assembly(const ObjectFile& file, ProgramSpec* spec)
      : file_(file), spec_(*spec) {}

  // Fills the program that starts at `entry`. Returns "" or a sentence.
  std::string Run(const ElfFile::Symbol& entry);

 private:
  // A function of the file: where it is, and where it went.
  struct Function {
    uint32_t section = 0;
    uint32_t first = 0;  // instruction of the section
    uint32_t count = 0;
    uint32_t at = 0;  // instruction of the program
  };
  // A call, or an address, of a function.
  struct Use {
    uint32_t at = 0;
    std::size_t function = 0;
  };

  std::string Append(std::size_t function);
  std::string Relocate(const Function& function,
                       const ElfFile::Relocation& relocation);
  std::string RelocateCall(uint32_t at, const ElfFile::Symbol& symbol);
  std::string RelocateAddress(uint32_t at, const ElfFile::Symbol& symbol);
  // Calls within a section, which need no relocation.
  std::string FindCalls(const Function& function);
  std::string UseFunction(uint32_t at, uint32_t section, uint64_t instruction);
  void CopyInfo(const Function& function);
  void Resolve();

  Instruction& at(uint32_t i) { return spec_.instructions[i]; }
  void SetSource(uint32_t i, uint8_t source);

  const ObjectFile& file_;
  ProgramSpec& spec_;
  std::vector<Function> functions_;
  std::vector<Use> uses_;
  std::vector<uint32_t> relocated_calls_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_OBJECT_ASSEMBLY_H_
