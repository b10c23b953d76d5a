// SPDX-License-Identifier: Apache-2.0

#include "tests/support/random_seed.h"

#include <cstdint>
#include <iostream>
#include <random>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "gtest/gtest.h"

ABSL_FLAG(uint64_t, seed, 0,
          "Where the random numbers of the tests start; 0 for anywhere.");

namespace bpfmap {

uint64_t RandomSeed() {
  static const uint64_t seed = [] {
    const uint64_t given = absl::GetFlag(FLAGS_seed);
    return given != 0 ? given : std::random_device()();
  }();
  return seed;
}

}  // namespace bpfmap

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  absl::ParseCommandLine(argc, argv);
  std::cout << "To repeat this run: --seed=" << bpfmap::RandomSeed()
            << std::endl;
  return RUN_ALL_TESTS();
}
