// SPDX-License-Identifier: Apache-2.0
//
// Random bytes, and good programs with a few bytes changed: none may harm the
// process. Run under ASan, it sees what a wrong check lets through.
//
//   fuzz_test --programs=1000000 --seed=1

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <random>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "bpfmap/programs/fuzz_input.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/random_program.h"
#include "gtest/gtest.h"

ABSL_FLAG(uint32_t, programs, 5000, "How many programs of each kind.");
ABSL_FLAG(uint64_t, seed, 0, "Of the random numbers; 0: another each time.");

namespace bpfmap {
namespace {

class FuzzTest : public testing::Test {
 protected:
  void SetUp() override {
    seed_ = absl::GetFlag(FLAGS_seed);
    if (seed_ == 0) seed_ = std::random_device()();
    std::printf("--seed=%llu\n", static_cast<unsigned long long>(seed_));
    random_.seed(seed_);
  }

  // Prints how many programs ended how.
  ~FuzzTest() override {
    std::printf("%u refused, %u faulted, %u ended\n", outcomes_[0],
                outcomes_[1], outcomes_[2]);
  }

  void Run(const std::vector<uint8_t>& input) {
    ++outcomes_[static_cast<int>(FuzzProgram(input))];
  }

  // A good program of the type sched_cls, whose maps have the numbers 1 to 3.
  std::vector<uint8_t> Good() {
    RandomProgram maker(random_(), {1, 2, 3});
    const assembler::Code code =
        maker.Make(static_cast<int>(random_() % 20) + 1);
    std::vector<uint8_t> input(1 + code.size() * sizeof(Instruction));
    std::memcpy(&input[1], code.data(), code.size() * sizeof(Instruction));
    return input;
  }

  uint64_t seed_ = 0;
  std::mt19937_64 random_;
  uint32_t outcomes_[3] = {};
};

TEST_F(FuzzTest, RandomInstructionsDoNoHarm) {
  for (uint32_t i = 0; i < absl::GetFlag(FLAGS_programs); ++i) {
    std::vector<uint8_t> input(1 + 8 * (random_() % 12));
    for (uint8_t& byte : input) byte = static_cast<uint8_t>(random_());
    // Small fields, which mean something more often than large ones do.
    for (std::size_t at = 1; at + 8 <= input.size(); at += 8) {
      if (random_() % 2 == 0) input[at + 1] = random_() % 11;
      if (random_() % 2 == 0) std::memset(&input[at + 2], 0, 2);
      if (random_() % 2 == 0) std::memset(&input[at + 5], 0, 3);
      if (random_() % 4 == 0) std::memset(&input[at + 4], 0, 4);
    }
    Run(input);
  }
}

TEST_F(FuzzTest, GoodProgramsWithWrongBytesDoNoHarm) {
  for (uint32_t i = 0; i < absl::GetFlag(FLAGS_programs); ++i) {
    std::vector<uint8_t> input = Good();
    for (uint64_t changes = random_() % 4; changes > 0; --changes) {
      const std::size_t at = random_() % input.size();
      switch (random_() % 3) {
        case 0:
          input[at] = static_cast<uint8_t>(random_());
          break;
        case 1:
          input[at] ^= static_cast<uint8_t>(1U << random_() % 8);
          break;
        default: {
          // One instruction in place of another.
          const std::size_t count = input.size() / 8;
          const std::size_t from = 1 + random_() % count * 8;
          const std::size_t to = 1 + random_() % count * 8;
          if (from + 8 > input.size() || to + 8 > input.size()) break;
          std::memmove(&input[to], &input[from], 8);
        }
      }
    }
    Run(input);
  }
  EXPECT_NE(outcomes_[static_cast<int>(FuzzOutcome::kEnded)], 0U);
}

// Calls of random helpers with random pointers.
TEST_F(FuzzTest, HelpersWithAnyArgumentsDoNoHarm) {
  using namespace assembler;  // NOLINT: programs are written in it
  for (uint32_t i = 0; i < absl::GetFlag(FLAGS_programs); ++i) {
    Code code = {Mov64(R6, R1), Mov64(R7, 8)};
    for (int16_t slot = -64; slot < 0; slot += 8) {
      code.push_back(StoreImm(kSizeDw, R10, slot, 0));
    }
    for (uint64_t calls = random_() % 5 + 1; calls > 0; --calls) {
      for (const Register r : {R1, R2, R3, R4, R5}) {
        switch (random_() % 8) {
          case 0:
            code.push_back(Mov64(r, R6));
            break;
          case 1:
          case 2:
            code.push_back(Mov64(r, static_cast<int32_t>(random_() % 40)));
            break;
          case 3:
            code = Join(
                {code, LoadMap(r, static_cast<int32_t>(random_() % 10 + 1))});
            break;
          case 4:
            code =
                Join({code, LoadMapValue(
                                r, 1, static_cast<int32_t>(random_() % 192))});
            break;
          case 5:
            code.push_back(Mov64(r, R7));
            break;
          default:
            code.push_back(Mov64(r, R10));
            code.push_back(
                Alu64(kAdd, r, -8 * static_cast<int32_t>(random_() % 9)));
        }
      }
      static constexpr int32_t kLikely[] = {
          1,   2,   3,   130, 131, 132, 133, 197, 198, 199, 200,
          201, 202, 203, 209, 93,  94,  12,  169, 170, 171, 172};
      code.push_back(CallHelper(random_() % 2 == 0
                                    ? kLikely[random_() % std::size(kLikely)]
                                    : static_cast<int32_t>(random_() % 212)));
      code.push_back(Mov64(R7, R0));
      // Through what was returned.
      if (random_() % 3 == 0) {
        code.push_back(StoreImm(kSizeDw, R7, 0, 1));
      }
    }
    code = Join({code, {Mov64(R0, 0), Exit()}});
    std::vector<uint8_t> input(1 + code.size() * sizeof(Instruction));
    input[0] = static_cast<uint8_t>(random_());
    std::memcpy(&input[1], code.data(), code.size() * sizeof(Instruction));
    Run(input);
  }
}

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  absl::ParseCommandLine(argc, argv);
  return RUN_ALL_TESTS();
}
