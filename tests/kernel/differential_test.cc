// SPDX-License-Identifier: Apache-2.0

// Random commands on two implementations at once; see differential.h.
//
//   ParityTest  each local backend against the kernel. Takes --steps in all.
//   ModelTest   each local backend against the model: runs anywhere.
//
// Flags: --seed=N (printed by every run), --steps=N.

#include "tests/kernel/differential.h"

#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "bpfmap/maps/errno.h"
#include "gtest/gtest.h"
#include "tests/kernel/model_map.h"
#include "tests/support/backend.h"
#include "tests/support/command_flags.h"
#include "tests/support/kernel_support.h"

namespace bpfmap {
namespace {

class DifferentialTest : public ::testing::TestWithParam<Backend> {
 protected:
  static void Run(const Backend& judge) {
    const uint64_t seed = absl::GetFlag(FLAGS_seed);
    const uint64_t steps = absl::GetFlag(FLAGS_steps);
    std::cout << GetParam().name << " against " << judge.name
              << ": --seed=" << seed << " --steps=" << steps << std::endl;
    Differential differential(GetParam(), judge, seed);
    EXPECT_EQ(differential.Run(steps), "");
    if (steps >= 1000000) ExpectAllSeen(differential.results());
  }

  // A run that never got far would find no difference either.
  static void ExpectAllSeen(const Differential::Results& results) {
    const std::map<std::string, std::vector<Errno>> expected = {
        {"create", {Errno::kOk, Errno::kInval, Errno::k2Big, Errno::kAcces}},
        {"lookup",
         {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm,
          Errno::kFault}},
        {"update",
         {Errno::kOk, Errno::k2Big, Errno::kExist, Errno::kInval, Errno::kPerm,
          Errno::kFault}},
        {"delete", {Errno::kPerm, Errno::kFault}},
        {"get_next_key",
         {Errno::kOk, Errno::kNoEnt, Errno::kPerm, Errno::kFault}},
        {"lookup_and_delete", {Errno::kInval, Errno::kPerm, Errno::kFault}},
        {"update_batch",
         {Errno::kOk, Errno::k2Big, Errno::kInval, Errno::kPerm,
          Errno::kFault}},
        {"delete_batch", {Errno::kPerm}},
        {"lookup_batch",
         {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm,
          Errno::kFault}},
        {"lookup_and_delete_batch", {Errno::kPerm}},
        {"freeze", {Errno::kOk, Errno::kPerm, Errno::kNotSupp}},
        {"HASH update", {Errno::kNoEnt}},
        {"HASH delete", {Errno::kOk, Errno::kNoEnt}},
        {"HASH lookup_and_delete", {Errno::kOk, Errno::kNoEnt}},
        {"HASH delete_batch",
         {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kFault}},
        {"HASH lookup_and_delete_batch",
         {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kFault}},
        {"ARRAY delete", {Errno::kInval}},
        {"ARRAY lookup_and_delete", {Errno::kNotSupp}},
        {"ARRAY delete_batch", {Errno::kNotSupp}},
        {"ARRAY lookup_and_delete_batch", {Errno::kNotSupp}},
    };
    const auto expect = [&](const std::string& command,
                            const std::vector<Errno>& errors) {
      for (const Errno error : errors) {
        const auto row = results.find(command);
        EXPECT_TRUE(row != results.end() && row->second.count(error) == 1)
            << command << " never answered " << ErrnoName(error);
      }
    };
    for (const auto& [command, errors] : expected) {
      if (command.find(' ') != std::string::npos) {
        expect(command, errors);
      } else {
        expect("HASH " + command, errors);
        expect("ARRAY " + command, errors);
      }
    }
  }
};

class ParityTest : public DifferentialTest {};
class ModelTest : public DifferentialTest {};

TEST_P(ParityTest, EveryAnswerMatchesKernel) {
  SKIP_WITHOUT_KERNEL();
  Run(Backends().back());
}

TEST_P(ModelTest, EveryAnswerMatchesModel) { Run(ModelBackend()); }

INSTANTIATE_TEST_SUITE_P(Backends, ParityTest,
                         ::testing::ValuesIn(LocalBackends()), BackendName);
INSTANTIATE_TEST_SUITE_P(Backends, ModelTest,
                         ::testing::ValuesIn(LocalBackends()), BackendName);

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  absl::ParseCommandLine(argc, argv);
  return RUN_ALL_TESTS();
}
