// SPDX-License-Identifier: Apache-2.0
//
// Program: a BPF program that was loaded: its operations, the maps that it
// uses, and what is known of its source. START HERE.
//
//   ProgramDef def;
//   def.type = ProgramType::kXdp;
//   def.instructions = instructions;
//   def.map_of_fd = [&](int32_t fd) { return maps[fd]; };
//   std::shared_ptr<const Program> program;
//   LoadError error = Program::Load(def, &program);
//   ...
//   World world;  // clock, task, random numbers: see world.h
//   Machine machine(&world);
//   RunResult result = machine.Run(*program, {.context = &md, ...});
//
// The library is //programs; world.h is //programs:world.
//
// Loading checks little, see decode.h; a Machine checks what a program does
// when it does it (machine.h), and RunTest() runs it on a packet or a context
// as BPF_PROG_TEST_RUN does (test_run.h). There is no verifier here: a program
// that runs well may be refused by Linux.
//
// A program holds its maps: they live at least as long as it does. Immutable,
// so thread-safe; many machines may run one program at once.

#ifndef BPFMAP_PROGRAMS_PROGRAM_H_
#define BPFMAP_PROGRAMS_PROGRAM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bpfmap/maps/local_map.h"
#include "bpfmap/programs/decode.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/memory.h"
#include "bpfmap/programs/operation.h"
#include "bpfmap/programs/program_type.h"

namespace bpfmap {

class ArenaPages;
class Coverage;
class ProgramCoverage;

// Where programs are counted unless their definitions say otherwise: what goes
// to the file of $BPFMAP_COVERAGE, or else to $COVERAGE_DIR, the folder that
// `bazel coverage` merges. Null if there is neither. Asked for once.
Coverage* ProcessCoverage();

// From which line of source instructions were made, from `instruction` on.
struct SourceLine {
  uint32_t instruction = 0;
  std::string file;
  uint32_t line = 0;
  std::string text;
};

struct FunctionName {
  uint32_t instruction = 0;  // the first one
  std::string name;
};

// The definition that a program is loaded from. Pointers are used during Load()
// only.
struct ProgramDef {
  ProgramType type = ProgramType::kUnspec;
  std::string name;
  bool gpl_compatible = false;
  bool like_linux = true;  // see Decode()
  std::span<const Instruction> instructions;
  // The map of a descriptor, or of a place in fd_array (kPseudoMapIdx); null if
  // there is none.
  std::function<std::shared_ptr<LocalMap>(int32_t fd)> map_of_fd;
  std::function<std::shared_ptr<LocalMap>(int32_t index)> map_of_index;
  std::vector<SourceLine> lines;        // in the order of instructions
  std::vector<FunctionName> functions;  // in the order of instructions
  // Instructions that call functions of the kernel, in order.
  std::vector<FunctionName> kernel_calls;
  // Where its runs are counted, see coverage.h; null: nowhere. It must outlive
  // the program.
  Coverage* coverage = ProcessCoverage();
};

class Program : public std::enable_shared_from_this<Program> {
 public:
  // Sets *program to the program of `def`.
  //   E2BIG, EINVAL  see Decode()
  //   EBADF          there is no such map
  //   EINVAL         an offset outside of the value, or a map that has no such
  //                  address; a GPL helper in a program of another licence; an
  //                  arena that user space has not mapped; a cast without an
  //                  arena
  //   EBUSY          a second arena
  //   ERANGE         an offset outside of the arena
  static LoadError Load(const ProgramDef& def,
                        std::shared_ptr<const Program>* program);

  ProgramType type() const { return type_; }
  const std::string& name() const { return name_; }
  bool gpl_compatible() const { return gpl_compatible_; }
  std::span<const Instruction> instructions() const { return instructions_; }
  const Operation* operations() const { return operations_.data(); }
  // What LoadRegion loads.
  const Region* region(int32_t index) const {
    return &regions_[static_cast<std::size_t>(index)];
  }
  // The arena that it uses, the only one; null: none.
  ArenaPages* arena() const { return arena_; }
  // What a pointer of this process into the arena points to: the arena, or
  // nothing.
  const Region* ArenaRegion(uint64_t address) const;
  // Whether the bytes are in a value that the program has the address of.
  bool HasDirectValue(uint64_t address, uint64_t size) const;
  // Every map once, in the order in which instructions mention them.
  const std::vector<std::shared_ptr<LocalMap>>& maps() const { return maps_; }

  // Whether an instruction calls this helper.
  bool Calls(uint32_t helper) const {
    return helper < helpers_.size() && helpers_[helper];
  }

  // In the order of instructions.
  const std::vector<SourceLine>& lines() const { return lines_; }
  const std::vector<FunctionName>& functions() const { return functions_; }
  // Where runs are counted; null: nowhere.
  ProgramCoverage* coverage() const { return coverage_.get(); }

  // The line of an instruction; null where that is unknown.
  const SourceLine* LineOf(uint32_t instruction) const;
  // The name of the function that an instruction is in; "" if unknown.
  const std::string& FunctionOf(uint32_t instruction) const;

  // The function of the kernel that an instruction calls; "" if unknown.
  const std::string& KernelFunctionAt(uint32_t instruction) const;

  // Where an instruction is, with the file without its folders:
  // "firewall.bpf.c:41 (instruction 17: r2 = *(u16 *)(r1 + 12))", or
  // "instruction 17 (r2 = ...)" where no line is known.
  std::string Place(uint32_t instruction) const;

 private:
  Program() = default;

  LoadError Resolve(const ProgramDef& def);
  LoadError ResolveMap(const ProgramDef& def, uint32_t at);
  void ResolveCall(uint32_t at);
  LoadError ResolveArena(uint32_t at, const MapFacts& map);
  LoadError CheckCasts();
  LoadError CheckHelpers();

  ProgramType type_{};
  std::string name_;
  bool gpl_compatible_ = false;
  std::vector<Instruction> instructions_;
  std::vector<Operation> operations_;
  std::vector<Region> regions_;
  std::vector<std::shared_ptr<LocalMap>> maps_;
  ArenaPages* arena_ = nullptr;
  Region arena_region_;
  std::vector<bool> helpers_;  // that are called, by their numbers
  std::vector<SourceLine> lines_;
  std::vector<FunctionName> functions_;
  std::vector<FunctionName> kernel_calls_;
  std::shared_ptr<ProgramCoverage> coverage_;
};

// The facts about `map`.
MapFacts FactsOf(LocalMap* map);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_PROGRAM_H_
