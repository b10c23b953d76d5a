// SPDX-License-Identifier: Apache-2.0

// Random commands on per-CPU maps of the user view, here and in the kernel at
// once; see differential.h.
//
// Flags: --seed=N (printed by every run), --steps=N.

#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/kernel/differential.h"
#include "tests/support/backend.h"
#include "tests/support/command_flags.h"
#include "tests/support/kernel_support.h"

namespace bpfmap {
namespace {

class PerCpuParityTest : public ::testing::TestWithParam<Backend> {
 protected:
  static void Run(MapType type,
                  const std::map<std::string, std::vector<Errno>>& expected) {
    SKIP_WITHOUT_KERNEL();
    const uint64_t seed = absl::GetFlag(FLAGS_seed);
    const uint64_t steps = absl::GetFlag(FLAGS_steps);
    std::cout << MapTypeName(type) << ", " << GetParam().name
              << ": --seed=" << seed << " --steps=" << steps << std::endl;
    Differential differential(GetParam(), Backends().back(), seed, {type});
    EXPECT_EQ(differential.Run(steps), "");
    if (steps < 1000000) return;
    // A run that never got far would find no difference either.
    for (const auto& [command, errors] : expected) {
      const auto row = differential.results().find(
          std::string(MapTypeName(type)) + " " + command);
      for (const Errno error : errors) {
        EXPECT_TRUE(row != differential.results().end() &&
                    row->second.count(error) == 1)
            << command << " never answered " << ErrnoName(error);
      }
    }
  }
};

TEST_P(PerCpuParityTest, EveryAnswerOfHashMapMatchesKernel) {
  Run(MapType::kPerCpuHash,
      {{"create", {Errno::kOk, Errno::kInval, Errno::k2Big, Errno::kOpNotSupp}},
       {"lookup",
        {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm,
         Errno::kFault}},
       {"update",
        {Errno::kOk, Errno::k2Big, Errno::kExist, Errno::kNoEnt, Errno::kInval,
         Errno::kPerm, Errno::kFault}},
       {"delete", {Errno::kOk, Errno::kNoEnt, Errno::kPerm, Errno::kFault}},
       {"get_next_key",
        {Errno::kOk, Errno::kNoEnt, Errno::kPerm, Errno::kFault}},
       {"lookup_and_delete",
        {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm,
         Errno::kFault}},
       {"update_batch",
        {Errno::kOk, Errno::k2Big, Errno::kInval, Errno::kPerm, Errno::kFault}},
       {"delete_batch",
        {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm,
         Errno::kFault}},
       {"lookup_batch",
        {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm,
         Errno::kFault}},
       {"lookup_and_delete_batch",
        {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm,
         Errno::kFault}},
       {"freeze", {Errno::kOk, Errno::kPerm}}});
}

TEST_P(PerCpuParityTest, EveryAnswerOfArrayMatchesKernel) {
  Run(MapType::kPerCpuArray,
      {{"create", {Errno::kOk, Errno::kInval, Errno::k2Big, Errno::kOpNotSupp}},
       {"lookup",
        {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm,
         Errno::kFault}},
       {"update",
        {Errno::kOk, Errno::k2Big, Errno::kExist, Errno::kInval, Errno::kPerm,
         Errno::kFault}},
       {"delete", {Errno::kInval, Errno::kPerm, Errno::kFault}},
       {"get_next_key",
        {Errno::kOk, Errno::kNoEnt, Errno::kPerm, Errno::kFault}},
       {"lookup_and_delete",
        {Errno::kNotSupp, Errno::kInval, Errno::kPerm, Errno::kFault}},
       {"update_batch",
        {Errno::kOk, Errno::k2Big, Errno::kInval, Errno::kPerm, Errno::kFault}},
       {"delete_batch", {Errno::kNotSupp, Errno::kPerm}},
       {"lookup_batch",
        {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm,
         Errno::kFault}},
       {"lookup_and_delete_batch", {Errno::kNotSupp, Errno::kPerm}},
       {"freeze", {Errno::kOk, Errno::kPerm}}});
}

INSTANTIATE_TEST_SUITE_P(Backends, PerCpuParityTest,
                         ::testing::ValuesIn(LocalBackends()), BackendName);

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  absl::ParseCommandLine(argc, argv);
  return RUN_ALL_TESTS();
}
