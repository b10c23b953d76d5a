// SPDX-License-Identifier: Apache-2.0

// The contract of bloom filters, rule by rule, in both views, on each profile
// and on the kernel.
//
// A rule stands here as a sentence; every combination of flags, states and
// errors stands in golden/kernel_errno.tsv (golden_test.cc), and random ones in
// push_pop_differential_test.cc, which also compares false answers.

#include "bpfmap/maps/bloom_filter_map.h"

#include <atomic>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/bloom_bits.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_support.h"
#include "tests/support/print_errno.h"
#include "tests/support/push_pop_view.h"
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

constexpr uint64_t kHashCounts[] = {0, 1, 2, 5, 10, 15};

class BloomFilterTest : public testing::TestWithParam<PushPopBackend> {
 protected:
  void SetUp() override {
    if (GetParam().is_kernel) SKIP_WITHOUT_KERNEL();
  }

  void Make(uint32_t max_entries, uint64_t hashes = 0, MapFlags map_flags = {},
            uint32_t value_size = sizeof(uint64_t)) {
    ASSERT_EQ(GetParam().create({.type = MapType::kBloomFilter,
                                 .value_size = value_size,
                                 .max_entries = max_entries,
                                 .map_flags = map_flags,
                                 .name = "bloom",
                                 .map_extra = hashes},
                                &view_),
              Errno::kOk);
  }

  BpfMap& map() { return view_->user(); }
  Errno Update(uint64_t value, ElemFlags flags = kAny) {
    return map().Update(nullptr, &value, flags);
  }
  Errno Lookup(uint64_t value) {
    const uint64_t before = value;
    const Errno error = map().Lookup(nullptr, &value);
    EXPECT_EQ(value, before);
    return error;
  }
  Errno Push(uint64_t value, ElemFlags flags = kAny) {
    return view_->Push(&value, flags);
  }
  Errno Peek(uint64_t value) {
    const uint64_t before = value;
    const Errno error = view_->Peek(&value);
    EXPECT_EQ(value, before);
    return error;
  }

  std::unique_ptr<PushPopView> view_;
};

INSTANTIATE_TEST_SUITE_P(Backends, BloomFilterTest,
                         testing::ValuesIn(PushPopBackends()),
                         [](const auto& info) { return info.param.name; });

TEST_P(BloomFilterTest, PushedValueIsAlwaysFound) {
  for (const MapFlags map_flags : {MapFlags{}, kZeroSeed}) {
    for (const uint64_t hashes : kHashCounts) {
      Make(100, hashes, map_flags);
      // More than max_entries: it is never full.
      for (uint64_t value = 0; value < 300; ++value) {
        ASSERT_EQ(value % 2 == 0 ? Push(value) : Update(value), Errno::kOk);
        ASSERT_EQ(Push(value), Errno::kOk);
      }
      for (uint64_t value = 0; value < 300; ++value) {
        ASSERT_EQ(Peek(value), Errno::kOk) << hashes << " hash functions";
        ASSERT_EQ(Lookup(value), Errno::kOk) << hashes << " hash functions";
      }
    }
  }
}

TEST_P(BloomFilterTest, EmptyFilterFindsNothing) {
  for (const uint64_t hashes : kHashCounts) {
    Make(10, hashes);
    for (uint64_t value = 0; value < 100; ++value) {
      ASSERT_EQ(Peek(value), Errno::kNoEnt);
      ASSERT_EQ(Lookup(value), Errno::kNoEnt);
    }
  }
}

// A full filter of this many bits and hash functions.
TEST_P(BloomFilterTest, FalseAnswersAreAsRareAsSizeAllows) {
  for (const uint64_t hashes : kHashCounts) {
    for (const uint32_t entries : {64U, 1000U, 20000U}) {
      Make(entries, hashes);
      for (uint64_t value = 0; value < entries; ++value) {
        ASSERT_EQ(Update(value), Errno::kOk);
      }
      constexpr uint64_t kAsked = 20000;
      double found = 0;
      for (uint64_t i = 0; i < kAsked; ++i) {
        if (Lookup((uint64_t{1} << 32) + i) == Errno::kOk) ++found;
      }
      const double k = hashes == 0 ? 5 : static_cast<double>(hashes);
      const double bits = static_cast<double>(
          internal::BloomBits<Cloud>::Count(entries, static_cast<uint32_t>(k)));
      const double expected =
          kAsked * std::pow(1 - std::exp(-k * entries / bits), k);
      // Six times the standard deviation, and as much for a filter whose own
      // number of set bits is off.
      EXPECT_LE(found, expected * 1.3 + 6 * std::sqrt(expected) + 6)
          << hashes << " hash functions, " << entries << " values";
      EXPECT_GE(found, expected * 0.7 - 6 * std::sqrt(expected) - 6)
          << hashes << " hash functions, " << entries << " values";
    }
  }
}

TEST_P(BloomFilterTest, ValuesOfAnySizeAreToldApart) {
  for (const MapFlags map_flags : {MapFlags{}, kZeroSeed}) {
    for (const uint32_t size :
         {1U, 2U, 3U, 4U, 5U, 8U, 11U, 12U, 13U, 16U, 24U, 25U, 255U}) {
      Make(1000, 10, map_flags, size);
      std::vector<uint8_t> value(size, 0xff);
      for (value.back() = 0; value.back() < 100; value.back() += 2) {
        ASSERT_EQ(view_->Push(value.data(), kAny), Errno::kOk);
      }
      int wrong = 0;
      for (value.back() = 0; value.back() < 100; ++value.back()) {
        const Errno peek = view_->Peek(value.data());
        EXPECT_EQ(peek, map().Lookup(nullptr, value.data()));
        if (value.back() % 2 == 0) {
          EXPECT_EQ(peek, Errno::kOk) << "value_size " << size;
        } else if (peek == Errno::kOk) {
          ++wrong;
        }
      }
      EXPECT_LE(wrong, 1) << "value_size " << size;
    }
  }
}

TEST_P(BloomFilterTest, PushTakesNoFlags) {
  Make(10);
  for (const ElemFlags flags :
       {kNoExist, kExist, ElemFlags{3}, kLock, ElemFlags{8},
        ElemFlags{uint64_t{1} << 32}, ~ElemFlags{0}}) {
    EXPECT_EQ(Push(1, flags), Errno::kInval) << ToNumber(flags);
    EXPECT_EQ(Update(1, flags), Errno::kInval) << ToNumber(flags);
  }
  EXPECT_EQ(Peek(1), Errno::kNoEnt);
}

TEST_P(BloomFilterTest, ValuesAreOnlyAdded) {
  Make(10);
  ASSERT_EQ(Push(1), Errno::kOk);
  uint64_t value = 1;
  EXPECT_EQ(map().LookupAndDelete(nullptr, &value), Errno::kNotSupp);
  EXPECT_EQ(map().Delete(nullptr), Errno::kOpNotSupp);
  EXPECT_EQ(map().GetNextKey(nullptr, &value), Errno::kOpNotSupp);
  EXPECT_EQ(view_->Pop(&value), Errno::kInval);
  uint32_t count = 1;
  EXPECT_EQ(map().UpdateBatch(nullptr, &value, &count), Errno::kNotSupp);
  EXPECT_EQ(map().DeleteBatch(nullptr, &count), Errno::kNotSupp);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(value, 1u);
  EXPECT_EQ(Peek(1), Errno::kOk);
}

TEST_P(BloomFilterTest, KeyIsInvalAndNoValueIsFault) {
  Make(10);
  const uint32_t key = 0;
  uint64_t value = 1;
  EXPECT_EQ(map().Lookup(&key, &value), Errno::kInval);
  EXPECT_EQ(map().Update(&key, &value), Errno::kInval);
  EXPECT_EQ(map().LookupAndDelete(&key, &value), Errno::kInval);
  EXPECT_EQ(map().Delete(&key), Errno::kInval);
  EXPECT_EQ(map().GetNextKey(&key, &value), Errno::kInval);
  EXPECT_EQ(map().Lookup(nullptr, nullptr), Errno::kFault);
  EXPECT_EQ(map().Update(nullptr, nullptr), Errno::kFault);
  EXPECT_EQ(map().Update(nullptr, nullptr, ElemFlags{3}), Errno::kFault);
}

TEST_P(BloomFilterTest, FrozenFilterIsStillPushedToByPrograms) {
  Make(10);
  ASSERT_EQ(map().Freeze(), Errno::kOk);
  EXPECT_EQ(map().Freeze(), Errno::kPerm);
  EXPECT_EQ(Update(1), Errno::kPerm);
  EXPECT_EQ(Lookup(1), Errno::kNoEnt);
  EXPECT_EQ(Push(1), Errno::kOk);
  EXPECT_EQ(Lookup(1), Errno::kOk);
}

TEST_P(BloomFilterTest, RightsOfProgramsAreForPushesOnly) {
  Make(10, 0, kRdOnlyProg);
  EXPECT_EQ(Push(1), Errno::kAcces);
  EXPECT_EQ(Push(1, kExist), Errno::kAcces);
  ASSERT_EQ(Update(1), Errno::kOk);
  EXPECT_EQ(Peek(1), Errno::kOk);
  Make(10, 0, kWrOnlyProg);
  EXPECT_EQ(Push(1), Errno::kOk);
  EXPECT_EQ(Peek(1), Errno::kOk);
}

TEST_P(BloomFilterTest, HelpersOfMapsWithKeysAreRefused) {
  Make(10);
  const uint64_t value = 1;
  EXPECT_EQ(view_->LookupElem(),
            GetParam().is_kernel ? Errno::kAcces : Errno::kNoEnt);
  EXPECT_EQ(view_->UpdateElem(&value), Errno::kAcces);
  EXPECT_EQ(view_->DeleteElem(), Errno::kAcces);
}

TEST_P(BloomFilterTest, SizeOfValueIsCheckedBeforeKey) {
  MapDef def = {.type = MapType::kBloomFilter,
                .key_size = 4,
                .value_size = 0x400001,
                .max_entries = 4};
  EXPECT_EQ(GetParam().create(def, &view_), Errno::k2Big);
  def.value_size = 0x400000;
  EXPECT_EQ(GetParam().create(def, &view_), Errno::kInval);
}

TEST(BloomBitsTest, ThereAreAsManyBitsAsOnLinux) {
  using Bits = internal::BloomBits<Cloud>;
  EXPECT_EQ(Bits::Count(1, 1), 64u);
  EXPECT_EQ(Bits::Count(9, 5), 64u);             // 63
  EXPECT_EQ(Bits::Count(10, 5), 128u);           // 70
  EXPECT_EQ(Bits::Count(1000, 5), 8192u);        // 7000
  EXPECT_EQ(Bits::Count(100000, 10), 1u << 21);  // 1400000
  EXPECT_EQ(Bits::Count(0x80000000, 1), uint64_t{1} << 32);
  EXPECT_EQ(Bits::Count(0xffffffff, 15), uint64_t{1} << 32);
}

TEST_P(BloomFilterTest, ThreadFindsItsValueWhileOthersPush) {
  if (GetParam().is_kernel) GTEST_SKIP() << "one program at a time";
  Make(50'000);
  ThreadTeam team;
  constexpr uint64_t kThreads = 4;
  uint64_t counts[kThreads] = {};
  // Every other value is one that the other threads push as well.
  const auto value_of = [](uint64_t thread, uint64_t number) {
    return number / 2 + (number % 2) * (thread << 32);
  };
  for (uint64_t thread = 0; thread < kThreads; ++thread) {
    team.AddWorker([&, thread]() -> testing::AssertionResult {
      uint64_t& pushed = counts[thread];
      for (Steps steps(20'000); steps.Next(); ++pushed) {
        const uint64_t value = value_of(thread, pushed);
        if ((thread % 2 == 0 ? Push(value) : Update(value)) != Errno::kOk) {
          return testing::AssertionFailure() << "push";
        }
        if (Peek(value) != Errno::kOk) {
          return testing::AssertionFailure() << "lost " << value;
        }
      }
      return testing::AssertionSuccess();
    });
  }
  team.Run();
  for (uint64_t thread = 0; thread < kThreads; ++thread) {
    for (uint64_t number = 0; number < counts[thread]; ++number) {
      ASSERT_EQ(Peek(value_of(thread, number)), Errno::kOk);
    }
  }
}

// Small filters, so that both threads set bits of the same word.
TEST(BloomFilterRaceTest, PushesAtSameTimeLoseNoBit) {
  constexpr uint32_t kRounds = 5000;
  constexpr uint64_t kValues = 3;  // of each thread
  std::vector<std::unique_ptr<BloomFilterMap<Cloud>>> maps(kRounds);
  for (auto& map : maps) {
    map = std::make_unique<BloomFilterMap<Cloud>>(
        MapDef{.type = MapType::kBloomFilter,
               .value_size = sizeof(uint64_t),
               .max_entries = 8});
    ASSERT_EQ(map->Init(), Errno::kOk);
  }
  std::vector<std::atomic<int>> arrived(kRounds);
  ThreadTeam team;
  for (uint64_t thread = 0; thread < 2; ++thread) {
    team.AddWorker([&, thread]() -> testing::AssertionResult {
      for (uint32_t round = 0; round < kRounds; ++round) {
        arrived[round].fetch_add(1, std::memory_order_relaxed);
        while (arrived[round].load(std::memory_order_relaxed) < 2) {
          if (team.failed()) return testing::AssertionSuccess();
        }
        for (uint64_t i = 0; i < kValues; ++i) {
          const uint64_t value = thread * kValues + i;
          const Errno error = maps[round]->Push(&value, kAny);
          if (error != Errno::kOk) {
            return testing::AssertionFailure() << ErrnoName(error);
          }
        }
      }
      return testing::AssertionSuccess();
    });
  }
  team.Run();
  for (auto& map : maps) {
    for (uint64_t value = 0; value < 2 * kValues; ++value) {
      ASSERT_EQ(map->Peek(&value), Errno::kOk) << value;
    }
  }
}

}  // namespace
}  // namespace bpfmap
