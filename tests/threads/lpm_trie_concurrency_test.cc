// SPDX-License-Identifier: Apache-2.0

// Prefixes of an LPM trie that come and go while other threads look and walk:
// what a reader is told was so at some moment, values are whole, and
// max_entries is exact.
//
// Under ThreadSanitizer these tests also say that no access is a data race.
//
// Flag: --seed=N (printed by every run).

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/map_walk.h"
#include "tests/support/prefix_key.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"
#include "tests/support/thread_team.h"
#include "tests/support/whole_value.h"

namespace bpfmap {
namespace {

using testing::AssertionFailure;
using testing::AssertionResult;
using testing::AssertionSuccess;

constexpr uint32_t kValueSize = 40;

class LpmTrieConcurrencyTest : public BackendTest {
 protected:
  static TestMap NewTrie(uint32_t max_entries) {
    TestMap map;
    EXPECT_EQ(GetParam().create({.type = MapType::kLpmTrie,
                                 .key_size = sizeof(PrefixKey),
                                 .value_size = kValueSize,
                                 .max_entries = max_entries,
                                 .map_flags = kNoPrealloc},
                                &map),
              Errno::kOk);
    return map;
  }
};

AssertionResult Unexpected(const char* what, Errno error) {
  return AssertionFailure() << what << ": " << ErrnoName(error);
}

Errno Put(const TestMap& map, const PrefixKey& key) {
  // A value says of which prefix it is.
  const std::vector<std::byte> value = ValueOf(key.length, kValueSize);
  return map.local()->UpdateElem(&key, value.data(), kAny);
}

// 10.1.2.3 has prefixes of every length. The stable ones stay, and the others
// come and go, along with forks beside them.
constexpr uint32_t kAddress = 0x0a010203;
bool IsStable(uint32_t length) { return length % 8 == 0; }

void InsertStable(const TestMap& map) {
  for (uint32_t length = 0; length <= 32; length += 8) {
    ASSERT_EQ(Put(map, Ip(kAddress, length)), Errno::kOk);
  }
}

constexpr uint32_t kMaxEntries = 100;

void AddChurn(const TestMap& map, ThreadTeam* team) {
  for (uint64_t worker = 0; worker < 2; ++worker) {
    team->AddWorker([&map, worker] {
      std::mt19937_64 random(RandomSeed() + worker);
      for (Steps steps(400'000); steps.Next();) {
        const uint32_t length = random() % 33;
        PrefixKey key = Ip(kAddress, length);
        // One that parts from it in its last bit.
        if (length > 0 && random() % 2 == 0) {
          key = Ip(kAddress ^ (1U << (32 - length)), length);
        } else if (IsStable(length) && random() % 4 != 0) {
          continue;
        }
        const bool stays = IsStable(length) && key == Ip(kAddress, length);
        const Errno error =
            stays || random() % 2 != 0 ? Put(map, key) : map->Delete(&key);
        if (error != Errno::kOk && error != Errno::kNoEnt) {
          return Unexpected("churn", error);
        }
      }
      return AssertionSuccess();
    });
  }
}

// Each length of the address finds the stable prefix of it, or a longer one.
AssertionResult LookUpEveryLength(const TestMap& map) {
  for (uint32_t length = 0; length <= 32; ++length) {
    const PrefixKey key = Ip(kAddress, length);
    std::vector<std::byte> value(kValueSize);
    const Errno error = map->Lookup(&key, value.data());
    if (error != Errno::kOk) return Unexpected("lookup", error);
    const auto found = WordOf(value.data(), kValueSize);
    if (!found) return AssertionFailure() << "a torn value";
    if (*found > length || *found < length / 8 * 8) {
      return AssertionFailure() << "/" << *found << " for /" << length;
    }
    if (map.local()->LookupElem(&key) == nullptr) {
      return AssertionFailure() << "no pointer for /" << length;
    }
  }
  return AssertionSuccess();
}

TEST_P(LpmTrieConcurrencyTest, LookupFindsPrefixThatIsLongEnough) {
  const TestMap map = NewTrie(kMaxEntries);
  InsertStable(map);
  ThreadTeam team;
  AddChurn(map, &team);
  team.AddWatcher([&] { return LookUpEveryLength(map); });
  team.Run();
}

TEST_P(LpmTrieConcurrencyTest, TrieThatGrowsLosesNoPrefix) {
  constexpr uint32_t kMany = 512;  // the table of roots doubles three times
  for (int round = 0; round < 20; ++round) {
    const TestMap map = NewTrie(kMany);
    InsertStable(map);
    ThreadTeam team;
    team.AddWorker([&] {
      for (uint32_t i = 1; i < kMany - 8; ++i) {
        const Errno error = Put(map, Ip(i * 2654435761U, 32));
        if (error != Errno::kOk) return Unexpected("update", error);
      }
      return AssertionSuccess();
    });
    team.AddWatcher([&] { return LookUpEveryLength(map); });
    team.AddWatcher([&] {
      // The prefix of no bits stays, and is the last.
      PrefixKey key = Ip(0, 0);
      const Errno error = map->GetNextKey(&key, &key);
      if (error != Errno::kNoEnt) return Unexpected("after the last", error);
      return AssertionSuccess();
    });
    team.Run();
  }
}

TEST_P(LpmTrieConcurrencyTest, WalkShowsStablePrefixesInOrder) {
  const TestMap map = NewTrie(kMaxEntries);
  InsertStable(map);
  ThreadTeam team;
  AddChurn(map, &team);
  // From a stable prefix on, the next one on the way to the root is no shorter
  // than the next stable one.
  team.AddWatcher([&]() -> AssertionResult {
    for (uint32_t length = 8; length <= 32; length += 8) {
      const PrefixKey key = Ip(kAddress, length);
      PrefixKey next;
      const Errno error = map->GetNextKey(&key, &next);
      if (error != Errno::kOk) return Unexpected("next key", error);
      if (next.length > 32 || next.length < length - 8) {
        return AssertionFailure() << "/" << next.length << " after /" << length;
      }
    }
    const PrefixKey root = Ip(0, 0);
    PrefixKey next;
    const Errno error = map->GetNextKey(&root, &next);
    if (error != Errno::kNoEnt) return Unexpected("after the last", error);
    return AssertionSuccess();
  });
  team.AddWatcher([&]() -> AssertionResult {
    AssertionResult good = AssertionSuccess();
    const Errno error = WalkByBatch(
        *map, 7, [&](const std::byte* bytes, const std::byte* value) {
          PrefixKey key;
          std::memcpy(&key, bytes, sizeof key);
          if (WordOf(value, kValueSize) != key.length) {
            good = AssertionFailure() << "not the value of /" << key.length;
          }
        });
    if (error != Errno::kOk) return Unexpected("batch", error);
    return good;
  });
  team.Run();
}

TEST_P(LpmTrieConcurrencyTest, MaxEntriesIsExact) {
  constexpr uint32_t kMost = 8;
  const TestMap map = NewTrie(kMost);
  std::atomic<int> inserted{0};
  ThreadTeam team;
  for (uint64_t worker = 0; worker < 3; ++worker) {
    team.AddWorker([&map, &inserted, worker]() -> AssertionResult {
      std::mt19937_64 random(RandomSeed() + worker);
      const std::vector<std::byte> value(kValueSize);
      for (Steps steps(200'000); steps.Next();) {
        // Each worker has keys of its own, and counts what it inserts.
        const PrefixKey key =
            Ip(static_cast<uint32_t>(worker << 30 | random() % 16 << 8), 24);
        if (random() % 2 == 0) {
          if (map->Delete(&key) == Errno::kOk) {
            inserted.fetch_sub(1, std::memory_order_relaxed);
          }
          continue;
        }
        const Errno error = map->Update(&key, value.data(), kNoExist);
        if (error == Errno::kOk) {
          inserted.fetch_add(1, std::memory_order_relaxed);
        } else if (error != Errno::kExist && error != Errno::kNoSpc) {
          return Unexpected("update", error);
        }
      }
      return AssertionSuccess();
    });
  }
  team.AddWatcher([&]() -> AssertionResult {
    uint32_t count = kMost + 1;
    std::vector<PrefixKey> keys(count);
    std::vector<std::byte> values(count * kValueSize);
    PrefixKey position;
    // One batch is no snapshot: a key may move past it. No more than the room.
    const Errno error = map->LookupBatch(nullptr, &position, keys.data(),
                                         values.data(), &count);
    if (error != Errno::kOk && error != Errno::kNoEnt) {
      return Unexpected("batch", error);
    }
    return AssertionSuccess();
  });
  team.Run();
  int count = 0;
  EXPECT_EQ(WalkByNextKey(*map, [&](const std::byte*) { ++count; }),
            Errno::kOk);
  EXPECT_EQ(count, inserted.load());
  EXPECT_LE(count, static_cast<int>(kMost));
  // All places can still be had.
  for (uint32_t i = count; i < kMost; ++i) {
    const PrefixKey key = Ip(0xc0000000 + i, 32);
    const std::vector<std::byte> value(kValueSize);
    EXPECT_EQ(map->Update(&key, value.data(), kNoExist), Errno::kOk);
  }
  const PrefixKey key = Ip(0xd0000000, 32);
  const std::vector<std::byte> value(kValueSize);
  EXPECT_EQ(map->Update(&key, value.data(), kNoExist), Errno::kNoSpc);
}

INSTANTIATE_TEST_SUITE_P(Backends, LpmTrieConcurrencyTest,
                         ::testing::ValuesIn(LocalBackends()), BackendName);

}  // namespace
}  // namespace bpfmap
