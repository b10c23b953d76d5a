// SPDX-License-Identifier: Apache-2.0

// Random commands on an LPM trie here and in the kernel at once: each answer,
// each byte and the order of each walk must agree. See differential.h.
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

// A run that never got far would find no difference either.
void ExpectAllSeen(const Differential::Results& results) {
  const std::map<std::string, std::vector<Errno>> expected = {
      {"create",
       {Errno::kOk, Errno::kInval, Errno::kFault, Errno::kAcces,
        Errno::kOpNotSupp}},
      {"lookup",
       {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm, Errno::kFault}},
      {"update",
       {Errno::kOk, Errno::kNoEnt, Errno::kNoSpc, Errno::kExist, Errno::kInval,
        Errno::kPerm, Errno::kFault}},
      {"delete",
       {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm, Errno::kFault}},
      {"get_next_key",
       {Errno::kOk, Errno::kNoEnt, Errno::kPerm, Errno::kFault}},
      {"lookup_and_delete",
       {Errno::kNotSupp, Errno::kInval, Errno::kPerm, Errno::kFault}},
      {"lookup_batch",
       {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm, Errno::kFault}},
      {"lookup_and_delete_batch", {Errno::kNotSupp, Errno::kPerm}},
      {"update_batch",
       {Errno::kOk, Errno::kNoSpc, Errno::kInval, Errno::kPerm, Errno::kFault}},
      {"delete_batch",
       {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm, Errno::kFault}},
      {"freeze", {Errno::kOk, Errno::kPerm}},
  };
  for (const auto& [command, errors] : expected) {
    const auto row = results.find("LPM_TRIE " + command);
    for (const Errno error : errors) {
      EXPECT_TRUE(row != results.end() && row->second.count(error) == 1)
          << command << " never answered " << ErrnoName(error);
    }
  }
}

class LpmTrieParityTest : public ::testing::TestWithParam<Backend> {};

TEST_P(LpmTrieParityTest, EveryAnswerMatchesKernel) {
  SKIP_WITHOUT_KERNEL();
  const uint64_t seed = absl::GetFlag(FLAGS_seed);
  const uint64_t steps = absl::GetFlag(FLAGS_steps);
  std::cout << GetParam().name << " against the kernel: --seed=" << seed
            << " --steps=" << steps << std::endl;
  Differential differential(GetParam(), Backends().back(), seed,
                            {MapType::kLpmTrie});
  EXPECT_EQ(differential.Run(steps), "");
  if (steps >= 1000000) ExpectAllSeen(differential.results());
}

INSTANTIATE_TEST_SUITE_P(Backends, LpmTrieParityTest,
                         ::testing::ValuesIn(LocalBackends()), BackendName);

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  absl::ParseCommandLine(argc, argv);
  return RUN_ALL_TESTS();
}
