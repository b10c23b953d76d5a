// SPDX-License-Identifier: Apache-2.0

// Per-CPU maps in use by several threads: programs, each on a CPU of its own,
// and user space.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/lru_per_cpu_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/per_cpu_array_map.h"
#include "bpfmap/maps/per_cpu_hash_map.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "gtest/gtest.h"
#include "tests/support/eager_memory_profile.h"
#include "tests/support/print_errno.h"
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

using testing::AssertionFailure;
using testing::AssertionResult;
using testing::AssertionSuccess;

constexpr int kCpus = 3;
constexpr uint32_t kKeys = 8;
// Too large for one store, so that a slice could be torn.
constexpr std::size_t kWords = 5;
using Slice = std::array<uint64_t, kWords>;
using UserValue = std::array<Slice, kCpus>;

Slice Whole(uint64_t number) {
  Slice slice;
  slice.fill(number);
  return slice;
}
bool IsWhole(const Slice& slice) {
  return std::count(slice.begin(), slice.end(), slice[0]) == kWords;
}

AssertionResult Unexpected(const char* what, Errno error) {
  return AssertionFailure() << what << " answered " << ErrnoName(error);
}

template <typename Map>
class PerCpuConcurrencyTest : public testing::Test {
 protected:
  static constexpr MapType kType =
      std::is_same_v<Map, PerCpuArrayMap<Cloud>>     ? MapType::kPerCpuArray
      : std::is_same_v<Map, LruPerCpuHashMap<Cloud>> ? MapType::kLruPerCpuHash
                                                     : MapType::kPerCpuHash;

  void SetUp() override { ASSERT_EQ(map_.Init(), Errno::kOk); }

  static MapDef Def() {
    return {.type = kType,
            .key_size = 4,
            .value_size = sizeof(Slice),
            // An update takes a place before it looks: an LRU map that is full
            // evicts even for a key that is there.
            .max_entries = kType == MapType::kLruPerCpuHash ? 4096 : kKeys};
  }

  // All keys are there, with slices of 0.
  void InsertAll() {
    const UserValue zero = {};
    for (uint32_t key = 0; key < kKeys; ++key) {
      ASSERT_EQ(map_.Update(&key, &zero), Errno::kOk);
    }
  }

  const ScopedPossibleCpus cpus_{kCpus};
  Map map_{Def()};
};

struct TypeNames {
  template <typename Map>
  static std::string GetName(int) {
    if (std::is_same_v<Map, PerCpuArrayMap<Cloud>>) return "array";
    if (std::is_same_v<Map, LruPerCpuHashMap<Cloud>>) return "lru_hash";
    return std::is_same_v<Map, PerCpuHashMap<Cloud>> ? "hash"
                                                     : "eager_memory_hash";
  }
};
using Maps =
    testing::Types<PerCpuArrayMap<Cloud>, PerCpuHashMap<Cloud>,
                   PerCpuHashMap<EagerMemory>, LruPerCpuHashMap<Cloud>>;
TYPED_TEST_SUITE(PerCpuConcurrencyTest, Maps, TypeNames);

TYPED_TEST(PerCpuConcurrencyTest, CountersOfDifferentCpusLoseNothing) {
  constexpr uint64_t kRounds = 20'000;
  this->InsertAll();
  ThreadTeam team;
  for (int cpu = 0; cpu < kCpus; ++cpu) {
    team.AddWorker([&, cpu] {
      const ScopedCpu scoped(cpu);
      for (uint64_t i = 0; i < kRounds; ++i) {
        const uint32_t key = i % kKeys;
        auto* const count = static_cast<uint64_t*>(this->map_.LookupElem(&key));
        if (count == nullptr) return AssertionFailure() << "no key " << key;
        // As a program does: nobody else stores here.
        const uint64_t before = __atomic_load_n(count, __ATOMIC_RELAXED);
        __atomic_store_n(count, before + 1, __ATOMIC_RELAXED);
      }
      return AssertionSuccess();
    });
  }
  team.Run();
  for (uint32_t key = 0; key < kKeys; ++key) {
    UserValue value;
    ASSERT_EQ(this->map_.Lookup(&key, &value), Errno::kOk);
    for (const Slice& slice : value) EXPECT_EQ(slice[0], kRounds / kKeys);
  }
}

TYPED_TEST(PerCpuConcurrencyTest, SliceIsNeverTornNorWrittenByOthers) {
  constexpr uint64_t kRounds = 5'000;
  this->InsertAll();
  ThreadTeam team;
  for (int cpu = 0; cpu < kCpus; ++cpu) {
    team.AddWorker([&, cpu] {
      const ScopedCpu scoped(cpu);
      for (uint64_t i = 1; i <= kRounds; ++i) {
        const uint32_t key = i % 2;
        const Slice slice = Whole(i * kCpus + cpu);
        const Errno error = this->map_.UpdateElem(&key, &slice, kAny);
        if (error != Errno::kOk) return Unexpected("update", error);
      }
      return AssertionSuccess();
    });
  }
  team.AddWatcher([&] {
    for (const uint32_t key : {0, 1}) {
      UserValue value;
      const Errno error = this->map_.Lookup(&key, &value);
      if (error != Errno::kOk) return Unexpected("lookup", error);
      for (int cpu = 0; cpu < kCpus; ++cpu) {
        const uint64_t number = value[cpu][0];
        if (!IsWhole(value[cpu])) return AssertionFailure() << "torn";
        if (number != 0 && number % kCpus != static_cast<uint64_t>(cpu)) {
          return AssertionFailure() << number << " on CPU " << cpu;
        }
      }
    }
    return AssertionSuccess();
  });
  team.Run();
}

TYPED_TEST(PerCpuConcurrencyTest, UserViewUpdatesAreNotMixed) {
  constexpr uint64_t kRounds = 5'000;
  this->InsertAll();
  ThreadTeam team;
  for (uint64_t writer = 0; writer < 2; ++writer) {
    team.AddWorker([&, writer] {
      for (uint64_t i = 1; i <= kRounds; ++i) {
        const uint32_t key = 3;
        UserValue value;
        value.fill(Whole(2 * i + writer));
        const Errno error = this->map_.Update(&key, &value);
        if (error != Errno::kOk) return Unexpected("update", error);
      }
      return AssertionSuccess();
    });
  }
  team.AddWatcher([&] {
    const uint32_t key = 3;
    UserValue value;
    const Errno error = this->map_.Lookup(&key, &value);
    if (error != Errno::kOk) return Unexpected("lookup", error);
    for (const Slice& slice : value) {
      if (slice != Whole(value[0][0])) return AssertionFailure() << "mixed";
    }
    return AssertionSuccess();
  });
  team.Run();
}

template <typename Map>
class PerCpuHashConcurrencyTest : public PerCpuConcurrencyTest<Map> {};
using HashMaps =
    testing::Types<PerCpuHashMap<Cloud>, PerCpuHashMap<EagerMemory>>;
TYPED_TEST_SUITE(PerCpuHashConcurrencyTest, HashMaps, TypeNames);

// Each key is inserted, updated and deleted by the program of one CPU, and the
// map is too small for all: elements go from key to key all the time.
TYPED_TEST(PerCpuHashConcurrencyTest, ElementNeverShowsWhatAnotherKeyLeft) {
  constexpr uint64_t kRounds = 10'000;
  constexpr uint32_t kOwnKeys = kKeys;
  ThreadTeam team;
  for (int cpu = 0; cpu < kCpus; ++cpu) {
    team.AddWorker([&, cpu]() -> AssertionResult {
      const ScopedCpu scoped(cpu);
      for (uint64_t i = 1; i <= kRounds; ++i) {
        const uint32_t key = cpu * kOwnKeys + i % kOwnKeys;
        const Slice slice = Whole(i * 100 + key);
        const Errno error = this->map_.UpdateElem(&key, &slice, kNoExist);
        if (error == Errno::k2Big) continue;
        if (error != Errno::kOk) return Unexpected("insert", error);
        UserValue value;
        Errno looked = this->map_.Lookup(&key, &value);
        if (looked != Errno::kOk) return Unexpected("lookup", looked);
        for (int other = 0; other < kCpus; ++other) {
          const Slice expected = other == cpu ? slice : Slice{};
          if (value[other] != expected) {
            return AssertionFailure() << "CPU " << other << " has "
                                      << value[other][0] << " at round " << i;
          }
        }
        const Errno deleted = this->map_.DeleteElem(&key);
        if (deleted != Errno::kOk) return Unexpected("delete", deleted);
      }
      return AssertionSuccess();
    });
  }
  team.AddWatcher([&]() -> AssertionResult {
    for (uint32_t key = 0; key < kCpus * kOwnKeys; ++key) {
      UserValue value;
      if (this->map_.Lookup(&key, &value) != Errno::kOk) continue;
      for (const Slice& slice : value) {
        if (!IsWhole(slice)) return AssertionFailure() << "torn";
        if (slice[0] != 0 && slice[0] % 100 != key) {
          return AssertionFailure() << slice[0] << " under key " << key;
        }
      }
    }
    return AssertionSuccess();
  });
  team.Run();
}

// Threads that insert and delete at once never find a map full that is not.
TYPED_TEST(PerCpuHashConcurrencyTest, ThreadThatGivesPlaceBackFindsOne) {
  constexpr uint64_t kRounds = 20'000;
  ThreadTeam team;
  for (uint32_t thread = 0; thread < 4; ++thread) {
    team.AddWorker([&, thread]() -> AssertionResult {
      const Slice slice = Whole(thread);
      for (uint64_t i = 0; i < kRounds; ++i) {
        // Two of eight places each.
        const uint32_t first = thread * 1'000 + i % 100, second = first + 500;
        for (const uint32_t key : {first, second}) {
          const Errno error = this->map_.UpdateElem(&key, &slice, kNoExist);
          if (error != Errno::kOk) return Unexpected("insert", error);
        }
        for (const uint32_t key : {first, second}) {
          const Errno error = this->map_.DeleteElem(&key);
          if (error != Errno::kOk) return Unexpected("delete", error);
        }
      }
      return AssertionSuccess();
    });
  }
  team.Run();
}

}  // namespace
}  // namespace bpfmap
