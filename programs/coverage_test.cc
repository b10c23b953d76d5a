// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/coverage.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/assembler.h"
#include "bpfmap/programs/lcov.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/observer.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/world.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using namespace assembler;  // NOLINT: the test is written in it

using Lines = std::map<uint32_t, uint64_t>;

// Runs what it loads under one of the engine's loops.
class CoverageTest : public testing::TestWithParam<Checks> {
 protected:
  // A program of which instruction n is on line n + 1 of a.c.
  std::shared_ptr<const Program> Load(const Code& code) {
    ProgramDef def = Define(code);
    return Load(def);
  }

  ProgramDef Define(const Code& code) {
    ProgramDef def;
    def.type = ProgramType::kXdp;
    def.name = "program";
    def.gpl_compatible = true;
    def.coverage = &coverage_;
    def.map_of_fd = [this](int32_t) { return map_; };
    code_ = code;
    def.instructions = code_;
    for (uint32_t at = 0; at < code.size(); ++at) {
      def.lines.push_back({at, "./a.c", at + 1, ""});
    }
    return def;
  }

  std::shared_ptr<const Program> Load(const ProgramDef& def) {
    std::shared_ptr<const Program> program;
    const LoadError error = Program::Load(def, &program);
    EXPECT_FALSE(error.failed()) << error.reason;
    return program;
  }

  RunResult Run(const Program& program, uint64_t r2 = 0,
                ProgramSource* programs = nullptr) {
    World world;
    Machine machine(&world, programs);
    RunInput input;
    input.checks = GetParam();
    input.has_r2 = true;
    input.r2 = r2;
    return machine.Run(program, input);
  }

  Lcov::File File() { return coverage_.Collect().FileNamed("a.c"); }

  Coverage coverage_;
  std::shared_ptr<LocalMap> map_;

 private:
  Code code_;
};

TEST_P(CoverageTest, ProgramThatNeverRanHasLines) {
  const auto program = Load({Mov64(R0, 0), Exit()});
  EXPECT_EQ(File().lines, (Lines{{1, 0}, {2, 0}}));
  EXPECT_EQ(File().functions.at("program").calls, 0U);
}

TEST_P(CoverageTest, EachTurnOfALoopCounts) {
  const auto program =
      Load({Mov64(R0, 5), Alu64(kSub, R0, 1), JumpIf(kJne, R0, 0, -2), Exit()});
  EXPECT_FALSE(Run(*program).faulted());
  EXPECT_FALSE(Run(*program).faulted());
  EXPECT_EQ(File().lines, (Lines{{1, 2}, {2, 10}, {3, 10}, {4, 2}}));
  EXPECT_EQ(File().branches.at({3, 1, 0}), 2U);
  EXPECT_EQ(File().branches.at({3, 1, 1}), 8U);
  EXPECT_EQ(File().functions.at("program").calls, 2U);
  EXPECT_EQ(File().functions.at("program").line, 1U);
}

TEST_P(CoverageTest, BranchesNotGoneAreZero) {
  const auto program = Load(
      {JumpIf(kJeq, R2, 7, 2), Mov64(R0, 1), Exit(), Mov64(R0, 2), Exit()});
  EXPECT_EQ(Run(*program, 7).r0, 2U);
  EXPECT_EQ(File().lines, (Lines{{1, 1}, {2, 0}, {3, 0}, {4, 1}, {5, 1}}));
  EXPECT_EQ(File().branches.at({1, 1, 0}), 0U);
  EXPECT_EQ(File().branches.at({1, 1, 1}), 1U);
}

TEST_P(CoverageTest, FunctionsCountTheirCalls) {
  ProgramDef def = Define({CallFunction(3), CallFunction(2), Mov64(R0, 0),
                           Exit(), Mov64(R0, 1), Exit()});
  def.functions = {{0, "main"}, {4, "callee"}};
  const auto program = Load(def);
  EXPECT_FALSE(Run(*program).faulted());
  EXPECT_EQ(File().lines,
            (Lines{{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 2}, {6, 2}}));
  EXPECT_EQ(File().functions.at("main").calls, 1U);
  EXPECT_EQ(File().functions.at("callee").calls, 2U);
  EXPECT_EQ(File().functions.at("callee").line, 5U);
}

TEST_P(CoverageTest, CallbacksCountEachCall) {
  // bpf_loop(3, callback, null, 0)
  const auto program = Load(Join({{Mov64(R1, 3)},
                                  LoadFunction(R2, 5),
                                  {Mov64(R3, 0), Mov64(R4, 0), CallHelper(181),
                                   Exit(), Mov64(R0, 0), Exit()}}));
  const RunResult result = Run(*program);
  EXPECT_FALSE(result.faulted()) << result.fault;
  EXPECT_EQ(File().lines.at(6), 1U);
  EXPECT_EQ(File().lines.at(7), 1U);
  EXPECT_EQ(File().lines.at(8), 3U);
  EXPECT_EQ(File().lines.at(9), 3U);
}

// The program of an entry of a PROG_ARRAY.
class Source final : public ProgramSource {
 public:
  explicit Source(std::shared_ptr<const Program> program)
      : program_(std::move(program)) {}
  void Set(std::shared_ptr<const Program> program) {
    program_ = std::move(program);
  }
  std::shared_ptr<const Program> ProgramOf(uint32_t) override {
    return program_;
  }

 private:
  std::shared_ptr<const Program> program_;
};

TEST_P(CoverageTest, TailCallCountsInTheProgramThatIsEntered) {
  map_ = CreateMap({.type = MapType::kProgArray,
                    .key_size = 4,
                    .value_size = 4,
                    .max_entries = 1})
             .value();
  ProgramDef def = Define({Mov64(R0, 7), Exit()});
  for (SourceLine& line : def.lines) line.line += 100;
  const auto next = Load(def);
  const auto program = Load(Join(
      {LoadMap(R2, 1), {Mov64(R3, 0), CallHelper(12), Mov64(R0, 0), Exit()}}));
  Source source(next);
  // Without an entry the program goes on after the call.
  EXPECT_EQ(Run(*program, 0, &source).r0, 0U);
  EXPECT_EQ(File().lines.at(4), 1U);
  EXPECT_EQ(File().lines.at(5), 1U);
  EXPECT_EQ(File().lines.at(101), 0U);
  const uint32_t index = 0, handle = 1;
  ASSERT_EQ(map_->Update(&index, &handle), Errno::kOk);
  EXPECT_EQ(Run(*program, 0, &source).r0, 7U);
  EXPECT_EQ(File().lines.at(4), 2U);
  EXPECT_EQ(File().lines.at(5), 1U);
  EXPECT_EQ(File().lines.at(101), 1U);
  EXPECT_EQ(File().lines.at(102), 1U);
}

TEST_P(CoverageTest, FaultEndsTheCount) {
  // r0 = the number of a turn; a load through it ends the run.
  const auto program =
      Load({Mov64(R0, 0), Alu64(kAdd, R0, 1), JumpIf(kJne, R0, 3, -2),
            CallHelper(9999), Mov64(R0, 0), Exit()});
  EXPECT_TRUE(Run(*program).faulted());
  EXPECT_EQ(File().lines,
            (Lines{{1, 1}, {2, 3}, {3, 3}, {4, 1}, {5, 0}, {6, 0}}));
}

TEST_P(CoverageTest, LoopThatIsEndedIsCounted) {
  const auto program = Load(
      {Mov64(R0, 0), Alu64(kAdd, R0, 1), JumpIf(kJne, R10, 0, -2), Exit()});
  EXPECT_TRUE(Run(*program).faulted());
  const Lines lines = File().lines;
  EXPECT_EQ(lines.at(1), 1U);
  EXPECT_LE(lines.at(2) - lines.at(3), 1U);
  EXPECT_GT(lines.at(2), 100'000U);
  EXPECT_EQ(lines.at(4), 0U);
}

TEST_P(CoverageTest, FaultOfAJumpIsNoJump) {
  if (GetParam() == Checks::kNone) return;  // it does not fault
  const auto program =
      Load({JumpIf(kJeq, R7, 0, 1), Mov64(R0, 1), Mov64(R0, 2), Exit()});
  EXPECT_TRUE(Run(*program).faulted());
  EXPECT_EQ(File().lines, (Lines{{1, 1}, {2, 0}, {3, 0}, {4, 0}}));
}

TEST_P(CoverageTest, CountsStayWhenTheProgramIsGone) {
  const Code code = {Mov64(R0, 0), Exit()};
  for (int load = 0; load < 3; ++load) Run(*Load(code));
  const auto program = Load(code);
  Run(*program);
  EXPECT_EQ(File().lines, (Lines{{1, 4}, {2, 4}}));
  EXPECT_EQ(File().functions.at("program").calls, 4U);
}

TEST_P(CoverageTest, ForgetLeavesTheLines) {
  const auto program = Load({Mov64(R0, 0), Exit()});
  Run(*program);
  coverage_.Forget();
  EXPECT_EQ(File().lines, (Lines{{1, 0}, {2, 0}}));
  Run(*program);
  EXPECT_EQ(File().lines, (Lines{{1, 1}, {2, 1}}));
}

TEST_P(CoverageTest, ALineCountsItsInstructionThatRanMost) {
  ProgramDef def = Define(
      {Mov64(R0, 3), Alu64(kSub, R0, 1), JumpIf(kJne, R0, 0, -2), Exit()});
  def.lines = {{0, "a.c", 1, ""}, {3, "a.c", 2, ""}};
  const auto program = Load(def);
  Run(*program);
  EXPECT_EQ(File().lines, (Lines{{1, 3}, {2, 1}}));
}

TEST_P(CoverageTest, InstructionsThatNoLineNamesAreSaid) {
  ProgramDef def = Define(Join({{Mov64(R0, 0)}, LoadNumber(R1, 1), {Exit()}}));
  def.lines = {{0, "a.c", 1, ""}, {1, "a.c", 0, ""}};
  const auto program = Load(def);
  Run(*program);
  const Lcov lcov = coverage_.Collect();
  const Lcov::Unnamed& unnamed = lcov.unnamed().at("program");
  EXPECT_EQ(unnamed.all, 2U);
  EXPECT_EQ(unnamed.ran, 2U);
  EXPECT_EQ(unnamed.program, 3U);
  EXPECT_EQ(File().lines, (Lines{{1, 1}}));
}

TEST_P(CoverageTest, ThreadsLoseNoCount) {
  constexpr uint64_t kThreads = 4, kRuns = 500;
  const auto program =
      Load({Mov64(R0, 5), Alu64(kSub, R0, 1), JumpIf(kJne, R0, 0, -2), Exit()});
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (uint64_t run = 0; run < kRuns; ++run) Run(*program);
    });
  }
  coverage_.Collect();  // it may, at any time
  for (std::thread& thread : threads) thread.join();
  constexpr uint64_t kAll = kThreads * kRuns;
  EXPECT_EQ(File().lines,
            (Lines{{1, kAll}, {2, 5 * kAll}, {3, 5 * kAll}, {4, kAll}}));
}

// An observer sees all that is counted.
class CountingObserver final : public Observer {
 public:
  void Before(const Step& step) override { ++lines[step.instruction + 1]; }
  void Ended(const Program&, const RunResult&) override { ++runs; }

  Lines lines;
  int runs = 0;
};

TEST_P(CoverageTest, ObserverIsToldOfAllInstructions) {
  ProgramDef def =
      Define({Mov64(R0, 4), Alu64(kSub, R0, 1), JumpIf(kJne, R0, 0, -2),
              CallFunction(1), Exit(), Mov64(R0, 0), Exit()});
  const auto program = Load(def);
  CountingObserver observer;
  {
    const ScopedObserver scope(&observer);
    Run(*program);
    const ScopedObserver nobody(nullptr);
    EXPECT_EQ(Observer::OfThread(), nullptr);
  }
  EXPECT_EQ(observer.lines, File().lines);
  EXPECT_EQ(observer.runs, 1);
  Run(*program);
  EXPECT_EQ(observer.runs, 1);
}

// The first program is not counted, and an observer has the others counted.
TEST_P(CoverageTest, MachineGivesBackWhatTailCallsCountedIn) {
  map_ = CreateMap({.type = MapType::kProgArray,
                    .key_size = 4,
                    .value_size = 4,
                    .max_entries = 1})
             .value();
  const uint32_t index = 0, handle = 1;
  ASSERT_EQ(map_->Update(&index, &handle), Errno::kOk);
  ProgramDef def = Define(Join(
      {LoadMap(R2, 1), {Mov64(R3, 0), CallHelper(12), Mov64(R0, 0), Exit()}}));
  def.coverage = nullptr;
  const auto program = Load(def);
  CountingObserver observer;
  const ScopedObserver scope(&observer);
  World world;
  Source source(nullptr);
  Machine machine(&world, &source);
  for (uint64_t i = 1; i <= 40; ++i) {
    source.Set(Load({Mov64(R0, 7), Exit()}));
    EXPECT_EQ(machine.Run(*program, {}).r0, 7U);
    EXPECT_EQ(File().lines.at(1), i);
  }
}

TEST_P(CoverageTest, FunctionThatIsNotInItsProgramIsLeftOut) {
  ProgramDef def = Define({Mov64(R0, 0), Exit()});
  def.functions = {{0, "entry"}, {2, "after"}};
  const auto program = Load(def);
  EXPECT_FALSE(Run(*program).faulted());
  EXPECT_EQ(File().functions.count("after"), 0U);
  EXPECT_EQ(File().functions.at("entry").calls, 1U);
}

INSTANTIATE_TEST_SUITE_P(Checks, CoverageTest,
                         testing::Values(Checks::kAll, Checks::kNone),
                         [](const auto& info) {
                           return info.param == Checks::kAll ? "checked"
                                                             : "unchecked";
                         });

}  // namespace
}  // namespace bpfmap
