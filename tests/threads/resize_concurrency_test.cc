// SPDX-License-Identifier: Apache-2.0

// Resize of maps that are in use: no key is lost, no value torn, and what was
// there throughout is found throughout.
//
// Under ThreadSanitizer these tests also say that no access is a data race.
//
// Flag: --seed=N (printed by every run).

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "gtest/gtest.h"
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

constexpr uint32_t kValueSize = 40;

// The keys from 0 to kStable - 1 are in the map throughout.
constexpr uint32_t kStable = 16;

uint32_t KeyAt(const std::byte* bytes) {
  uint32_t key;
  std::memcpy(&key, bytes, sizeof key);
  return key;
}

// Values repeat a word whose upper half is the key + 1.
AssertionResult CheckValue(uint32_t key, const void* value) {
  const std::optional<uint64_t> word = WordOf(value, kValueSize);
  if (!word) return AssertionFailure() << "torn value of key " << key;
  if (*word >> 32 == key + 1) return AssertionSuccess();
  return AssertionFailure() << "key " << key << " has the value " << *word;
}

AssertionResult Unexpected(const char* what, Errno error) {
  return AssertionFailure() << what << ": " << ErrnoName(error);
}

template <typename Map>
class ResizeConcurrencyTest : public testing::Test {
 protected:
  static constexpr bool kIsHash = !std::same_as<Map, ArrayMap<Cloud>>;

  // Resizing the same map for long shows little: its buckets and its slots only
  // ever grow. So these tests go through many maps.
  static constexpr int kRounds = 40;

  // A map with the stable keys in it, and no room for more.
  static MapDef Def() {
    return {.type = kIsHash ? MapType::kHash : MapType::kArray,
            .key_size = sizeof(uint32_t),
            .value_size = kValueSize,
            .max_entries = kStable};
  }
  static void InsertStableKeys(Map& map) {
    for (uint32_t key = 0; key < kStable; ++key) {
      const auto value = ValueOf(uint64_t{key + 1} << 32, kValueSize);
      ASSERT_EQ(map.Update(&key, value.data()), Errno::kOk);
    }
  }

  // A worker that grows and shrinks the map, to 4096 elements in the end.
  static auto Resizer(Map& map) {
    return [&map] {
      for (uint32_t size = kStable + 1; size <= 4096; size += size / 2) {
        for (uint32_t wanted : {size, size / 2, size}) {
          if (wanted < kStable) continue;
          const Errno error = map.Resize(wanted);
          const bool may_fail = kIsHash && wanted < size;
          if (may_fail && error == Errno::k2Big) continue;
          if (error != Errno::kOk) return Unexpected("resize", error);
        }
      }
      return AssertionSuccess();
    };
  }

  // A worker that updates stable keys, and other keys as far as there is room.
  // It alone inserts and deletes those others.
  static auto Writer(Map& map, uint64_t number) {
    return [&map, number] {
      std::mt19937_64 random(RandomSeed() + number);
      std::vector<std::byte> value(kValueSize);
      std::set<uint32_t> mine;
      for (uint32_t step = 0; step < 400; ++step) {
        const bool stable = random() % 2 == 0;
        const uint32_t key = stable ? random() % kStable
                                    : kStable + 2 * (random() % 64) + number;
        FillValue(uint64_t{key + 1} << 32 | step, &value);
        if (kIsHash && mine.contains(key) && random() % 2 == 0) {
          const Errno error = map.Delete(&key);
          if (error != Errno::kOk) return Unexpected("delete", error);
          mine.erase(key);
          continue;
        }
        const Errno error = step % 2 ? map.Update(&key, value.data())
                                     : map.UpdateElem(&key, value.data(), kAny);
        const bool may_fail = !stable && !(kIsHash && mine.contains(key));
        if (may_fail && error == Errno::k2Big) continue;
        if (error != Errno::kOk) return Unexpected("update", error);
        if (!stable) mine.insert(key);
      }
      for (uint32_t key : mine) {
        const Errno error = map.Lookup(&key, value.data());
        if (!kIsHash) break;  // A shrink drops them.
        if (error != Errno::kOk) return Unexpected("lookup at the end", error);
      }
      return AssertionSuccess();
    };
  }
};

struct TypeNames {
  template <typename Map>
  static std::string GetName(int) {
    if (std::same_as<Map, ArrayMap<Cloud>>) return "array";
    return std::same_as<Map, HashMap<Cloud>> ? "hash" : "eager_memory_hash";
  }
};
using ResizableMaps =
    testing::Types<ArrayMap<Cloud>, HashMap<Cloud>, HashMap<EagerMemory>>;
TYPED_TEST_SUITE(ResizeConcurrencyTest, ResizableMaps, TypeNames);

TYPED_TEST(ResizeConcurrencyTest, StableKeyIsAlwaysFoundAndItsValueWhole) {
  for (int round = 0; round < this->kRounds && !this->HasFailure(); ++round) {
    TypeParam map(this->Def());
    ASSERT_EQ(map.Init(), Errno::kOk);
    this->InsertStableKeys(map);
    ThreadTeam team;
    team.AddWorker(this->Resizer(map));
    team.AddWorker(this->Writer(map, 0));
    team.AddWatcher([&] {
      for (uint32_t key = 0; key < kStable; ++key) {
        std::array<std::byte, kValueSize> value;
        const Errno error = map.Lookup(&key, value.data());
        if (error != Errno::kOk) return Unexpected("lookup", error);
        auto good = CheckValue(key, value.data());
        if (!good) return good;
      }
      return AssertionSuccess();
    });
    team.AddWatcher([&] {
      for (uint32_t key = 0; key < kStable; ++key) {
        void* const value = map.LookupElem(&key);
        if (value == nullptr) return AssertionFailure() << "no key " << key;
        // Memory that may serve another element by now, but memory.
        std::ignore =
            __atomic_load_n(static_cast<uint64_t*>(value), __ATOMIC_RELAXED);
      }
      return AssertionSuccess();
    });
    team.Run();
  }
}

TYPED_TEST(ResizeConcurrencyTest, WalkMissesNoStableKey) {
  for (int round = 0; round < this->kRounds && !this->HasFailure(); ++round) {
    TypeParam map(this->Def());
    ASSERT_EQ(map.Init(), Errno::kOk);
    this->InsertStableKeys(map);
    ThreadTeam team;
    team.AddWorker(this->Resizer(map));
    team.AddWorker(this->Writer(map, 0));
    const auto check = [](const std::set<uint32_t>& shown) {
      for (uint32_t key = 0; key < kStable; ++key) {
        if (!shown.contains(key)) return AssertionFailure() << "missed " << key;
      }
      return AssertionSuccess();
    };
    team.AddWatcher([&] {
      std::set<uint32_t> shown;
      AssertionResult good = AssertionSuccess();
      const Errno error = WalkByBatch(
          map, 7, [&](const std::byte* key, const std::byte* value) {
            shown.insert(KeyAt(key));
            if (KeyAt(key) < kStable && good) {
              good = CheckValue(KeyAt(key), value);
            }
          });
      if (error != Errno::kOk) return Unexpected("batch lookup", error);
      return good ? check(shown) : good;
    });
    team.AddWatcher([&] {
      std::set<uint32_t> shown;
      const Errno error = WalkByNextKey(
          map, [&](const std::byte* key) { shown.insert(KeyAt(key)); });
      if (error != Errno::kOk) return Unexpected("next key", error);
      return check(shown);
    });
    team.Run();
  }
}

TEST(ArrayResizeConcurrencyTest, OneBatchShowsNoIndexTwice) {
  constexpr uint32_t kSize = 1000;
  ArrayMap<Cloud> map({.type = MapType::kArray,
                       .key_size = sizeof(uint32_t),
                       .value_size = kValueSize,
                       .max_entries = kSize});
  ASSERT_EQ(map.Init(), Errno::kOk);
  ThreadTeam team;
  team.AddWorker([&] {
    for (uint64_t i = 0; i < 1'000; ++i) {
      const Errno error = map.Resize(i % 2 == 0 ? kSize / 4 : kSize);
      if (error != Errno::kOk) return Unexpected("resize", error);
      std::this_thread::yield();
    }
    return AssertionSuccess();
  });
  team.AddWatcher([&] {
    std::vector<uint32_t> keys(kSize);
    std::vector<std::byte> values(std::size_t{kSize} * kValueSize);
    uint32_t position;
    uint32_t count = kSize;
    const Errno error =
        map.LookupBatch(nullptr, &position, keys.data(), values.data(), &count);
    if (error != Errno::kOk && error != Errno::kNoEnt) {
      return Unexpected("batch lookup", error);
    }
    for (uint32_t i = 0; i < count; ++i) {
      if (keys[i] != i) {
        return AssertionFailure()
               << "after " << i << " indices came " << keys[i];
      }
    }
    return AssertionSuccess();
  });
  team.Run();
}

TYPED_TEST(ResizeConcurrencyTest, WritersLoseNoUpdate) {
  for (int round = 0; round < this->kRounds && !this->HasFailure(); ++round) {
    TypeParam map(this->Def());
    ASSERT_EQ(map.Init(), Errno::kOk);
    this->InsertStableKeys(map);
    // Programs count in the upper halves of values, through pointers.
    constexpr uint64_t kAdds = 2'000;
    ThreadTeam team;
    team.AddWorker(this->Resizer(map));
    for (int program = 0; program < 2; ++program) {
      team.AddWorker([&] {
        for (uint32_t i = 0; i < kAdds; ++i) {
          const uint32_t key = i % kStable;
          void* const value = map.LookupElem(&key);
          if (value == nullptr) return AssertionFailure() << "no key " << key;
          __atomic_fetch_add(static_cast<uint64_t*>(value), 1,
                             __ATOMIC_RELAXED);
        }
        return AssertionSuccess();
      });
    }
    team.Run();
    uint64_t adds = 0;
    for (uint32_t key = 0; key < kStable; ++key) {
      std::array<uint64_t, kValueSize / 8> value;
      ASSERT_EQ(map.Lookup(&key, value.data()), Errno::kOk);
      EXPECT_EQ(value[0] >> 32, key + 1);
      adds += value[0] & 0xffffffff;
    }
    EXPECT_EQ(adds, 2 * kAdds);
  }
}

TYPED_TEST(ResizeConcurrencyTest, ProgramReadsNewElementWithoutAtomics) {
  constexpr uint32_t kKeys = 500;
  for (int round = 0; round < this->kRounds && !this->HasFailure(); ++round) {
    TypeParam map(this->Def());
    ASSERT_EQ(map.Init(), Errno::kOk);
    this->InsertStableKeys(map);
    ThreadTeam team;
    team.AddWorker([&] {
      std::vector<std::byte> value(kValueSize);
      for (uint32_t key = kStable; key < kKeys; ++key) {
        Errno error = map.Resize(key + 1);
        if (error != Errno::kOk) return Unexpected("resize", error);
        if (!this->kIsHash) continue;  // The new element is there.
        FillValue(uint64_t{key + 1} << 32, &value);
        error = map.Update(&key, value.data());
        if (error != Errno::kOk) return Unexpected("insert", error);
      }
      return AssertionSuccess();
    });
    for (int watcher = 0; watcher < 2; ++watcher) {
      team.AddWatcher([&, next = kStable]() mutable {
        for (; next < kKeys; ++next) {
          const void* const value = map.LookupElem(&next);
          if (value == nullptr) break;  // Not yet there.
          if (WordOf(value, kValueSize) !=
              (this->kIsHash ? uint64_t{next + 1} << 32 : 0)) {
            return AssertionFailure() << "not whole: " << next;
          }
        }
        return AssertionSuccess();
      });
    }
    team.Run();
  }
}

TYPED_TEST(ResizeConcurrencyTest, SizeStaysOnceFreezeHasReturned) {
  constexpr int kFreezes = 15;
  for (int round = 0; round < kFreezes && !this->HasFailure(); ++round) {
    TypeParam map(this->Def());
    ASSERT_EQ(map.Init(), Errno::kOk);
    this->InsertStableKeys(map);
    std::atomic<int> resizes{0};
    uint32_t size_at_freeze = 0;
    ThreadTeam team;
    team.AddWorker([&] {
      Errno error = Errno::kOk;
      for (uint32_t i = 0; error == Errno::kOk; ++i) {
        error = map.Resize(kStable + i % 200);
        ++resizes;
      }
      if (error == Errno::kPerm) return AssertionSuccess();
      return Unexpected("resize", error);
    });
    team.AddWorker([&] {
      while (resizes < 10 && !team.failed()) std::this_thread::yield();
      const Errno error = map.Freeze();
      size_at_freeze = map.def().max_entries;
      if (error == Errno::kOk) return AssertionSuccess();
      return Unexpected("freeze", error);
    });
    team.Run();
    EXPECT_EQ(map.def().max_entries, size_at_freeze) << "round " << round;
  }
}

}  // namespace
}  // namespace bpfmap
