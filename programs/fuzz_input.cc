// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/fuzz_input.h"

#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/context.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/test_run.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {
namespace {

using Maps = std::vector<std::shared_ptr<LocalMap>>;

Maps MakeMaps() {
  const MapDef defs[] = {
      {.type = MapType::kArray,
       .key_size = 4,
       .value_size = 192,
       .max_entries = 1},
      {.type = MapType::kHash,
       .key_size = 8,
       .value_size = 16,
       .max_entries = 4},
      {.type = MapType::kArray,
       .key_size = 4,
       .value_size = 16,
       .max_entries = 4},
      {.type = MapType::kRingBuf, .max_entries = 4096},
      {.type = MapType::kArray,
       .key_size = 4,
       .value_size = 16,
       .max_entries = 1,
       .spin_lock_offset = 8},
      {.type = MapType::kProgArray,
       .key_size = 4,
       .value_size = 4,
       .max_entries = 2},
      {.type = MapType::kQueue, .value_size = 8, .max_entries = 4},
      {.type = MapType::kPerCpuArray,
       .key_size = 4,
       .value_size = 8,
       .max_entries = 1},
      {.type = MapType::kUserRingBuf, .max_entries = 4096},
      {.type = MapType::kHash,
       .key_size = 8,
       .value_size = 32,
       .max_entries = 4,
       .timer_offset = 8}};
  Maps maps = {nullptr};
  for (const MapDef& def : defs) {
    absl::StatusOr<std::shared_ptr<LocalMap>> map = CreateMap(def);
    if (!map.ok()) __builtin_trap();
    maps.push_back(*map);
  }
  return maps;
}

// A program that calls itself, for as long as it may.
class Itself final : public ProgramSource {
 public:
  std::shared_ptr<const Program> ProgramOf(uint32_t) override {
    return program;
  }
  std::shared_ptr<const Program> program;
};

constexpr ProgramType kTypes[] = {
    ProgramType::kSchedCls,  ProgramType::kXdp,
    ProgramType::kCgroupSkb, ProgramType::kSocketFilter,
    ProgramType::kLwtXmit,   ProgramType::kRawTracepoint,
    ProgramType::kSyscall,   ProgramType::kFlowDissector,
    ProgramType::kSkLookup,  ProgramType::kNetfilter};

// A World in which nothing that a timer does wrong ends the process.
class FuzzWorld final : public World {
 public:
  void TimerFaulted(const std::string&) override {}
};

SkLookupContext Lookup() {
  SkLookupContext lookup = {};
  lookup.family = 2;
  lookup.protocol = 6;
  lookup.remote_ip4 = 7;
  lookup.local_port = 80;
  return lookup;
}

// Gives a test of `type` what its programs are called with.
void SetInput(ProgramType type, std::span<const uint8_t> bytes,
              TestInput* test) {
  static const SkLookupContext& lookup = *new SkLookupContext(Lookup());
  switch (type) {
    case ProgramType::kRawTracepoint:
    case ProgramType::kSyscall:
      test->context = bytes;
      break;
    case ProgramType::kSkLookup:
      test->context = {reinterpret_cast<const uint8_t*>(&lookup),
                       sizeof lookup};
      break;
    default:
      test->data = bytes;
  }
}

}  // namespace

FuzzOutcome FuzzProgram(std::span<const uint8_t> input) {
  static const Maps& maps = *new Maps(MakeMaps());
  if (input.empty()) return FuzzOutcome::kRefused;
  ProgramDef def;
  def.type = kTypes[input[0] % std::size(kTypes)];
  def.gpl_compatible = true;
  std::vector<Instruction> instructions((input.size() - 1) /
                                        sizeof(Instruction));
  if (!instructions.empty()) {
    std::memcpy(instructions.data(), &input[1],
                instructions.size() * sizeof(Instruction));
  }
  def.instructions = instructions;
  def.map_of_fd = [](int32_t fd) {
    const std::size_t place = static_cast<std::size_t>(fd);
    return place < maps.size() ? maps[place] : nullptr;
  };
  def.map_of_index = def.map_of_fd;
  Itself itself;
  if (Program::Load(def, &itself.program).failed()) {
    return FuzzOutcome::kRefused;
  }
  const uint32_t key = 0;
  const uint32_t handle = 1;
  if (maps[6]->Update(&key, &handle) != Errno::kOk) __builtin_trap();
  std::vector<uint8_t> bytes(64, 0x45);
  TestInput test;
  SetInput(def.type, bytes, &test);
  test.max_instructions = 10'000;
  test.max_instructions_with_callbacks = 100'000;
  FuzzWorld world;
  const TestResult result = RunTest(*itself.program, test, &world, &itself);
  world.FireTimers();
  itself.program = nullptr;
  return result.run.faulted() ? FuzzOutcome::kFaulted : FuzzOutcome::kEnded;
}

}  // namespace bpfmap
