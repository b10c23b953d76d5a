// SPDX-License-Identifier: Apache-2.0

// Providers that come and go while maps of theirs are created, used and
// destroyed: no notification is lost, none comes too late.
//
// Providers keep plain numbers, so under ThreadSanitizer these tests also say
// which notifications never meet.
//
// Flag: --seed=N (printed by every run).

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/custom_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_provider.h"
#include "bpfmap/maps/map_providers.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/heap.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"
#include "tests/support/test_providers.h"
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

using testing::AssertionFailure;
using testing::AssertionResult;
using testing::AssertionSuccess;

constexpr MapDef kDef = {.type = ObjectProvider::kType,
                         .key_size = 4,
                         .value_size = 4,
                         .max_entries = 4};

// Updates, looks up and deletes.
AssertionResult Use(BpfMap& map, std::mt19937_64& random) {
  const uint32_t key = random() % 6;
  uint32_t value = ObjectProvider::HandleOf(random() % 9), next;
  Errno error = Errno::kOk;
  switch (random() % 4) {
    case 0:
      error = map.Update(&key, &value);
      break;
    case 1:
      error = map.Delete(&key);
      break;
    case 2:
      error = map.GetNextKey(&key, &next);
      break;
    case 3:
      error = map.Lookup(&key, &value);
      if (error == Errno::kOk && (value < 1000 || value > 1007)) {
        return AssertionFailure() << value << " was never put in";
      }
      break;
  }
  const bool expected = error == Errno::kOk || error == Errno::kNoEnt ||
                        error == Errno::k2Big || error == Errno::kBadF;
  return expected ? AssertionSuccess() : AssertionFailure() << ErrnoName(error);
}

// Two threads create, use and destroy maps, each its own, while a third takes
// the provider out of the registry and, if it may, destroys it and brings
// another one.
TEST(CustomMapConcurrencyTest, ProviderLeavesOnlyBetweenItsMaps) {
  MapProviders<Cloud> providers;
  Heap memory;
  std::atomic<int> created{0};
  ThreadTeam team;
  for (int worker = 0; worker < 2; ++worker) {
    team.AddWorker([&, worker]() -> AssertionResult {
      std::mt19937_64 random(RandomSeed() + worker);
      for (Steps steps(50'000); steps.Next();) {
        CustomMap<Cloud> map(kDef, &memory, &providers);
        const Errno error = map.Init();
        if (error == Errno::kInval) continue;
        if (error != Errno::kOk) return AssertionFailure() << ErrnoName(error);
        created.fetch_add(1, std::memory_order_relaxed);
        for (int i = random() % 8; i > 0; --i) {
          const AssertionResult used = Use(map, random);
          if (!used) return used;
        }
      }
      return AssertionSuccess();
    });
  }
  int removed = 0;
  int created_before = 0;  // a provider stays for one map at least
  auto provider = std::make_unique<ObjectProvider>();
  ASSERT_EQ(providers.Add(provider.get()), Errno::kOk);
  team.AddWatcher([&]() -> AssertionResult {
    const int created_now = created.load(std::memory_order_relaxed);
    if (created_now == created_before) return AssertionSuccess();
    const Errno error = providers.Remove(provider.get());
    if (error == Errno::kBusy) return AssertionSuccess();
    if (error != Errno::kOk) return AssertionFailure() << ErrnoName(error);
    ++removed;
    created_before = created_now;
    if (provider->leaked) return AssertionFailure() << "not released once";
    provider = std::make_unique<ObjectProvider>();
    return providers.Add(provider.get()) == Errno::kOk
               ? AssertionSuccess()
               : AssertionFailure() << "cannot be added";
  });
  team.Run();
  EXPECT_GT(created, 0);
  EXPECT_GT(removed, 0);
  EXPECT_EQ(providers.Remove(provider.get()), Errno::kOk);
}

// Several threads use one map, and the provider one of its own.
TEST(CustomMapConcurrencyTest, ProviderNeverSeesRemovedValue) {
  MapProviders<Cloud> providers;
  Heap memory;
  ObjectProvider provider;
  ASSERT_EQ(providers.Add(&provider), Errno::kOk);
  ProvidedMap* provided = nullptr;
  {
    CustomMap<Cloud> map(kDef, &memory, &providers);
    ASSERT_EQ(map.Init(), Errno::kOk);
    provided = provider.map;
    ThreadTeam team;
    for (int worker = 0; worker < 3; ++worker) {
      team.AddWorker([&, worker]() -> AssertionResult {
        std::mt19937_64 random(RandomSeed() + worker);
        for (Steps steps(30'000); steps.Next();) {
          const AssertionResult used = Use(map, random);
          if (!used) return used;
        }
        return AssertionSuccess();
      });
    }
    team.AddWatcher([&]() -> AssertionResult {
      const uint32_t key = 1;
      ObjectProvider::Object* object = nullptr;
      ReaderLock lock(*provided);
      if (!provided->ReadStored(&key, &object)) return AssertionSuccess();
      return object->is_alive() ? AssertionSuccess()
                                : AssertionFailure() << "it has left";
    });
    team.Run();
  }
  EXPECT_EQ(provider.destructions, 1);
  EXPECT_FALSE(provider.leaked);
  EXPECT_EQ(providers.Remove(&provider), Errno::kOk);
}

}  // namespace
}  // namespace bpfmap
