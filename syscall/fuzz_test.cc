// SPDX-License-Identifier: Apache-2.0

// Random commands with random attributes: no crash, no leak, and no map that is
// left behind. Prints its seed, and takes --seed and --seconds.
//
// For a fuzzer that looks at the code that it reaches, see fuzz.cc.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "bpfmap/syscall/fuzz_input.h"

ABSL_FLAG(int, seconds, 3, "how long to run");
ABSL_FLAG(uint64_t, seed, 0, "0 for a random one");

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  uint64_t seed = absl::GetFlag(FLAGS_seed);
  if (seed == 0) seed = std::random_device()();
  std::printf("--seed=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(absl::GetFlag(FLAGS_seconds));
  std::mt19937_64 random(seed);
  uint64_t inputs = 0;
  for (; std::chrono::steady_clock::now() < end; ++inputs) {
    std::vector<uint8_t> data(random() % 8192);
    // Random bytes choose everything alike; small ones are often what counts.
    const uint64_t mask = random() % 2 == 0 ? 0xff : 0x1f;
    for (uint8_t& byte : data) byte = static_cast<uint8_t>(random() & mask);
    bpfmap::RunFuzzInput(data.data(), data.size());
  }
  std::printf("%llu inputs\n", static_cast<unsigned long long>(inputs));
  return 0;
}
