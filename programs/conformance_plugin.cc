// SPDX-License-Identifier: Apache-2.0
//
// A plug-in for the public suite bpf_conformance: runs one program.
//
//   conformance_plugin [MEMORY] [OPTION...] < PROGRAM
//
// MEMORY and PROGRAM are bytes in hexadecimal, with blanks between them or not.
// r1 points to the memory and r2 is its length. Prints r0 in hexadecimal and
// exits with 0, or prints why there is none to stderr and exits with 1.
// --unchecked runs without checks of memory; other options mean nothing here.

#include <cctype>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {
namespace {

// The bytes of `text`; nothing if it is not hexadecimal.
std::optional<std::vector<uint8_t>> Bytes(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c))) continue;
    if (!std::isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
    digits += c;
  }
  if (digits.size() % 2 != 0) return std::nullopt;
  std::vector<uint8_t> bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes.push_back(
        static_cast<uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

int Fail(const std::string& why) {
  std::cerr << why << "\n";
  return 1;
}

int Main(int argc, char** argv) {
  std::vector<uint8_t> memory;
  Checks checks = Checks::kAll;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--unchecked") checks = Checks::kNone;
    if (i != 1 || argv[i][0] == '-') continue;
    const std::optional<std::vector<uint8_t>> bytes = Bytes(argv[i]);
    if (!bytes) return Fail("the memory is not hexadecimal");
    memory = *bytes;
  }
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  const std::optional<std::vector<uint8_t>> bytes = Bytes(input);
  if (!bytes || bytes->size() % sizeof(Instruction) != 0) {
    return Fail("the program is not hexadecimal, or not whole instructions");
  }
  std::vector<Instruction> instructions(bytes->size() / sizeof(Instruction));
  if (!bytes->empty()) {
    std::memcpy(instructions.data(), bytes->data(), bytes->size());
  }
  ProgramDef def;
  def.gpl_compatible = true;
  def.like_linux = false;
  def.instructions = instructions;
  std::shared_ptr<const Program> program;
  const LoadError error = Program::Load(def, &program);
  if (error.failed()) {
    return Fail("instruction " + std::to_string(error.instruction) + ": " +
                error.reason);
  }
  World world;
  const auto machine = std::make_unique<Machine>(&world);
  RunInput run;
  run.context = memory.data();
  run.context_size = static_cast<uint32_t>(memory.size());
  run.context_is_buffer = true;
  run.r2 = memory.size();
  run.has_r2 = true;
  run.checks = checks;
  run.may_read_unwritten_stack = true;
  const RunResult result = machine->Run(*program, run);
  if (result.faulted()) return Fail(result.fault);
  std::printf("%" PRIx64 "\n", result.r0);
  return 0;
}

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) { return bpfmap::Main(argc, argv); }
