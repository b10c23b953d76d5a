// SPDX-License-Identifier: Apache-2.0

// Readers, writers and walks on keys that they share: what every type of map
// promises when they meet. hash_concurrency_test.cc has what only a map whose
// keys come and go can promise, resize_concurrency_test.cc what Resize adds.
//
// Under ThreadSanitizer these tests also say that no access is a data race.
//
// Flag: --seed=N (printed by every run).

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <thread>
#include <tuple>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/spin_lock.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
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

// Keys are numbers from 0 on, so that they are right for an array too.
class ConcurrencyTest
    : public testing::TestWithParam<std::tuple<Backend, MapType>> {
 protected:
  // A map that holds the keys from 0 to `keys` - 1, with values of zeros.
  static TestMap NewMap(uint32_t keys, uint32_t value_size,
                        uint32_t spin_lock_offset = kNoSpinLock) {
    TestMap map;
    EXPECT_EQ(std::get<Backend>(GetParam())
                  .create({.type = std::get<MapType>(GetParam()),
                           .key_size = sizeof(uint32_t),
                           .value_size = value_size,
                           .max_entries = keys,
                           .spin_lock_offset = spin_lock_offset},
                          &map),
              Errno::kOk);
    const std::vector<std::byte> zeros(value_size);
    for (uint32_t key = 0; key < keys; ++key) {
      EXPECT_EQ(map->Update(&key, zeros.data(), kAny), Errno::kOk);
    }
    return map;
  }
};

uint32_t KeyAt(const std::byte* key) {
  uint32_t number;
  std::memcpy(&number, key, sizeof number);
  return number;
}

// The values that writers write: a word that says for which key, by which
// writer, and how many it wrote before.
struct Written {
  uint32_t key;
  uint32_t writer;
  uint32_t serial;

  uint64_t word() const {
    return uint64_t{key + 1} << 48 | uint64_t{writer} << 32 | serial;
  }
  static Written From(uint64_t word) {
    return {static_cast<uint32_t>(word >> 48) - 1,
            static_cast<uint32_t>(word >> 32) & 0xffff,
            static_cast<uint32_t>(word)};
  }
};

// One thread's view of what was Written. Every value that it is shown must be a
// whole one, of its own key, and no older than one that it saw before.
class Observer {
 public:
  static constexpr uint32_t kKeys = 3;
  static constexpr uint32_t kWriters = 2;

  AssertionResult Saw(uint32_t key, const void* value, std::size_t size) {
    const std::optional<uint64_t> word = WordOf(value, size);
    if (!word) return AssertionFailure() << "torn value of key " << key;
    const Written written = Written::From(*word);
    if (key >= kKeys || written.key != key || written.writer >= kWriters) {
      return AssertionFailure()
             << "key " << key << " has a value that nobody gave it: " << *word;
    }
    uint32_t& newest = newest_[key][written.writer];
    if (written.serial < newest) {
      return AssertionFailure()
             << "key " << key << " went back from " << newest << " to "
             << written.serial << " of writer " << written.writer;
    }
    newest = written.serial;
    return AssertionSuccess();
  }

 private:
  std::array<std::array<uint32_t, kWriters>, kKeys> newest_ = {};
};

// Writes many values, in every way that there is to write one.
AssertionResult WriteAll(const TestMap& map, uint32_t writer) {
  std::mt19937_64 random(RandomSeed() + writer);
  std::vector<std::byte> value(map->def().value_size);
  for (Steps steps(300'000); steps.Next();) {
    const uint32_t serial = static_cast<uint32_t>(steps.begun());
    const uint32_t key = random() % Observer::kKeys;
    FillValue(Written{key, writer, serial}.word(), &value);
    uint32_t count = 1;
    Errno error = Errno::kOk;
    switch (random() % 4) {
      case 0:
        error = map->UpdateBatch(&key, value.data(), &count);
        break;
      case 1:
        error = map->Update(&key, value.data());
        break;
      default:
        error = map.local()->UpdateElem(&key, value.data(), kAny);
    }
    if (error != Errno::kOk) {
      return AssertionFailure() << "a write failed: " << ErrnoName(error);
    }
  }
  return AssertionSuccess();
}

void ExpectWholeValues(const TestMap& map) {
  const uint32_t size = map->def().value_size;
  for (uint32_t key = 0; key < Observer::kKeys; ++key) {
    const auto value = ValueOf(Written{key, 0, 0}.word(), size);
    ASSERT_EQ(map->Update(&key, value.data()), Errno::kOk);
  }

  ThreadTeam team;
  for (uint32_t writer = 0; writer < Observer::kWriters; ++writer) {
    team.AddWorker([&, writer] { return WriteAll(map, writer); });
  }
  team.AddWatcher([&, observer = Observer()]() mutable {
    std::vector<std::byte> value(size);
    for (uint32_t key = 0; key < Observer::kKeys; ++key) {
      const Errno error = map->Lookup(&key, value.data());
      if (error != Errno::kOk) {
        return AssertionFailure() << "lookup: " << ErrnoName(error);
      }
      if (auto good = observer.Saw(key, value.data(), size); !good) return good;
    }
    return AssertionSuccess();
  });
  team.AddWatcher([&, observer = Observer()]() mutable {
    AssertionResult good = AssertionSuccess();
    const Errno error =
        WalkByBatch(*map, 2, [&](const std::byte* key, const std::byte* value) {
          if (good) good = observer.Saw(KeyAt(key), value, size);
        });
    if (!good) return good;
    if (error == Errno::kOk) return AssertionSuccess();
    return AssertionFailure() << "batch lookup: " << ErrnoName(error);
  });
  team.Run();
}

TEST_P(ConcurrencyTest, ShortValueIsNeverTornNorStale) {
  ExpectWholeValues(NewMap(Observer::kKeys, 64));
}

// Lookups from a hash map copy up to 256 bytes without a lock, and more with.
TEST_P(ConcurrencyTest, LongValueIsNeverTornNorStale) {
  ExpectWholeValues(NewMap(Observer::kKeys, 256));
}

TEST_P(ConcurrencyTest, VeryLongValueIsNeverTornNorStale) {
  ExpectWholeValues(NewMap(Observer::kKeys, 300));
}

TEST_P(ConcurrencyTest, ProgramsCountExactlyWhileUsersLook) {
  constexpr uint32_t kKeys = 5;
  const TestMap map = NewMap(kKeys, sizeof(uint64_t));
  std::atomic<uint64_t> adds{0};

  ThreadTeam team;
  for (uint64_t program = 0; program < 2; ++program) {
    team.AddWorker([&, program] {
      std::mt19937_64 random(RandomSeed() + program);
      for (Steps steps(300'000); steps.Next();) {
        const uint32_t key = random() % kKeys;
        void* const sum = map.local()->LookupElem(&key);
        if (sum == nullptr) return AssertionFailure() << "no key " << key;
        __atomic_fetch_add(static_cast<uint64_t*>(sum), 1, __ATOMIC_RELAXED);
        adds.fetch_add(1, std::memory_order_relaxed);
      }
      return AssertionSuccess();
    });
  }
  const auto look = [&](std::array<uint64_t, kKeys>& sums, uint32_t key,
                        uint64_t sum) {
    if (sum < sums[key]) {
      return AssertionFailure()
             << "key " << key << " went from " << sums[key] << " to " << sum;
    }
    sums[key] = sum;
    return AssertionSuccess();
  };
  team.AddWatcher([&, sums = std::array<uint64_t, kKeys>()]() mutable {
    AssertionResult good = AssertionSuccess();
    const Errno walk = WalkByNextKey(*map, [&](const std::byte* key) {
      uint64_t sum;
      const Errno error = map->Lookup(key, &sum);
      if (error == Errno::kOk && good) good = look(sums, KeyAt(key), sum);
      if (error != Errno::kOk) good = AssertionFailure() << ErrnoName(error);
    });
    if (walk != Errno::kOk) return AssertionFailure() << ErrnoName(walk);
    return good;
  });
  team.AddWatcher([&, sums = std::array<uint64_t, kKeys>()]() mutable {
    AssertionResult good = AssertionSuccess();
    const Errno walk =
        WalkByBatch(*map, 2, [&](const std::byte* key, const std::byte* value) {
          uint64_t sum;
          std::memcpy(&sum, value, sizeof sum);
          if (good) good = look(sums, KeyAt(key), sum);
        });
    if (walk != Errno::kOk) return AssertionFailure() << ErrnoName(walk);
    return good;
  });
  team.Run();

  uint64_t total = 0;
  for (uint32_t key = 0; key < kKeys; ++key) {
    uint64_t sum = 0;
    EXPECT_EQ(map->Lookup(&key, &sum), Errno::kOk);
    total += sum;
  }
  EXPECT_EQ(total, adds);
}

// Every user command that writes to a map with the keys 0 to kKeys - 1; all of
// them change it, if they have the right.
class UserWriter {
 public:
  static constexpr uint32_t kKeys = 32;

  UserWriter(BpfMap& map, uint32_t number) : map_(map), number_(number) {
    for (uint32_t key = 0; key < kKeys; ++key) keys_[key] = key;
  }

  // Carries out one command. Returns its error, except that keys which another
  // writer took away are no error.
  Errno Write() {
    const uint32_t key = serial_ % kKeys;
    values_.fill(uint64_t{++serial_} << 8 | number_);
    uint64_t value;
    uint32_t count = kKeys;
    uint32_t position;
    Errno error = Errno::kOk;
    switch (serial_ % (map_.def().type == MapType::kHash ? 7 : 3)) {
      case 0:
        return map_.UpdateBatch(keys_.data(), values_.data(), &count);
      case 1:
      case 2:
        return map_.Update(&key, values_.data());
      case 3:
        error = map_.Delete(&key);
        break;
      case 4:
        error = map_.LookupAndDelete(&key, &value);
        break;
      case 5:
        error = map_.DeleteBatch(keys_.data(), &count);
        break;
      default:
        error = map_.LookupAndDeleteBatch(
            nullptr, &position, taken_keys_.data(), values_.data(), &count);
    }
    return error == Errno::kNoEnt ? Errno::kOk : error;
  }

 private:
  BpfMap& map_;
  const uint32_t number_;
  uint32_t serial_ = 0;
  std::array<uint32_t, kKeys> keys_;
  std::array<uint32_t, kKeys + 1> taken_keys_;
  std::array<uint64_t, kKeys + 1> values_;
};

// The elements of the keys that UserWriters write to.
std::map<uint32_t, uint64_t> Snapshot(BpfMap& map) {
  std::map<uint32_t, uint64_t> elements;
  EXPECT_EQ(WalkByBatch(map, UserWriter::kKeys,
                        [&](const std::byte* key, const std::byte* value) {
                          if (KeyAt(key) >= UserWriter::kKeys) return;
                          std::memcpy(&elements[KeyAt(key)], value,
                                      sizeof(uint64_t));
                        }),
            Errno::kOk);
  return elements;
}

TEST_P(ConcurrencyTest, NothingChangesOnceFreezeHasReturned) {
  constexpr int kRounds = 12;
  constexpr int kWritesBefore = 50;  // of each writer
  constexpr int kTriesAfter = 20;    // of each writer
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    // Programs keep the last key for themselves.
    constexpr uint32_t kProgramKey = UserWriter::kKeys;
    const TestMap map = NewMap(UserWriter::kKeys + 1, sizeof(uint64_t));
    std::atomic<int> ready{0};
    ThreadTeam team;
    for (uint32_t number = 0; number < 2; ++number) {
      team.AddWorker([&, number] {
        UserWriter writer(*map, number);
        int writes = 0;
        Errno error = Errno::kOk;
        for (; error == Errno::kOk; ++writes) {
          if (writes == kWritesBefore) ++ready;
          error = writer.Write();
        }
        for (int i = 0; i < kTriesAfter && error == Errno::kPerm; ++i) {
          error = writer.Write();
        }
        if (error != Errno::kPerm) {
          return AssertionFailure() << "a user's write: " << ErrnoName(error);
        }
        const uint64_t value = number;
        error = map.local()->UpdateElem(&kProgramKey, &value, kAny);
        if (error == Errno::kOk) return AssertionSuccess();
        return AssertionFailure() << "a program's: " << ErrnoName(error);
      });
    }
    std::map<uint32_t, uint64_t> at_freeze;
    team.AddWorker([&] {
      while (ready.load(std::memory_order_relaxed) < 2 && !team.failed()) {
        std::this_thread::yield();
      }
      const Errno error = map->Freeze();
      at_freeze = Snapshot(*map);
      if (error == Errno::kOk) return AssertionSuccess();
      return AssertionFailure() << "freeze: " << ErrnoName(error);
    });
    team.Run();
    EXPECT_EQ(Snapshot(*map), at_freeze) << "round " << round;
  }
}

// A value that holds a lock, and next to it three numbers that are the same
// number except while somebody holds the lock.
class LockedValue {
 public:
  static constexpr uint32_t kSize = 24;

  // `lock_offset` is where the lock is. The other half of its 8 bytes holds the
  // small number, the other two 8 bytes the large ones.
  explicit LockedValue(uint32_t lock_offset) : lock_offset_(lock_offset) {}

  void Set(std::byte* value, uint32_t number) const {
    Set(value, number, [] {});
  }
  // Calls `halfway` between the numbers.
  template <typename Halfway>
  void Set(std::byte* value, uint32_t number, Halfway halfway) const {
    *reinterpret_cast<uint64_t*>(value + large(0)) = number;
    halfway();
    std::memcpy(value + small(), &number, sizeof number);
    *reinterpret_cast<uint64_t*>(value + large(1)) = number;
  }

  // None if the numbers differ.
  std::optional<uint32_t> Get(const std::byte* value) const {
    uint32_t number;
    std::memcpy(&number, value + small(), sizeof number);
    for (int i = 0; i < 2; ++i) {
      if (*reinterpret_cast<const uint64_t*>(value + large(i)) != number) {
        return std::nullopt;
      }
    }
    return number;
  }

  // Get() for a value that was copied out: its lock reads as 0.
  AssertionResult Check(const std::byte* value) const {
    uint32_t lock;
    std::memcpy(&lock, value + lock_offset_, sizeof lock);
    if (lock != 0) return AssertionFailure() << "the lock reads as " << lock;
    if (Get(value)) return AssertionSuccess();
    return AssertionFailure() << "a value that was half done";
  }

 private:
  uint32_t small() const { return lock_offset_ ^ 4; }
  uint32_t large(int i) const {
    return (lock_offset_ / 8 * 8 + 8 * (i + 1)) % kSize;
  }

  const uint32_t lock_offset_;
};

// Programs and users change values under their locks, the programs with plain
// loads and stores, and now and then slowly.
void ExpectPairsUnderLock(const TestMap& map, uint32_t keys) {
  constexpr uint64_t kSteps = 50'000;
  const uint32_t lock_offset = map->def().spin_lock_offset;
  const LockedValue layout(lock_offset);

  ThreadTeam team;
  for (uint32_t program = 0; program < 2; ++program) {
    team.AddWorker([&, program] {
      for (Steps steps(kSteps); steps.Next();) {
        const uint32_t i = static_cast<uint32_t>(steps.begun());
        const uint32_t key = i % keys;
        auto* const value =
            static_cast<std::byte*>(map.local()->LookupElem(&key));
        if (value == nullptr) return AssertionFailure() << "no key " << key;
        SpinLock(value + lock_offset);
        const bool good = layout.Get(value).has_value();
        layout.Set(value, i * 4 + program, [&] {
          if (i % 512 == 0) std::this_thread::yield();
        });
        SpinUnlock(value + lock_offset);
        if (!good) return AssertionFailure() << "a program saw half a value";
      }
      return AssertionSuccess();
    });
  }
  team.AddWorker([&] {
    alignas(8) std::byte value[LockedValue::kSize] = {};
    for (Steps steps(kSteps); steps.Next();) {
      const uint32_t i = static_cast<uint32_t>(steps.begun());
      const uint32_t key = i % keys;
      uint32_t count = 1;
      layout.Set(value, i * 4 + 2);
      const Errno error =
          i % 3 == 0
              ? map->UpdateBatch(&key, value, &count, {.elem_flags = kLock})
              : map->Update(&key, value, i % 3 == 1 ? kLock : kLock | kExist);
      if (error != Errno::kOk) {
        return AssertionFailure() << "a user's update: " << ErrnoName(error);
      }
    }
    return AssertionSuccess();
  });
  team.AddWatcher([&] {
    AssertionResult good = AssertionSuccess();
    for (uint32_t key = 0; key < keys && good; ++key) {
      alignas(8) std::byte value[LockedValue::kSize];
      const Errno error = map->Lookup(&key, value, kLock);
      if (error != Errno::kOk) return AssertionFailure() << ErrnoName(error);
      good = layout.Check(value);
    }
    const Errno error =
        WalkByBatch(*map, keys,
                    [&](const std::byte*, const std::byte* value) {
                      if (good) good = layout.Check(value);
                    },
                    {.elem_flags = kLock});
    if (error != Errno::kOk) return AssertionFailure() << ErrnoName(error);
    return good;
  });
  team.Run();
}

TEST_P(ConcurrencyTest, ValueBehindItsLockIsNeverSeenHalfDone) {
  ExpectPairsUnderLock(NewMap(2, LockedValue::kSize, /*spin_lock_offset=*/0),
                       2);
}

TEST_P(ConcurrencyTest, ValueAroundItsLockIsNeverSeenHalfDone) {
  ExpectPairsUnderLock(NewMap(2, LockedValue::kSize, /*spin_lock_offset=*/12),
                       2);
}

INSTANTIATE_TEST_SUITE_P(
    , ConcurrencyTest,
    testing::Combine(testing::ValuesIn(LocalBackends()),
                     testing::Values(MapType::kArray, MapType::kHash)),
    [](const testing::TestParamInfo<ConcurrencyTest::ParamType>& info) {
      const bool is_hash = std::get<MapType>(info.param) == MapType::kHash;
      return std::get<Backend>(info.param).name +
             (is_hash ? "_hash" : "_array");
    });

}  // namespace
}  // namespace bpfmap
