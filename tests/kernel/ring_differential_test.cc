// SPDX-License-Identifier: Apache-2.0

// Random programs and consumers on a ring of each profile and on the kernel's
// at once: what each call gives, and what the consumer meets, header by header.
//
// Flags: --seed=N (printed by every run), --programs=N.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/kernel/ring_view.h"
#include "tests/support/kernel_support.h"
#include "tests/support/random_seed.h"

ABSL_FLAG(uint64_t, programs, 20000, "How many programs each test runs.");

namespace bpfmap {
namespace {

std::string Describe(const std::vector<RingCall>& calls) {
  constexpr const char* kNames[] = {"reserve", "submit", "discard", "output",
                                    "query"};
  std::string text;
  for (const RingCall& call : calls) {
    absl::StrAppend(&text, kNames[call.kind], "(slot ", call.slot, ", size ",
                    call.size, ", flags ", call.flags, ") ");
  }
  return text;
}

class RandomPrograms {
 public:
  RandomPrograms(uint64_t seed, uint32_t ring_size)
      : random_(seed), ring_size_(ring_size) {}

  uint64_t Below(uint64_t end) { return random_() % end; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

  // Calls of one program. Each reserve is another path for the verifier, so
  // there are not many.
  std::vector<RingCall> Next() {
    std::vector<RingCall> calls;
    std::vector<int> held;
    int reserved = 0;
    for (int left = 1 + static_cast<int>(Below(12)); left > 0; --left) {
      switch (Below(6)) {
        case 0:
        case 1:
          if (reserved == kRingSlots) break;
          held.push_back(reserved);
          calls.push_back({RingCall::kReserve, reserved++, ReserveSize(),
                           OneIn(20) ? OddFlags() : 0, Mark()});
          break;
        case 2:
          Commit(&held, &calls);
          break;
        case 3:
        case 4:
          calls.push_back({RingCall::kOutput, 0, OutputSize(),
                           OneIn(20) ? OddFlags() : WakeFlags(), Mark()});
          break;
        case 5:
          calls.push_back({RingCall::kQuery, 0, 0,
                           static_cast<int32_t>(Below(5)) - (OneIn(9) ? 2 : 0),
                           0});
          break;
      }
    }
    while (!held.empty()) Commit(&held, &calls);
    return calls;
  }

 private:
  void Commit(std::vector<int>* held, std::vector<RingCall>* calls) {
    if (held->empty()) return;
    const auto slot = held->begin() + static_cast<int>(Below(held->size()));
    calls->push_back({OneIn(3) ? RingCall::kDiscard : RingCall::kSubmit, *slot,
                      0, OneIn(20) ? OddFlags() : WakeFlags(), 0});
    held->erase(slot);
  }
  uint32_t Mark() { return static_cast<uint32_t>(Below(1 << 30)); }
  int32_t WakeFlags() { return static_cast<int32_t>(Below(4)); }
  int32_t OddFlags() { return static_cast<int32_t>(random_()); }
  uint32_t ReserveSize() {
    constexpr uint32_t kOdd[] = {0x3ffffff0, 0x3fffffff, 0x40000000};
    if (OneIn(30)) return kOdd[Below(std::size(kOdd))];
    if (OneIn(8)) return ring_size_ - static_cast<uint32_t>(Below(40));
    return static_cast<uint32_t>(Below(OneIn(4) ? ring_size_ / 2 : 100));
  }
  uint32_t OutputSize() {
    return static_cast<uint32_t>(Below(OneIn(4) ? 600 : 40));
  }

  std::mt19937_64 random_;
  const uint32_t ring_size_;
};

class RingDifferentialTest : public testing::TestWithParam<std::string> {};

TEST_P(RingDifferentialTest, EveryAnswerAndRecordMatchesKernel) {
  SKIP_WITHOUT_KERNEL();
  const uint64_t programs = absl::GetFlag(FLAGS_programs);
  uint64_t reserved = 0, refused = 0, consumed = 0, woken = 0, asleep = 0;
  for (uint64_t done = 0; done < programs;) {
    const uint32_t size = done % 3 == 0 ? 8192 : 4096;
    RandomPrograms random(RandomSeed() + done, size);
    const auto local = NewRingView(GetParam(), size);
    const auto kernel = NewRingView("kernel", size);
    ASSERT_NE(local, nullptr);
    for (int i = 0; i < 200 && done < programs; ++i, ++done) {
      SCOPED_TRACE("program " + std::to_string(done));
      const std::vector<RingCall> calls = random.Next();
      SCOPED_TRACE(Describe(calls));
      ASSERT_LE(calls.size(), static_cast<std::size_t>(kRingCalls));
      const std::vector<int64_t> results = local->Run(calls);
      ASSERT_EQ(results, kernel->Run(calls));
      for (std::size_t call = 0; call < calls.size(); ++call) {
        if (calls[call].kind == RingCall::kReserve) {
          ++(results[call] == 1 ? reserved : refused);
        }
      }
      if (random.OneIn(3)) {
        const std::size_t most = random.Below(10);
        const std::vector<RingRecord> records = local->ConsumeN(most);
        ASSERT_EQ(records, kernel->ConsumeN(most));
        consumed += records.size();
      } else if (random.OneIn(3) && local->can_poll()) {
        std::vector<RingRecord> records, expected;
        const bool awake = local->Poll(&records);
        ASSERT_EQ(awake, kernel->Poll(&expected));
        ASSERT_EQ(records, expected);
        ++(awake ? woken : asleep);
      }
    }
  }
  if (programs < 1000) return;
  EXPECT_GT(reserved, 500u);
  EXPECT_GT(refused, 500u);
  EXPECT_GT(consumed, 500u);
  if (GetParam() == "cloud") {
    EXPECT_GT(woken, 50u);
    EXPECT_GT(asleep, 50u);
  }
}

INSTANTIATE_TEST_SUITE_P(Profiles, RingDifferentialTest,
                         testing::Values("cloud", "embedded"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace bpfmap
