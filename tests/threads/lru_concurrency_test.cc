// SPDX-License-Identifier: Apache-2.0

// LRU maps under threads: eviction under contention, with the lists of all
// CPUs in play. No value is torn, no key is invented, no more keys are there
// than may be, and a pointer stays good memory.

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <random>
#include <set>
#include <string>

#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

using ::testing::AssertionFailure;
using ::testing::AssertionSuccess;
using Map = LruHashMap<Cloud>;

// The key is in each half of the value, so a mixture of two shows.
struct Value {
  uint64_t first;
  uint64_t second;
};
Value ValueOf(uint64_t key, uint64_t version) {
  return {key << 32 | version, ~(key << 32 | version)};
}
bool IsWhole(const Value& value, uint64_t key) {
  return value.first == ~value.second && value.first >> 32 == key;
}

struct Kind {
  std::string name;
  uint32_t max_entries;
  MapFlags map_flags;
  LruOrder order;
  int cpus;
};

class LruConcurrencyTest : public testing::TestWithParam<Kind> {
 protected:
  static MapDef Def() {
    return {.type = MapType::kLruHash,
            .key_size = 8,
            .value_size = sizeof(Value),
            .max_entries = GetParam().max_entries,
            .map_flags = GetParam().map_flags};
  }

  const ScopedPossibleCpus cpus_{GetParam().cpus};
};

// ENOMEM: all nodes are in the hands of other threads, as it may be when there
// are hardly more than threads.
bool IsFine(Errno error) {
  return error == Errno::kOk || error == Errno::kNoMem;
}

// How many keys there are after all CPUs in turn have inserted many, until the
// last one of each made others leave. If every node is where it belongs, that
// follows from the definition of the map. `evictions` counts those of the map.
uint64_t KeysWhenSettled(Map& map, const std::atomic<uint64_t>& evictions) {
  uint64_t key = 1'000'000;  // and more are new
  for (int turn = 0; turn < 2 * PossibleCpus(); ++turn) {
    const ScopedCpu cpu(turn % PossibleCpus());
    const uint64_t end = key + 2 * map.def().max_entries;
    uint64_t before = evictions.load();
    while (key < end || evictions.load() == before) {
      before = evictions.load();
      const Value value = ValueOf(key, 0);
      const Errno error = map.UpdateElem(&key, &value, kAny);
      if (error != Errno::kOk) {
        ADD_FAILURE() << ErrnoName(error);
        return 0;
      }
      ++key;
    }
  }
  uint64_t count = 0;
  const void* previous = nullptr;
  while (map.GetNextKey(previous, &key) == Errno::kOk) {
    previous = &key;
    ++count;
  }
  return count;
}

TEST_P(LruConcurrencyTest, FoundValueIsWhole) {
  std::atomic<uint64_t> evictions{0};
  LruOptions options = {.order = GetParam().order};
  options.on_eviction = {
      .function =
          [](void* context, const void* key, const void* value) {
            uint64_t k;
            Value v;
            std::memcpy(&k, key, sizeof k);
            std::memcpy(&v, value, sizeof v);
            if (IsWhole(v, k)) {
              static_cast<std::atomic<uint64_t>*>(context)->fetch_add(
                  1, std::memory_order_relaxed);
            }
          },
      .context = &evictions};
  Map map(Def(), options);
  ASSERT_EQ(map.Init(), Errno::kOk);
  const uint64_t keys = 3 * GetParam().max_entries;
  ThreadTeam team;
  for (int thread = 0; thread < 3; ++thread) {
    team.AddWorker([&, thread] {
      const ScopedCpu cpu(thread % GetParam().cpus);
      std::mt19937_64 random(RandomSeed() + thread);
      for (Steps steps(300'000); steps.Next();) {
        const uint64_t key = random() % keys;
        const Value value = ValueOf(key, steps.begun() & 0xffffffff);
        const uint64_t choice = random() % 16;
        Errno error = Errno::kOk;
        Value found;
        if (choice == 0) {
          error = map.DeleteElem(&key);
          if (error == Errno::kNoEnt) error = Errno::kOk;
        } else if (choice == 1) {
          error = map.LookupAndDelete(&key, &found);
          if (error == Errno::kOk && !IsWhole(found, key)) {
            return AssertionFailure() << "torn, taken: " << key;
          }
          if (error == Errno::kNoEnt) error = Errno::kOk;
        } else if (choice < 6) {
          map.LookupElem(&key);
        } else {
          error = map.UpdateElem(&key, &value, kAny);
        }
        if (!IsFine(error)) return AssertionFailure() << ErrnoName(error);
      }
      return AssertionSuccess();
    });
  }
  team.AddWatcher([&] {
    for (uint64_t key = 0; key < keys; ++key) {
      Value value;
      const Errno error = map.Lookup(&key, &value);
      if (error == Errno::kNoEnt) continue;
      if (error != Errno::kOk) return AssertionFailure() << ErrnoName(error);
      if (!IsWhole(value, key)) return AssertionFailure() << "torn: " << key;
    }
    return AssertionSuccess();
  });
  team.Run();
  EXPECT_GT(evictions.load(), 0u);

  // When all is quiet: no key twice, no more than may be, and each is found.
  std::set<uint64_t> left;
  uint64_t key;
  Errno error = map.GetNextKey(nullptr, &key);
  for (; error == Errno::kOk; error = map.GetNextKey(&key, &key)) {
    EXPECT_TRUE(left.insert(key).second) << "twice: " << key;
    EXPECT_NE(map.LookupElem(&key), nullptr);
  }
  EXPECT_LE(left.size(), map.def().max_entries);
  // No node was lost, and none has two elements.
  Map new_map(Def(), options);
  ASSERT_EQ(new_map.Init(), Errno::kOk);
  EXPECT_EQ(KeysWhenSettled(map, evictions),
            KeysWhenSettled(new_map, evictions));
}

// Programs may store through a pointer at any time, with atomics; whatever
// element it shows by then.
TEST_P(LruConcurrencyTest, PointerStaysGoodMemory) {
  Map map({.type = MapType::kLruHash,
           .key_size = 8,
           .value_size = 8,
           .max_entries = GetParam().max_entries,
           .map_flags = GetParam().map_flags},
          {.order = GetParam().order});
  ASSERT_EQ(map.Init(), Errno::kOk);
  const uint64_t keys = 2 * GetParam().max_entries;
  ThreadTeam team;
  for (int thread = 0; thread < 2; ++thread) {
    team.AddWorker([&, thread] {
      const ScopedCpu cpu(thread % GetParam().cpus);
      std::mt19937_64 random(RandomSeed() + thread);
      std::array<uint64_t*, 16> pointers = {};
      for (Steps steps(200'000); steps.Next();) {
        const uint64_t key = random() % keys;
        const uint64_t value = key;
        if (!IsFine(map.UpdateElem(&key, &value, kAny))) {
          return AssertionFailure() << "update";
        }
        auto*& pointer = pointers[random() % pointers.size()];
        pointer = static_cast<uint64_t*>(map.LookupElem(&key));
        for (uint64_t* const held : pointers) {
          if (held == nullptr) continue;
          if (reinterpret_cast<uintptr_t>(held) % 8 != 0) {
            return AssertionFailure() << "not aligned";
          }
          __atomic_fetch_add(held, 0, __ATOMIC_RELAXED);
        }
      }
      return AssertionSuccess();
    });
  }
  team.Run();
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, LruConcurrencyTest,
    testing::Values(Kind{"tiny", 3, {}, LruOrder::kLinux, 2},
                    Kind{"small", 40, {}, LruOrder::kLinux, 4},
                    Kind{"large", 2000, {}, LruOrder::kLinux, 2},
                    Kind{"shared_cpu", 100, {}, LruOrder::kLinux, 1},
                    Kind{"no_common", 60, kNoCommonLru, LruOrder::kLinux, 2},
                    Kind{"strict", 100, {}, LruOrder::kStrict, 2}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace bpfmap
