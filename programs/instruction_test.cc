// SPDX-License-Identifier: Apache-2.0
//
// Every instruction on numbers that matter: here with and without checks, and
// on the kernel. The three must give the same 64 bits.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "bpfmap/programs/assembler.h"
#include "bpfmap/programs/kernel_run.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/world.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using namespace assembler;  // NOLINT: the test is written in it

struct Case {
  std::string name;
  Code code;  // ends with Exit()
  // Without it, the result is not written down here: kernel and engine agree.
  uint64_t wanted = 0;
  bool has_wanted = false;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.name;
}

const uint64_t kNumbers[] = {0,
                             1,
                             2,
                             7,
                             31,
                             0x7fffffff,
                             0x80000000,
                             0xffffffff,
                             0x100000000,
                             0x7fffffffffffffff,
                             0x8000000000000000,
                             0xffffffffffffffff,
                             0x123456789abcdef0};

// One program for an operation: applies it to all pairs of numbers, and mixes
// the results.
Code OverAllPairs(const Code& operation) {
  Code code = {Mov64(R9, 0)};
  for (const uint64_t a : kNumbers) {
    for (const uint64_t b : kNumbers) {
      code = Join({code,
                   LoadNumber(R1, a),
                   LoadNumber(R2, b),
                   operation,
                   {Alu64(kMul, R9, 31), Alu64(kXor, R9, R1)}});
    }
  }
  return Join({code, {Mov64(R0, R9), Exit()}});
}

std::vector<Case> ArithmeticCases() {
  const std::pair<const char*, uint8_t> operations[] = {
      {"add", kAdd}, {"sub", kSub}, {"mul", kMul}, {"div", kDiv},
      {"or", kOr},   {"and", kAnd}, {"lsh", kLsh}, {"rsh", kRsh},
      {"mod", kMod}, {"xor", kXor}, {"mov", kMov}, {"arsh", kArsh}};
  std::vector<Case> cases;
  for (const auto& [name, operation] : operations) {
    const std::string n = name;
    // The amount of a shift is any number: the low bits count.
    cases.push_back(
        {n + "64_register", OverAllPairs({Alu64(operation, R1, R2)})});
    cases.push_back(
        {n + "32_register", OverAllPairs({Alu32(operation, R1, R2)})});
    for (const int32_t imm : {1, 7, 31}) {
      cases.push_back({n + "64_" + std::to_string(imm),
                       OverAllPairs({Alu64(operation, R1, imm)})});
      cases.push_back({n + "32_" + std::to_string(imm),
                       OverAllPairs({Alu32(operation, R1, imm)})});
    }
    if (operation == kLsh || operation == kRsh || operation == kArsh) continue;
    cases.push_back(
        {n + "64_minus1", OverAllPairs({Alu64(operation, R1, -1)})});
    cases.push_back(
        {n + "32_minus1", OverAllPairs({Alu32(operation, R1, -1)})});
  }
  for (const auto& [name, operation] :
       {std::pair{"sdiv", kDiv}, std::pair{"smod", kMod}}) {
    const std::string n = name;
    cases.push_back(
        {n + "64_register", OverAllPairs({Alu64(operation, R1, R2, 1)})});
    cases.push_back(
        {n + "32_register", OverAllPairs({Alu32(operation, R1, R2, 1)})});
    for (const int32_t imm : {1, -1, 7, -7}) {
      cases.push_back({n + "64_" + std::to_string(imm + 100),
                       OverAllPairs({Alu64(operation, R1, imm, 1)})});
      cases.push_back({n + "32_" + std::to_string(imm + 100),
                       OverAllPairs({Alu32(operation, R1, imm, 1)})});
    }
  }
  for (const int16_t bits : {8, 16, 32}) {
    const std::string n = std::to_string(bits);
    cases.push_back(
        {"movsx64_" + n, OverAllPairs({Alu64(kMov, R1, R2, bits)})});
    if (bits == 32) continue;
    cases.push_back(
        {"movsx32_" + n, OverAllPairs({Alu32(kMov, R1, R2, bits)})});
  }
  for (const int32_t bits : {16, 32, 64}) {
    const std::string n = std::to_string(bits);
    cases.push_back({"le" + n, OverAllPairs({ToLittle(R1, bits)})});
    cases.push_back({"be" + n, OverAllPairs({ToBig(R1, bits)})});
    cases.push_back({"bswap" + n, OverAllPairs({SwapBytes(R1, bits)})});
  }
  cases.push_back({"neg64", OverAllPairs({Neg64(R1)})});
  cases.push_back({"neg32", OverAllPairs({Neg32(R1)})});
  return cases;
}

// The comparison as a number.
Code Compare(Instruction jump) {
  jump.offset = 1;
  return {Mov64(R3, 1), jump, Mov64(R3, 0), Mov64(R1, R3)};
}

std::vector<Case> JumpCases() {
  const std::pair<const char*, uint8_t> comparisons[] = {
      {"jeq", kJeq}, {"jgt", kJgt},   {"jge", kJge},   {"jset", kJset},
      {"jne", kJne}, {"jsgt", kJsgt}, {"jsge", kJsge}, {"jlt", kJlt},
      {"jle", kJle}, {"jslt", kJslt}, {"jsle", kJsle}};
  std::vector<Case> cases;
  for (const auto& [name, comparison] : comparisons) {
    const std::string n = name;
    cases.push_back({n + "64_register",
                     OverAllPairs(Compare(JumpIf(comparison, R1, R2, 0)))});
    cases.push_back({n + "32_register",
                     OverAllPairs(Compare(JumpIf32(comparison, R1, R2, 0)))});
    for (const int32_t imm : {0, 7, -1}) {
      cases.push_back({n + "64_" + std::to_string(imm + 100),
                       OverAllPairs(Compare(JumpIf(comparison, R1, imm, 0)))});
      cases.push_back(
          {n + "32_" + std::to_string(imm + 100),
           OverAllPairs(Compare(JumpIf32(comparison, R1, imm, 0)))});
    }
  }
  cases.push_back(
      {"goto",
       {Mov64(R0, 1), JumpIf(kJeq, R0, 2, 1), Goto(1), Mov64(R0, 2), Exit()},
       1,
       true});
  cases.push_back({"goto_long",
                   {Mov64(R0, 1), JumpIf(kJeq, R0, 2, 1), GotoLong(1),
                    Mov64(R0, 2), Exit()},
                   1,
                   true});
  cases.push_back({"loop",
                   {Mov64(R0, 0), Mov64(R1, 0), Alu64(kAdd, R0, R1),
                    Alu64(kAdd, R1, 1), JumpIf(kJlt, R1, 100, -3), Exit()},
                   4950,
                   true});
  return cases;
}

std::vector<Case> MemoryCases() {
  std::vector<Case> cases;
  for (const auto& [name, size, bytes] :
       {std::tuple{"8", kSizeB, 1}, std::tuple{"16", kSizeH, 2},
        std::tuple{"32", kSizeW, 4}, std::tuple{"64", kSizeDw, 8}}) {
    const std::string n = name;
    const Code fill = {StoreImm(kSizeDw, R10, -8, -0x7f7e7d7d)};
    cases.push_back(
        {"stx" + n,
         OverAllPairs(Join(
             {fill, {Store(size, R10, -8, R2), Load(kSizeDw, R1, R10, -8)}}))});
    cases.push_back(
        {"st" + n, OverAllPairs(Join({fill,
                                      {StoreImm(size, R10, -8, -3),
                                       Load(kSizeDw, R1, R10, -8)}}))});
    cases.push_back(
        {"ldx" + n,
         OverAllPairs({Store(kSizeDw, R10, -8, R1),
                       Load(size, R1, R10, static_cast<int16_t>(-bytes))})});
    if (bytes == 8) continue;
    cases.push_back(
        {"ldsx" + n, OverAllPairs({Store(kSizeDw, R10, -8, R1),
                                   LoadSigned(size, R1, R10,
                                              static_cast<int16_t>(-bytes))})});
  }
  return cases;
}

std::vector<Case> AtomicCases() {
  std::vector<Case> cases;
  const std::pair<const char*, int32_t> operations[] = {
      {"add", kAdd},
      {"or", kOr},
      {"and", kAnd},
      {"xor", kXor},
      {"fetch_add", kAdd | kFetch},
      {"fetch_or", kOr | kFetch},
      {"fetch_and", kAnd | kFetch},
      {"fetch_xor", kXor | kFetch},
      {"xchg", kXchg},
      {"cmpxchg", kCmpXchg}};
  for (const auto& [name, operation] : operations) {
    for (const uint8_t size : {kSizeW, kSizeDw}) {
      const std::string n = std::string(name) + (size == kSizeW ? "32" : "64");
      // Both the memory and what was fetched count.
      const Code after = {Load(kSizeDw, R1, R10, -8), Alu64(kMul, R1, 7),
                          Alu64(kXor, R1, R2), Alu64(kXor, R1, R0)};
      cases.push_back(
          {n, OverAllPairs(Join({{Store(kSizeDw, R10, -8, R1), Mov64(R0, 7),
                                  Atomic(size, operation, R10, -8, R2)},
                                 after}))});
      cases.push_back(
          {n + "_equal",
           OverAllPairs(Join({{Store(kSizeDw, R10, -8, R1), Mov64(R0, R1),
                               Atomic(size, operation, R10, -8, R2)},
                              after}))});
    }
  }
  for (const uint8_t size : {kSizeB, kSizeH, kSizeW, kSizeDw}) {
    const std::string n = std::to_string(AccessSize(size) * 8);
    cases.push_back({"load_acquire" + n,
                     OverAllPairs({Store(kSizeDw, R10, -8, R1), Mov64(R3, R10),
                                   Atomic(size, kLoadAcquire, R1, -8, R3)})});
    cases.push_back({"store_release" + n,
                     OverAllPairs({Store(kSizeDw, R10, -8, R1),
                                   Atomic(size, kStoreRelease, R10, -8, R2),
                                   Load(kSizeDw, R1, R10, -8)})});
  }
  return cases;
}

std::vector<Case> CallCases() {
  std::vector<Case> cases;
  cases.push_back({"function_of_arguments",
                   {Mov64(R1, 2), Mov64(R2, 3), Mov64(R6, 5), CallFunction(2),
                    Alu64(kAdd, R0, R6), Exit(), Mov64(R6, 100), Mov64(R0, R1),
                    Alu64(kMul, R0, R2), Exit()},
                   11,
                   true});
  // Each function calls the next one and adds to its stack.
  Code deep;
  for (int i = 0; i < 6; ++i) {
    const Code frame = {StoreImm(kSizeDw, R10, -8, i), CallFunction(3),
                        Load(kSizeDw, R1, R10, -8), Alu64(kAdd, R0, R1),
                        Exit()};
    deep = Join({deep, frame});
  }
  cases.push_back({"functions_six_deep",
                   Join({deep, {Mov64(R0, 1000), Exit()}}), 1015, true});
  cases.push_back(
      {"pointer_to_the_stack_of_the_caller",
       {StoreImm(kSizeDw, R10, -16, 7), Mov64(R1, R10), Alu64(kAdd, R1, -16),
        CallFunction(2), Load(kSizeDw, R0, R10, -16), Exit(),
        Load(kSizeDw, R2, R1, 0), Alu64(kAdd, R2, 1), Store(kSizeDw, R1, 0, R2),
        Mov64(R0, 0), Exit()},
       8,
       true});
  return cases;
}

std::vector<Case> AllCases() {
  std::vector<Case> all;
  for (const auto& part : {ArithmeticCases(), JumpCases(), MemoryCases(),
                           AtomicCases(), CallCases()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

// `code` as a function, and a program that returns the lower or the upper 32
// bits of its result, which is all that the kernel shows.
Code Half(const Code& code, bool upper) {
  Code main = {CallFunction(upper ? 2 : 1)};
  if (upper) main.push_back(Alu64(kRsh, R0, 32));
  main.push_back(Exit());
  return Join({main, code});
}

uint64_t RunHere(const Code& code, Checks checks) {
  ProgramDef def;
  def.instructions = code;
  std::shared_ptr<const Program> program;
  const LoadError error = Program::Load(def, &program);
  EXPECT_FALSE(error.failed()) << error.instruction << ": " << error.reason;
  if (error.failed()) return 0;
  World world;
  const auto machine = std::make_unique<Machine>(&world);
  RunInput input;
  input.checks = checks;
  const RunResult result = machine->Run(*program, input);
  EXPECT_FALSE(result.faulted()) << result.fault;
  return result.r0;
}

class InstructionTest : public testing::TestWithParam<Case> {};

TEST_P(InstructionTest, IsTheSameWithChecksAndWithout) {
  const uint64_t checked = RunHere(GetParam().code, Checks::kAll);
  EXPECT_EQ(RunHere(GetParam().code, Checks::kNone), checked);
  if (GetParam().has_wanted) {
    EXPECT_EQ(checked, GetParam().wanted);
  }
}

using InstructionKernelTest = InstructionTest;

TEST_P(InstructionKernelTest, IsTheSameOnTheKernel) {
  SKIP_WITHOUT_KERNEL_RUN();
  uint64_t kernel = 0;
  for (const bool upper : {false, true}) {
    const KernelRun run(ProgramType::kSchedCls, Half(GetParam().code, upper));
    ASSERT_EQ(run.load_error(), 0) << run.log();
    KernelTest test;
    test.data_in.resize(64);
    run.Run(&test);
    ASSERT_EQ(test.error, 0);
    kernel |= uint64_t{test.retval} << (upper ? 32 : 0);
  }
  EXPECT_EQ(RunHere(GetParam().code, Checks::kAll), kernel);
}

INSTANTIATE_TEST_SUITE_P(All, InstructionTest, testing::ValuesIn(AllCases()),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(All, InstructionKernelTest,
                         testing::ValuesIn(AllCases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace bpfmap
