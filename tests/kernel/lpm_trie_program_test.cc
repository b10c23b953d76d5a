// SPDX-License-Identifier: Apache-2.0

// The map helpers on an LPM trie, as a BPF program calls them: the same
// expectations of a local map and of programs that the kernel runs, and random
// calls of both at once.
//
// Flag: --seed=N (printed by every run).

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/kernel_program.h"
#include "tests/support/kernel_support.h"
#include "tests/support/prefix_key.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"

namespace bpfmap {
namespace {

MapDef TrieOf(uint32_t max_entries, MapFlags map_flags = {}) {
  return {.type = MapType::kLpmTrie,
          .key_size = sizeof(PrefixKey),
          .value_size = 8,
          .max_entries = max_entries,
          .map_flags = kNoPrealloc | map_flags};
}

// A trie as a program sees it: of a backend, or of the kernel.
class ProgramTrie {
 public:
  ProgramTrie(const Backend& backend, const MapDef& def) {
    if (backend.is_kernel) {
      EXPECT_EQ(KernelMap::Create(def, &kernel_), Errno::kOk);
      helpers_ = std::make_unique<KernelHelpers>(*kernel_);
    } else {
      EXPECT_EQ(backend.create(def, &local_), Errno::kOk);
    }
  }

  std::optional<uint64_t> Lookup(const PrefixKey& key) {
    uint64_t value;
    if (helpers_ != nullptr) {
      if (!helpers_->LookupElem(&key, &value)) return std::nullopt;
      return value;
    }
    const void* const found = local_.local()->LookupElem(&key);
    if (found == nullptr) return std::nullopt;
    std::memcpy(&value, found, sizeof value);
    return value;
  }
  Errno Update(const PrefixKey& key, uint64_t value, ElemFlags flags) {
    return helpers_ != nullptr
               ? helpers_->UpdateElem(&key, &value, flags)
               : local_.local()->UpdateElem(&key, &value, flags);
  }
  Errno Delete(const PrefixKey& key) {
    return helpers_ != nullptr ? helpers_->DeleteElem(&key)
                               : local_.local()->DeleteElem(&key);
  }

 private:
  TestMap local_;
  std::unique_ptr<KernelMap> kernel_;
  std::unique_ptr<KernelHelpers> helpers_;
};

using LpmTrieProgramTest = BackendTest;

TEST_P(LpmTrieProgramTest, UpdateAnswersByItsFlags) {
  ProgramTrie trie(GetParam(), TrieOf(4));
  const PrefixKey key = Ip(0x0a010000, 16);
  EXPECT_EQ(trie.Update(key, 1, kExist), Errno::kNoEnt);
  EXPECT_EQ(trie.Update(key, 1, kNoExist), Errno::kOk);
  EXPECT_EQ(trie.Update(key, 2, kNoExist), Errno::kExist);
  EXPECT_EQ(trie.Update(key, 3, kExist), Errno::kOk);
  for (const ElemFlags flags :
       {ElemFlags{3}, kLock, kLock | kNoExist, kLock | kExist, ElemFlags{8},
        ElemFlags{uint64_t{1} << 32}, ~ElemFlags{0}}) {
    EXPECT_EQ(trie.Update(key, 4, flags), Errno::kInval);
  }
  EXPECT_EQ(trie.Update(Ip(0, 33), 4, kAny), Errno::kInval);
  EXPECT_EQ(trie.Lookup(key), 3u);
}

TEST_P(LpmTrieProgramTest, FullTrieIsNoSpcAndStillReplaces) {
  ProgramTrie trie(GetParam(), TrieOf(4));
  for (uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(trie.Update(Ip(i << 24, 8), i, kAny), Errno::kOk);
  }
  EXPECT_EQ(trie.Update(Ip(0, 0), 9, kAny), Errno::kNoSpc);
  EXPECT_EQ(trie.Update(Ip(0, 8), 9, kAny), Errno::kOk);
  EXPECT_EQ(trie.Lookup(Ip(0, 32)), 9u);
}

TEST_P(LpmTrieProgramTest, LookupFindsLongestAndDeleteExactPrefix) {
  ProgramTrie trie(GetParam(), TrieOf(4));
  EXPECT_EQ(trie.Update(Ip(0x0a010000, 16), 7, kAny), Errno::kOk);
  EXPECT_EQ(trie.Lookup(Ip(0x0a010009, 32)), 7u);
  EXPECT_EQ(trie.Lookup(Ip(0x0a010009, 33)), std::nullopt);
  EXPECT_EQ(trie.Lookup(Ip(0x0a010009, 15)), std::nullopt);
  EXPECT_EQ(trie.Delete(Ip(0x0a010000, 33)), Errno::kInval);
  EXPECT_EQ(trie.Delete(Ip(0x0a010000, 17)), Errno::kNoEnt);
  EXPECT_EQ(trie.Delete(Ip(0x0a01ffff, 16)), Errno::kOk);
  EXPECT_EQ(trie.Delete(Ip(0x0a01ffff, 16)), Errno::kNoEnt);
}

TEST_P(LpmTrieProgramTest, TrieThatIsReadOnlyForProgramsIsAcces) {
  ProgramTrie trie(GetParam(), TrieOf(4, kRdOnlyProg));
  EXPECT_EQ(trie.Update(Ip(0, 0), 1, kAny), Errno::kAcces);
  EXPECT_EQ(trie.Delete(Ip(0, 0)), Errno::kAcces);
  EXPECT_EQ(trie.Lookup(Ip(0, 0)), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Backends, LpmTrieProgramTest,
                         ::testing::ValuesIn(Backends()), BackendName);

using LpmTrieProgramParityTest = BackendTest;

TEST_P(LpmTrieProgramParityTest, RandomCallsAnswerAsInKernel) {
  SKIP_WITHOUT_KERNEL();
  std::mt19937_64 random(RandomSeed());
  for (const uint32_t max_entries : {1, 5, 40, 200}) {
    ProgramTrie local(GetParam(), TrieOf(max_entries));
    ProgramTrie kernel(Backends().back(), TrieOf(max_entries));
    for (int step = 0; step < 25000; ++step) {
      const uint32_t address =
          static_cast<uint32_t>(random() % 4 << 30 | random() % 4 << 16);
      PrefixKey key =
          Ip(address ^ (random() % 2 ? 0 : 1U << random() % 32), random() % 33);
      if (random() % 50 == 0) key.length = 33 + random() % 100;
      const auto where = [&] {
        return ::testing::Message()
               << "step " << step << ", " << ::testing::PrintToString(key);
      };
      switch (random() % 4) {
        case 0:
        case 1: {
          const uint64_t value = random();
          const ElemFlags flags{random() % 10 == 0 ? random() % 16
                                                   : random() % 3};
          ASSERT_EQ(local.Update(key, value, flags),
                    kernel.Update(key, value, flags))
              << where() << ", flags " << ToNumber(flags);
          break;
        }
        case 2:
          ASSERT_EQ(local.Delete(key), kernel.Delete(key)) << where();
          break;
        case 3:
          ASSERT_EQ(local.Lookup(key), kernel.Lookup(key)) << where();
          break;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, LpmTrieProgramParityTest,
                         ::testing::ValuesIn(LocalBackends()), BackendName);

}  // namespace
}  // namespace bpfmap
