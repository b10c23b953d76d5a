// SPDX-License-Identifier: Apache-2.0
//
// Programs on an arena: casts between address spaces, pages that are not there,
// and the functions of the kernel on it. tests/objects/arena.cc compares the
// same with the kernel.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "bpfmap/maps/arena_map.h"
#include "bpfmap/maps/arena_pages.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/programs/assembler.h"
#include "bpfmap/programs/disassemble.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/world.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using namespace assembler;  // NOLINT: the test is written in it

constexpr uint64_t kAddress = uint64_t{1} << 44;
constexpr uint64_t kPage = 4096;
constexpr int32_t kArena = 0;
constexpr int32_t kOther = 1;

constexpr Instruction Cast(Register reg, int32_t spaces) {
  return Instruction::Of(kClassAlu64 | kSourceRegister | kMov, reg.number,
                         reg.number, kAddressSpaceCast, spaces);
}
constexpr Instruction ToKernel(Register reg) { return Cast(reg, 1); }
constexpr Instruction ToUser(Register reg) { return Cast(reg, 1 << 16); }
constexpr Instruction CallKernel() {
  return Instruction::Of(kClassJmp | kCall, 0, kCallKernel, 0, 1);
}

std::shared_ptr<ArenaMap<Cloud>> NewArena(uint64_t address, MapFlags flags) {
  auto map =
      std::make_shared<ArenaMap<Cloud>>(MapDef{.type = MapType::kArena,
                                               .max_entries = 4,
                                               .map_flags = kMmapable | flags,
                                               .map_extra = address});
  EXPECT_EQ(map->Init(), Errno::kOk);
  return map;
}

class ArenaTest : public ::testing::Test {
 protected:
  LoadError LoadProgram(const Code& code, const std::string& function = "") {
    ProgramDef def;
    def.type = ProgramType::kSyscall;
    def.gpl_compatible = true;
    def.instructions = code;
    def.map_of_fd = [this](int32_t fd) -> std::shared_ptr<LocalMap> {
      return fd == kArena ? arena_ : other_;
    };
    for (uint32_t at = 0; at < code.size(); ++at) {
      if (code[at].src() == kCallKernel &&
          code[at].code == (kClassJmp | kCall)) {
        def.kernel_calls.push_back({at, function});
      }
    }
    return Program::Load(def, &program_);
  }

  RunResult Run(const Code& code, Checks checks = Checks::kAll,
                const std::string& function = "") {
    const LoadError error = LoadProgram(code, function);
    EXPECT_EQ(error.error, Errno::kOk) << error.reason;
    uint64_t context[4] = {};
    auto machine = std::make_unique<Machine>(&world_);
    RunInput input;
    input.context = context;
    input.context_size = sizeof context;
    input.checks = checks;
    return machine->Run(*program_, input);
  }

  uint64_t WordAt(uint64_t offset) {
    return *static_cast<uint64_t*>(arena_->Touch(offset, 8));
  }

  std::shared_ptr<ArenaMap<Cloud>> arena_ = NewArena(kAddress, {});
  std::shared_ptr<ArenaMap<Cloud>> other_ = NewArena(0, {});
  std::shared_ptr<const Program> program_;
  World world_;
};

TEST_F(ArenaTest, CastGoesToMemoryAndBack) {
  const Code code =
      Join({LoadMap(R1, kArena),
            LoadNumber(R1, kAddress + kPage + 8),
            {ToKernel(R1), StoreImm(kSizeDw, R1, 0, 7), Load(kSizeW, R2, R1, 0),
             Alu64(kAdd, R1, 16), ToUser(R1), Mov64(R0, R1),
             Alu64(kAdd, R0, R2), Exit()}});
  for (const Checks checks : {Checks::kAll, Checks::kNone}) {
    arena_->Touch(kPage, 8);
    const RunResult result = Run(code, checks);
    EXPECT_FALSE(result.faulted()) << result.fault;
    EXPECT_EQ(result.r0, kAddress + kPage + 24 + 7);
    EXPECT_EQ(WordAt(kPage + 8), 7U);
  }
}

TEST_F(ArenaTest, NullStaysNull) {
  const RunResult result = Run(
      Join({LoadMap(R1, kArena),
            {Mov64(R1, 0), ToKernel(R1), ToUser(R1), Mov64(R0, R1), Exit()}}));
  EXPECT_EQ(result.r0, 0U);
}

TEST_F(ArenaTest, StoreToPageThatIsNotThereIsLost) {
  const RunResult result = Run(Join({LoadMap(R1, kArena),
                                     LoadNumber(R1, kAddress),
                                     {ToKernel(R1), StoreImm(kSizeDw, R1, 0, 7),
                                      Load(kSizeDw, R0, R1, 0), Exit()}}));
  EXPECT_FALSE(result.faulted()) << result.fault;
  EXPECT_EQ(result.r0, 0U);
  EXPECT_EQ(WordAt(0), 0U);
}

TEST_F(ArenaTest, AccessPastTheArenaEndsTheRun) {
  arena_->Touch(3 * kPage, 1);
  const RunResult result =
      Run(Join({LoadMap(R1, kArena),
                LoadNumber(R1, kAddress + 4 * kPage - 4),
                {ToKernel(R1), Load(kSizeDw, R0, R1, 0), Exit()}}));
  EXPECT_NE(result.fault.find("4 past the end of the arena"), std::string::npos)
      << result.fault;
}

TEST_F(ArenaTest, AtomicOnPageThatIsNotThereEndsTheRun) {
  const Code code =
      Join({LoadMap(R1, kArena),
            LoadNumber(R1, kAddress),
            {ToKernel(R1), Mov64(R2, 5), Atomic(kSizeDw, kAdd, R1, 0, R2),
             Mov64(R0, 0), Exit()}});
  EXPECT_NE(Run(code).fault.find("a page of the arena that is not there"),
            std::string::npos);
  arena_->Touch(0, 1);
  EXPECT_FALSE(Run(code).faulted());
  EXPECT_EQ(WordAt(0), 5U);
}

TEST_F(ArenaTest, AddressOfAByteIsThatOfUserSpace) {
  EXPECT_EQ(Run(Join({LoadMapValue(R0, kArena, 8), {Exit()}})).r0,
            kAddress + 8);
  EXPECT_EQ(
      LoadProgram(Join({LoadMapValue(R0, kArena, 4 * kPage + 1), {Exit()}}))
          .error,
      Errno::kRange);
}

TEST_F(ArenaTest, LoadRefusesWhatLinuxRefuses) {
  const Code casts = {Mov64(R1, 0), ToKernel(R1), Mov64(R0, 0), Exit()};
  EXPECT_EQ(LoadProgram(casts).error, Errno::kInval);
  EXPECT_EQ(LoadProgram(Join({LoadMap(R1, kArena), casts})).error, Errno::kOk);
  EXPECT_EQ(LoadProgram(Join({LoadMap(R1, kArena), LoadMap(R1, kOther), casts}))
                .error,
            Errno::kBusy);
  EXPECT_EQ(LoadProgram(Join({LoadMap(R1, kArena),
                              {Cast(R1, 0), Mov64(R0, 0), Exit()}}))
                .error,
            Errno::kInval);
}

TEST_F(ArenaTest, CastIsAMoveWhereTheArenaSaysSo) {
  arena_ = NewArena(kAddress, kNoUserConv);
  const RunResult result =
      Run(Join({LoadMap(R1, kArena),
                LoadNumber(R1, kAddress + 8),
                {ToKernel(R1), ToUser(R1), Mov64(R0, R1), Exit()}}));
  EXPECT_EQ(result.r0, arena_->start() + 8);
}

TEST_F(ArenaTest, ProgramAllocatesAndFreesPages) {
  const Code code = Join({LoadMap(R1, kArena),
                          {Mov64(R2, 0), Mov64(R3, 2), Mov64(R4, -1),
                           Mov64(R5, 0), CallKernel(), Exit()}});
  for (const Checks checks : {Checks::kAll, Checks::kNone}) {
    const RunResult result = Run(code, checks, "bpf_arena_alloc_pages");
    EXPECT_FALSE(result.faulted()) << result.fault;
    EXPECT_EQ(result.r0, kAddress);
    EXPECT_TRUE(arena_->AreThere(0, 2 * kPage));
    const Code frees =
        Join({LoadMap(R1, kArena),
              LoadNumber(R2, kAddress),
              {Mov64(R3, 2), CallKernel(), Mov64(R0, 0), Exit()}});
    EXPECT_FALSE(Run(frees, checks, "bpf_arena_free_pages").faulted());
    EXPECT_FALSE(arena_->AreThere(0, 1));
  }
}

TEST_F(ArenaTest, FunctionNeedsAnArena) {
  const RunResult result = Run(
      Join({LoadMap(R2, kArena),
            {Mov64(R1, 5), Mov64(R3, 2), CallKernel(), Mov64(R0, 0), Exit()}}),
      Checks::kAll, "bpf_arena_free_pages");
  EXPECT_NE(result.fault.find("with what is no arena"), std::string::npos)
      << result.fault;
}

TEST(ArenaDisassemblyTest, CastIsNamed) {
  const Code code = {ToKernel(R1), ToUser(R1), Exit()};
  EXPECT_EQ(Disassemble(code, 0), "r1 = addr_space_cast(r1, 0, 1)");
  EXPECT_EQ(Disassemble(code, 1), "r1 = addr_space_cast(r1, 1, 0)");
}

}  // namespace
}  // namespace bpfmap
