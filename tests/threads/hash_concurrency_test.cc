// SPDX-License-Identifier: Apache-2.0

// Keys of a hash map that come and go while other threads look, walk, insert
// and take: no key is lost, none is invented, and max_entries is exact.
//
// Under ThreadSanitizer these tests also say that no access is a data race.
//
// Flag: --seed=N (printed by every run).

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/spin_lock.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/eager_memory_profile.h"
#include "tests/support/map_walk.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"
#include "tests/support/thread_team.h"
#include "tests/support/whole_value.h"

namespace bpfmap {
namespace {

using testing::AssertionFailure;
using testing::AssertionResult;
using testing::AssertionSuccess;

// A key that shows whether it was copied in one piece.
struct Key {
  uint64_t id;
  uint64_t mirror;

  static Key Of(uint64_t id) { return {id, ~id}; }
  static Key At(const void* bytes) {
    Key key;
    std::memcpy(&key, bytes, sizeof key);
    return key;
  }
  bool is_whole() const { return mirror == ~id; }
};

// Keys are `Key`s, and values are uint64_t.
class HashConcurrencyTest : public BackendTest {
 protected:
  static TestMap NewMap(uint32_t max_entries) {
    TestMap map;
    EXPECT_EQ(GetParam().create({.type = MapType::kHash,
                                 .key_size = sizeof(Key),
                                 .value_size = sizeof(uint64_t),
                                 .max_entries = max_entries},
                                &map),
              Errno::kOk);
    return map;
  }

  static uint32_t CountByWalk(BpfMap& map) {
    uint32_t count = 0;
    EXPECT_EQ(WalkByNextKey(map, [&](const std::byte*) { ++count; }),
              Errno::kOk);
    return count;
  }
};

AssertionResult Unexpected(const char* what, Errno error) {
  return AssertionFailure() << what << ": " << ErrnoName(error);
}

// Keys with ids below kStable are in the map from the start on, those from
// there to kAll come and go, and others are never in it.
constexpr uint64_t kStable = 24;
constexpr uint64_t kAll = 72;

// A map with the stable keys, each with its id as the value.
void InsertStableKeys(const TestMap& map) {
  for (uint64_t id = 0; id < kStable; ++id) {
    const Key key = Key::Of(id);
    ASSERT_EQ(map->Update(&key, &id, kNoExist), Errno::kOk);
  }
}

// Adds workers that insert, replace and delete the keys that come and go, and
// replace stable ones.
void AddChurn(const TestMap& map, ThreadTeam* team) {
  for (uint64_t worker = 0; worker < 2; ++worker) {
    team->AddWorker([&map, worker] {
      std::mt19937_64 random(RandomSeed() + worker);
      for (Steps steps(400'000); steps.Next();) {
        const uint64_t id = random() % kAll;
        const Key key = Key::Of(id);
        const bool stable = id < kStable;
        if (stable && random() % 4 != 0) continue;
        const Errno error = stable || random() % 2 != 0
                                ? map.local()->UpdateElem(&key, &id, kAny)
                                : map->Delete(&key);
        if (error != Errno::kOk && error != Errno::kNoEnt) {
          return Unexpected("churn", error);
        }
      }
      return AssertionSuccess();
    });
  }
}

TEST_P(HashConcurrencyTest, WalkByBatchShowsEachStableKeyOnce) {
  const TestMap map = NewMap(kAll);
  InsertStableKeys(map);
  ThreadTeam team;
  AddChurn(map, &team);
  for (uint32_t room : {5U, 100U}) {
    team.AddWatcher([&, room] {
      std::array<int, kAll> shown = {};
      AssertionResult good = AssertionSuccess();
      const Errno error = WalkByBatch(
          *map, room, [&](const std::byte* bytes, const std::byte* value) {
            const Key key = Key::At(bytes);
            if (!key.is_whole() || key.id >= kAll) {
              good = AssertionFailure() << "never a key: " << key.id;
            } else if (std::memcmp(value, &key.id, sizeof key.id) != 0) {
              good = AssertionFailure() << "wrong value of " << key.id;
            } else if (++shown[key.id] > 1) {
              good = AssertionFailure() << "shown twice: " << key.id;
            }
          });
      if (error != Errno::kOk) return Unexpected("batch lookup", error);
      for (uint64_t id = 0; id < kStable && good; ++id) {
        if (shown[id] == 0) good = AssertionFailure() << "missed: " << id;
      }
      return good;
    });
  }
  team.Run();
}

TEST_P(HashConcurrencyTest, WalkByNextKeyEndsAndShowsOnlyKeysThatWereThere) {
  const TestMap map = NewMap(kAll);
  InsertStableKeys(map);
  ThreadTeam team;
  AddChurn(map, &team);
  for (int watcher = 0; watcher < 2; ++watcher) {
    team.AddWatcher([&] {
      // A key may be shown more than once: where the key that a step starts
      // from was deleted, the walk begins anew.
      std::array<bool, kAll> shown = {};
      AssertionResult good = AssertionSuccess();
      const Errno error = WalkByNextKey(*map, [&](const std::byte* bytes) {
        const Key key = Key::At(bytes);
        if (key.is_whole() && key.id < kAll) {
          shown[key.id] = true;
        } else {
          good = AssertionFailure() << "never a key: " << key.id;
        }
      });
      if (error != Errno::kOk) return Unexpected("next key", error);
      for (uint64_t id = 0; id < kStable && good; ++id) {
        if (!shown[id]) good = AssertionFailure() << "missed: " << id;
      }
      return good;
    });
  }
  team.Run();
}

// Its element moves with every replacement, and there is no other to be seen.
TEST_P(HashConcurrencyTest, WalkAlwaysShowsKeyThatIsReplaced) {
  const TestMap map = NewMap(1);
  const Key key = Key::Of(7);
  const uint64_t first_value = 0;
  ASSERT_EQ(map->Update(&key, &first_value), Errno::kOk);
  ThreadTeam team;
  team.AddWorker([&] {
    for (Steps steps(2'000'000); steps.Next();) {
      const uint64_t value = steps.begun();
      const Errno error = map.local()->UpdateElem(&key, &value, kAny);
      if (error != Errno::kOk) return Unexpected("update", error);
    }
    return AssertionSuccess();
  });
  team.AddWatcher([&] {
    Key found;
    const Errno error = map->GetNextKey(nullptr, &found);
    if (error != Errno::kOk) return Unexpected("next key", error);
    if (found.id == key.id && found.is_whole()) return AssertionSuccess();
    return AssertionFailure() << "another key: " << found.id;
  });
  team.AddWatcher([&] {
    Key found;
    uint64_t value;
    std::array<std::byte, sizeof(Key)> position;
    uint32_t count = 1;
    const Errno error =
        map->LookupBatch(nullptr, &position, &found, &value, &count);
    if (error != Errno::kNoEnt) return Unexpected("batch lookup", error);
    if (count == 1) return AssertionSuccess();
    return AssertionFailure() << "a batch missed the key";
  });
  team.Run();
}

TEST_P(HashConcurrencyTest, StableKeyIsAlwaysFound) {
  const TestMap map = NewMap(kAll);
  InsertStableKeys(map);
  ThreadTeam team;
  AddChurn(map, &team);
  team.AddWatcher([&] {
    for (uint64_t id = 0; id < kAll; ++id) {
      const Key key = Key::Of(id);
      uint64_t value = 0;
      const Errno error = map->Lookup(&key, &value);
      if (id >= kStable && error == Errno::kNoEnt) continue;
      if (error != Errno::kOk) return Unexpected("user's lookup", error);
      if (value != id) return AssertionFailure() << "wrong value of " << id;
    }
    return AssertionSuccess();
  });
  team.AddWatcher([&] {
    for (uint64_t id = 0; id < kStable; ++id) {
      const Key key = Key::Of(id);
      if (map.local()->LookupElem(&key) == nullptr) {
        return AssertionFailure() << "a program did not find " << id;
      }
    }
    return AssertionSuccess();
  });
  team.Run();
}

TEST_P(HashConcurrencyTest, ProgramReadsNewElementWithoutAtomics) {
  constexpr uint32_t kKeys = 700;
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    const TestMap map = NewMap(kKeys);
    ThreadTeam team;
    team.AddWorker([&] {
      for (uint64_t id = 0; id < kKeys; ++id) {
        const Key key = Key::Of(id);
        const Errno error = map->Update(&key, &id);
        if (error != Errno::kOk) return Unexpected("insert", error);
      }
      return AssertionSuccess();
    });
    team.AddWatcher([&, next = uint64_t{0}]() mutable {
      for (; next < kKeys; ++next) {
        const Key key = Key::Of(next);
        const auto* const value =
            static_cast<const uint64_t*>(map.local()->LookupElem(&key));
        if (value == nullptr) break;  // Not yet there.
        if (*value != next) return AssertionFailure() << "not whole: " << next;
      }
      return AssertionSuccess();
    });
    team.Run();
  }
}

// One key is there at a time, and the next one is put where it was.
TEST_P(HashConcurrencyTest, KeyNeverShowsValueOfAnother) {
  constexpr uint64_t kKeys = 4;
  constexpr uint32_t kValueSize = 256;
  TestMap map;
  ASSERT_EQ(GetParam().create({.type = MapType::kHash,
                               .key_size = sizeof(Key),
                               .value_size = kValueSize,
                               .max_entries = kKeys},
                              &map),
            Errno::kOk);
  ThreadTeam team;
  team.AddWorker([&] {
    std::vector<std::byte> value(kValueSize);
    for (Steps moves(200'000); moves.Next();) {
      const Key key = Key::Of(moves.begun() % kKeys);
      FillValue(key.id, &value);
      Errno error = map->Update(&key, value.data(), kNoExist);
      if (error != Errno::kOk) return Unexpected("insert", error);
      // Let a reader begin that has to wait, too, before it ends.
      if (moves.begun() % 16 == 0) std::this_thread::yield();
      error = map->Delete(&key);
      if (error != Errno::kOk) return Unexpected("delete", error);
    }
    return AssertionSuccess();
  });
  for (uint64_t watcher = 0; watcher < 2; ++watcher) {
    team.AddWatcher([&, watcher] {
      std::array<std::byte, kValueSize> value;
      for (uint64_t i = 0; i < 100; ++i) {
        const Key key = Key::Of((i + watcher) % kKeys);
        const Errno error = map->Lookup(&key, value.data());
        if (error == Errno::kNoEnt) continue;
        if (error != Errno::kOk) return Unexpected("lookup", error);
        if (WordOf(value.data(), kValueSize) != key.id) {
          return AssertionFailure() << "not the value of key " << key.id;
        }
      }
      return AssertionSuccess();
    });
  }
  team.Run();
}

TEST_P(HashConcurrencyTest, ExactlyMaxEntriesInsertsSucceed) {
  constexpr int kRounds = 100;
  constexpr uint32_t kThreads = 3;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    const uint32_t max_entries = std::array{1, 8, 33, 200}[round % 4];
    const TestMap map = NewMap(max_entries);
    std::atomic<uint32_t> inserted{0};
    ThreadTeam team;
    for (uint64_t thread = 0; thread < kThreads; ++thread) {
      team.AddWorker([&, thread] {
        for (uint64_t i = 0; i < max_entries + 8; ++i) {
          const Key key = Key::Of(i * kThreads + thread);
          const Errno error = map->Update(&key, &i, i % 2 ? kAny : kNoExist);
          if (error == Errno::kOk) {
            ++inserted;
          } else if (error != Errno::k2Big) {
            return Unexpected("insert", error);
          }
        }
        return AssertionSuccess();
      });
    }
    team.Run();
    EXPECT_EQ(inserted, max_entries);
    EXPECT_EQ(CountByWalk(*map), max_entries);
  }
}

// More threads than a table has caches for.
TEST_P(HashConcurrencyTest, ThreadsThatComeAndGoLeaveNoRoomBehind) {
  constexpr uint64_t kThreads = 100;
  constexpr uint32_t kMaxEntries = 1024;
  const TestMap map = NewMap(kMaxEntries);
  for (int round = 0; round < 3 && !HasFailure(); ++round) {
    std::atomic<uint32_t> inserted{0};
    ThreadTeam team;
    for (uint64_t thread = 0; thread < kThreads; ++thread) {
      team.AddWorker([&, thread] {
        for (uint64_t i = 0; i < kMaxEntries / kThreads + 2; ++i) {
          const Key key = Key::Of(i * kThreads + thread);
          const Errno error = map->Update(&key, &i, kNoExist);
          if (error == Errno::kOk) {
            ++inserted;
          } else if (error != Errno::k2Big) {
            return Unexpected("insert", error);
          }
        }
        return AssertionSuccess();
      });
    }
    team.Run();
    EXPECT_EQ(inserted, kMaxEntries);
    EXPECT_EQ(CountByWalk(*map), kMaxEntries);

    ThreadTeam deleters;
    for (uint64_t thread = 0; thread < kThreads; ++thread) {
      deleters.AddWorker([&, thread] {
        for (uint64_t i = 0; i < kMaxEntries / kThreads + 2; ++i) {
          const Key key = Key::Of(i * kThreads + thread);
          const Errno error = map->Delete(&key);
          if (error != Errno::kOk && error != Errno::kNoEnt) {
            return Unexpected("delete", error);
          }
        }
        return AssertionSuccess();
      });
    }
    deleters.Run();
    EXPECT_EQ(CountByWalk(*map), 0u);
  }
}

TEST_P(HashConcurrencyTest, ThereIsRoomForEveryThreadsShareOfKeys) {
  constexpr uint64_t kThreads = 3;
  for (uint64_t share : {1, 20}) {
    const TestMap map = NewMap(kThreads * share);
    ThreadTeam team;
    for (uint64_t thread = 0; thread < kThreads; ++thread) {
      team.AddWorker([&, thread] {
        std::mt19937_64 random(RandomSeed() + thread);
        std::set<uint64_t> mine;
        for (Steps steps(100'000); steps.Next();) {
          const uint64_t id = thread + kThreads * (random() % share);
          const Key key = Key::Of(id);
          const bool insert = random() % 3 != 0;
          const bool present = mine.contains(id);
          const Errno error =
              insert ? map->Update(&key, &id, present ? kExist : kNoExist)
                     : map->Delete(&key);
          if (error != (insert || present ? Errno::kOk : Errno::kNoEnt)) {
            return Unexpected(insert ? "update" : "delete", error);
          }
          if (insert) mine.insert(id);
          if (!insert) mine.erase(id);
        }
        return AssertionSuccess();
      });
    }
    team.Run();
  }
}

TEST_P(HashConcurrencyTest, FullMapStillReplacesEveryKey) {
  constexpr uint64_t kKeys = 50;
  const TestMap map = NewMap(kKeys);
  for (uint64_t id = 0; id < kKeys; ++id) {
    const Key key = Key::Of(id);
    ASSERT_EQ(map->Update(&key, &id), Errno::kOk);
  }
  ThreadTeam team;
  for (uint64_t thread = 0; thread < 3; ++thread) {
    team.AddWorker([&, thread] {
      std::mt19937_64 random(RandomSeed() + thread);
      for (Steps steps(200'000); steps.Next();) {
        const uint64_t id = random() % (kKeys + 1);
        const Key key = Key::Of(id);
        const Errno error = map->Update(&key, &id, kAny);
        if (error != (id < kKeys ? Errno::kOk : Errno::k2Big)) {
          return Unexpected("update", error);
        }
      }
      return AssertionSuccess();
    });
  }
  team.Run();
  EXPECT_EQ(CountByWalk(*map), kKeys);
}

// Two threads take turns in having the last place of a map.
TEST_P(HashConcurrencyTest, KeyThatIsSeenToBeGoneHasLeftItsPlace) {
  constexpr uint32_t kMaxEntries = 64;
  const TestMap map = NewMap(kMaxEntries);
  for (uint64_t id = 2; id <= kMaxEntries; ++id) {
    const Key key = Key::Of(id);
    ASSERT_EQ(map->Update(&key, &id), Errno::kOk);
  }
  std::atomic<uint64_t> turn{0};
  std::atomic<bool> over{false};
  ThreadTeam team;
  for (uint64_t thread = 0; thread < 2; ++thread) {
    team.AddWorker([&, thread] {
      const Key mine = Key::Of(thread);
      const Key other = Key::Of(1 - thread);
      uint64_t value = 0;
      for (Steps steps(100'000); steps.Next();) {
        // Not at once: both shall be at work at the same moment.
        for (int spins = 0; turn.load(std::memory_order_relaxed) % 2 != thread;
             ++spins) {
          if (over.load(std::memory_order_relaxed)) return AssertionSuccess();
          if (spins > 1000) std::this_thread::yield();
        }
        // The other thread has begun to delete its key.
        while (map->Lookup(&other, &value) == Errno::kOk) {
        }
        const Errno error = map->Update(&mine, &value, kNoExist);
        turn.fetch_add(1, std::memory_order_relaxed);
        if (error != Errno::kOk || map->Delete(&mine) != Errno::kOk) {
          over.store(true, std::memory_order_relaxed);
          return Unexpected("insert", error);
        }
      }
      over.store(true, std::memory_order_relaxed);
      return AssertionSuccess();
    });
  }
  team.Run();
}

// Producers put values under keys that are free, takers take what is there.
// `take(taken)` takes once, and calls taken(value) for what it got.
void ExpectEachValueIsTakenOnce(
    const TestMap& map, uint64_t keys,
    const std::function<Errno(
        uint64_t key, const std::function<void(uint64_t)>& taken)>& take) {
  constexpr uint64_t kProducers = 2, kTakers = 2;
  constexpr uint64_t kValues = 20'000;
  std::vector<std::atomic<int>> times_taken(kValues);
  std::atomic<uint64_t> left{kValues};
  ThreadTeam team;
  for (uint64_t producer = 0; producer < kProducers; ++producer) {
    team.AddWorker([&, producer] {
      for (uint64_t value = producer; value < kValues; value += kProducers) {
        const Key key = Key::Of(value % keys);
        Errno error;
        while ((error = map->Update(&key, &value, kNoExist)) == Errno::kExist) {
          if (team.failed()) return AssertionSuccess();
          std::this_thread::yield();
        }
        if (error != Errno::kOk) return Unexpected("insert", error);
      }
      return AssertionSuccess();
    });
  }
  for (uint64_t taker = 0; taker < kTakers; ++taker) {
    team.AddWorker([&, taker] {
      std::mt19937_64 random(RandomSeed() + taker);
      bool good = true;
      while (left.load(std::memory_order_relaxed) > 0 && !team.failed()) {
        bool got = false;
        const Errno error = take(random() % keys, [&](uint64_t value) {
          good = good && value < kValues && ++times_taken[value] == 1;
          got = true;
          --left;
        });
        if (!good) return AssertionFailure() << "taken twice, or invented";
        if (error != Errno::kOk && error != Errno::kNoEnt) {
          return Unexpected("take", error);
        }
        if (!got) std::this_thread::yield();
      }
      return AssertionSuccess();
    });
  }
  team.Run();
  EXPECT_EQ(left, 0);
  EXPECT_TRUE(std::all_of(times_taken.begin(), times_taken.end(),
                          [](const auto& times) { return times == 1; }));
}

TEST_P(HashConcurrencyTest, LookupAndDeleteTakesEachValueOnce) {
  const TestMap map = NewMap(16);
  ExpectEachValueIsTakenOnce(map, 16, [&](uint64_t id, const auto& taken) {
    const Key key = Key::Of(id);
    uint64_t value;
    const Errno error = map->LookupAndDelete(&key, &value);
    if (error == Errno::kOk) taken(value);
    return error;
  });
}

TEST_P(HashConcurrencyTest, LookupAndDeleteBatchTakesEachValueOnce) {
  constexpr uint64_t kKeys = 16;
  const TestMap map = NewMap(kKeys);
  ExpectEachValueIsTakenOnce(map, kKeys, [&](uint64_t, const auto& taken) {
    std::array<Key, kKeys> keys;
    std::array<uint64_t, kKeys> values;
    std::array<std::byte, sizeof(Key)> position;
    uint32_t count = kKeys;
    const Errno error = map->LookupAndDeleteBatch(
        nullptr, &position, keys.data(), values.data(), &count);
    for (uint32_t i = 0; i < count; ++i) taken(values[i]);
    return error;
  });
}

TEST_P(HashConcurrencyTest, OneOfSeveralInsertsOfKeySucceeds) {
  constexpr int kRounds = 40;
  constexpr uint64_t kKeys = 200;
  constexpr uint64_t kThreads = 3;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    const TestMap map = NewMap(kKeys);
    std::array<std::atomic<uint64_t>, kKeys> winners = {};
    ThreadTeam team;
    for (uint64_t thread = 1; thread <= kThreads; ++thread) {
      team.AddWorker([&, thread] {
        for (uint64_t id = 0; id < kKeys; ++id) {
          const Key key = Key::Of(id);
          const Errno error = map->Update(&key, &thread, kNoExist);
          if (error == Errno::kExist) continue;
          if (error != Errno::kOk) return Unexpected("insert", error);
          if (winners[id].exchange(thread) != 0) {
            return AssertionFailure() << "two inserted " << id;
          }
        }
        return AssertionSuccess();
      });
    }
    team.Run();
    for (uint64_t id = 0; id < kKeys; ++id) {
      const Key key = Key::Of(id);
      uint64_t value = 0;
      EXPECT_EQ(map->Lookup(&key, &value), Errno::kOk);
      EXPECT_EQ(value, winners[id]);
    }
  }
}

// What Linux does: a new element in old memory takes the lock over as it is,
// since a program may be inside (in hashtab.c, alloc_htab_elem() copies around
// the lock).
TEST_P(HashConcurrencyTest, LockThatProgramHoldsOutlivesItsElement) {
  struct Locked {
    uint32_t lock;
    uint32_t number;
  };
  for (bool by_delete : {false, true}) {
    TestMap map;
    ASSERT_EQ(GetParam().create({.type = MapType::kHash,
                                 .key_size = sizeof(Key),
                                 .value_size = sizeof(Locked),
                                 .max_entries = 1,
                                 .spin_lock_offset = offsetof(Locked, lock)},
                                &map),
              Errno::kOk);
    const Key key = Key::Of(1);
    Locked value = {.lock = 0, .number = 1};
    ASSERT_EQ(map->Update(&key, &value), Errno::kOk);
    auto* const held = static_cast<Locked*>(map.local()->LookupElem(&key));
    ASSERT_NE(held, nullptr);
    SpinLock(&held->lock);

    // The second time, the memory is that of `held` again.
    for (value.number = 2; value.number <= 3; ++value.number) {
      if (by_delete) {
        ASSERT_EQ(map->Delete(&key), Errno::kOk);
      }
      ASSERT_EQ(map->Update(&key, &value), Errno::kOk);
    }
    ASSERT_EQ(map.local()->LookupElem(&key), held);
    EXPECT_EQ(held->number, 3);
    EXPECT_NE(held->lock, 0) << "the lock opened by itself";
    SpinUnlock(&held->lock);
    Locked copy = {};
    EXPECT_EQ(map->Lookup(&key, &copy, kLock), Errno::kOk);
    EXPECT_EQ(copy.number, 3);
  }
}

// The cloud's other table, see eager_memory_profile.h.
Errno CreateEagerMemory(const MapDef& def, TestMap* map) {
  auto created = std::make_shared<HashMap<EagerMemory>>(def);
  const Errno error = created->Init();
  HashMap<EagerMemory>* const eager_memory = created.get();
  if (error == Errno::kOk)
    *map = TestMap(std::move(created), eager_memory, eager_memory);
  return error;
}

std::vector<Backend> BackendsAndEagerMemory() {
  std::vector<Backend> backends = LocalBackends();
  backends.push_back({.name = "eager_memory",
                      .is_kernel = false,
                      .is_too_large = [](const MapDef&) { return false; },
                      .create = CreateEagerMemory,
                      .open_perf_event = nullptr});
  return backends;
}

INSTANTIATE_TEST_SUITE_P(, HashConcurrencyTest,
                         testing::ValuesIn(BackendsAndEagerMemory()),
                         BackendName);

}  // namespace
}  // namespace bpfmap
