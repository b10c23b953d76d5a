// SPDX-License-Identifier: Apache-2.0

// The contract of custom maps: what their provider is told, what it may refuse,
// and that a provider which takes everything leaves a hash map.

#include "bpfmap/maps/custom_map.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_provider.h"
#include "bpfmap/maps/map_providers.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"
#include "tests/support/test_providers.h"

namespace bpfmap {
namespace {

constexpr MapDef DefOf(MapType type) {
  return {.type = type, .key_size = 4, .value_size = 4, .max_entries = 4};
}

template <typename P>
class CustomMapTest : public ::testing::Test {
 protected:
  CustomMapTest() {
    EXPECT_EQ(providers_.Add(&objects_), Errno::kOk);
    EXPECT_EQ(providers_.Add(&watch_), Errno::kOk);
  }
  ~CustomMapTest() override {
    EXPECT_EQ(providers_.Remove(&objects_), Errno::kOk);
    EXPECT_EQ(providers_.Remove(&watch_), Errno::kOk);
    EXPECT_FALSE(objects_.leaked);
  }

  Errno Create(const MapDef& def, std::optional<CustomMap<P>>* map) {
    return map->emplace(def, memory_.get(), &providers_).Init();
  }

  std::unique_ptr<typename P::Memory> memory_ =
      std::make_unique<typename P::Memory>();
  MapProviders<P> providers_;
  ObjectProvider objects_;
  WatchProvider watch_;
};
using Profiles = ::testing::Types<Cloud, Embedded>;
TYPED_TEST_SUITE(CustomMapTest, Profiles);

// The number at `key`, as user space sees it.
uint32_t ValueOf(BpfMap& map, uint32_t key) {
  uint32_t value = 0;
  EXPECT_EQ(map.Lookup(&key, &value), Errno::kOk);
  return value;
}
Errno Put(BpfMap& map, uint32_t key, uint32_t value, ElemFlags flags = kAny) {
  return map.Update(&key, &value, flags);
}
Errno Delete(BpfMap& map, uint32_t key) { return map.Delete(&key); }

TYPED_TEST(CustomMapTest, TypeWithoutProviderDoesNotExist) {
  std::optional<CustomMap<TypeParam>> map;
  EXPECT_EQ(this->Create(DefOf(MapType{4097}), &map), Errno::kInval);
  EXPECT_STREQ(map->reason(),
               "the type has no provider: see maps/map_provider.h");
  // Before its sizes are looked at.
  MapDef def = DefOf(MapType{4097});
  def.value_size = 8 << 20;
  EXPECT_EQ(this->Create(def, &map), Errno::kInval);
}

TYPED_TEST(CustomMapTest, TypeHasOneProviderAndIsCustomOne) {
  WatchProvider other, hash(MapType::kHash), last(MapType{4095});
  EXPECT_EQ(this->providers_.Add(&other), Errno::kExist);
  EXPECT_EQ(this->providers_.Add(&hash), Errno::kInval);
  EXPECT_EQ(this->providers_.Add(&last), Errno::kInval);
  EXPECT_EQ(this->providers_.Remove(&other), Errno::kNoEnt);

  EXPECT_EQ(this->providers_.Remove(&this->watch_), Errno::kOk);
  EXPECT_EQ(this->providers_.Remove(&this->watch_), Errno::kNoEnt);
  EXPECT_EQ(this->providers_.Add(&other), Errno::kOk);
  EXPECT_EQ(this->providers_.Remove(&other), Errno::kOk);
  EXPECT_EQ(this->providers_.Add(&this->watch_), Errno::kOk);
}

TYPED_TEST(CustomMapTest, ProviderRefusesSizes) {
  std::optional<CustomMap<TypeParam>> map;
  MapDef def = DefOf(ObjectProvider::kType);
  def.max_entries = 9;
  EXPECT_EQ(this->Create(def, &map), Errno::k2Big);
  EXPECT_STREQ(map->reason(), "max_entries must be 8 or less");
  def.value_size = 8;
  EXPECT_EQ(this->Create(def, &map), Errno::kInval);
  map.reset();
  EXPECT_EQ(this->objects_.destructions, 0);  // there was no map
}

TYPED_TEST(CustomMapTest, ProviderIsNotAskedAboutDefinitionsOfNoHashMap) {
  std::optional<CustomMap<TypeParam>> map;
  const auto expect = [&](Errno error, auto change) {
    MapDef def = DefOf(ObjectProvider::kType);
    change(def);
    EXPECT_EQ(this->Create(def, &map), error);
    EXPECT_EQ(CheckDef<TypeParam>(def).error, error);
  };
  expect(Errno::kInval, [](MapDef& def) { def.key_size = 0; });
  expect(Errno::kInval, [](MapDef& def) { def.max_entries = 0; });
  expect(Errno::kInval, [](MapDef& def) { def.map_flags = kMmapable; });
  expect(Errno::kInval, [](MapDef& def) { def.map_extra = 1; });
  expect(Errno::kInval, [](MapDef& def) { def.name[0] = '-'; });
  expect(Errno::k2Big, [](MapDef& def) { def.value_size = 8 << 20; });
  expect(Errno::kOpNotSupp, [](MapDef& def) { def.spin_lock_offset = 0; });
  EXPECT_EQ(this->objects_.creations, 0);
}

TYPED_TEST(CustomMapTest, StoredValueHasOtherSizeOnlyIfConverted) {
  std::optional<CustomMap<TypeParam>> map;
  this->watch_.extra_bytes = 1;
  EXPECT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kInval);
  this->watch_.extra_bytes = 8 << 20;
  EXPECT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kInval);
}

TYPED_TEST(CustomMapTest, MemoryNeededIsWhatInitTakes) {
  if constexpr (std::is_same_v<TypeParam, Embedded>) {
    const MapDef def = DefOf(ObjectProvider::kType);
    std::optional<CustomMap<TypeParam>> map;
    const uint64_t before = this->memory_->remaining();
    ASSERT_EQ(this->Create(def, &map), Errno::kOk);
    EXPECT_EQ(before - this->memory_->remaining(),
              CustomMap<TypeParam>::MemoryNeeded(def, sizeof(void*)));
  }
}

TYPED_TEST(CustomMapTest, WithoutMemoryMapOfProviderEnds) {
  if constexpr (std::is_same_v<TypeParam, Embedded>) {
    const MapDef def = DefOf(ObjectProvider::kType);
    std::optional<CustomMap<TypeParam>> map;
    while (this->memory_->remaining() >= 16) this->memory_->Allocate(16, 8);
    EXPECT_EQ(this->Create(def, &map), Errno::kNoMem);
    map.reset();
    EXPECT_EQ(this->objects_.creations, 1);
    EXPECT_EQ(this->objects_.destructions, 1);
  }
}

TYPED_TEST(CustomMapTest, ValuesAreStoredInAnotherForm) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(ObjectProvider::kType), &map), Errno::kOk);
  EXPECT_EQ(Put(*map, 1, ObjectProvider::HandleOf(3)), Errno::kOk);
  EXPECT_EQ(Put(*map, 2, ObjectProvider::HandleOf(3)), Errno::kOk);
  EXPECT_EQ(ValueOf(*map, 1), ObjectProvider::HandleOf(3));

  uint32_t position, keys[4], values[4], count = 4;
  EXPECT_EQ(map->LookupBatch(nullptr, &position, keys, values, &count),
            Errno::kNoEnt);
  EXPECT_EQ(count, 2u);
  EXPECT_EQ(values[1], ObjectProvider::HandleOf(3));
}

TYPED_TEST(CustomMapTest, ElementComesAndLeavesOnce) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kOk);
  for (uint32_t key = 0; key < 4; ++key) {
    EXPECT_EQ(Put(*map, key, key), Errno::kOk);
  }
  EXPECT_EQ(Put(*map, 1, 10), Errno::kOk);
  EXPECT_EQ(Delete(*map, 2), Errno::kOk);
  uint32_t key = 3, value = 0;
  EXPECT_EQ(map->LookupAndDelete(&key, &value), Errno::kOk);
  EXPECT_EQ(value, 3u);
  const auto& left = this->watch_.left;
  EXPECT_EQ(left[static_cast<int>(MapProvider::Leaves::kReplaced)], 1);
  EXPECT_EQ(left[static_cast<int>(MapProvider::Leaves::kDeleted)], 2);
  EXPECT_EQ(left[static_cast<int>(MapProvider::Leaves::kDestroyed)], 0);
  map.reset();
  EXPECT_EQ(left[static_cast<int>(MapProvider::Leaves::kDestroyed)], 2);
  EXPECT_EQ(this->watch_.updates, 5);
}

TYPED_TEST(CustomMapTest, FlagsAndRoomAreCheckedBeforeProviderIsTold) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kOk);
  for (uint32_t key = 0; key < 4; ++key) {
    ASSERT_EQ(Put(*map, key, key), Errno::kOk);
  }
  EXPECT_EQ(Put(*map, 1, 10, kNoExist), Errno::kExist);
  EXPECT_EQ(Put(*map, 4, 10, kExist), Errno::kNoEnt);
  EXPECT_EQ(Put(*map, 4, 10), Errno::k2Big);
  EXPECT_EQ(Put(*map, 1, 10, ElemFlags{3}), Errno::kInval);
  EXPECT_EQ(Put(*map, 1, 10, kLock), Errno::kInval);
  EXPECT_EQ(Delete(*map, 5), Errno::kNoEnt);
  EXPECT_EQ(map->Freeze(), Errno::kOk);
  EXPECT_EQ(Put(*map, 1, 10), Errno::kPerm);
  EXPECT_EQ(Delete(*map, 1), Errno::kPerm);
  EXPECT_EQ(this->watch_.updates, 4);
  EXPECT_EQ(this->watch_.left[0], 0);
}

TYPED_TEST(CustomMapTest, UpdateThatProviderRefusesChangesNothing) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(ObjectProvider::kType), &map), Errno::kOk);
  ASSERT_EQ(Put(*map, 1, ObjectProvider::HandleOf(3)), Errno::kOk);
  EXPECT_EQ(Put(*map, 1, 5), Errno::kBadF);
  EXPECT_EQ(Put(*map, 2, 5), Errno::kBadF);
  EXPECT_EQ(ValueOf(*map, 1), ObjectProvider::HandleOf(3));
  uint32_t keys[] = {4, 5, 6}, count = 3;
  const uint32_t values[] = {ObjectProvider::HandleOf(1), 5, 6};
  EXPECT_EQ(map->UpdateBatch(keys, values, &count), Errno::kBadF);
  EXPECT_EQ(count, 1u);
}

TYPED_TEST(CustomMapTest, ProviderRewritesValuesInBothViews) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kOk);
  const uint32_t key = 2, value = 5000;
  EXPECT_EQ(Put(*map, 1, 100'000), Errno::kOk);
  EXPECT_EQ(map->UpdateElem(&key, &value, kAny), Errno::kOk);
  EXPECT_EQ(ValueOf(*map, 1), WatchProvider::kLargest);
  EXPECT_EQ(ValueOf(*map, 2), WatchProvider::kLargest);
  const void* const stored = map->LookupElem(&key);
  ASSERT_NE(stored, nullptr);
  EXPECT_EQ(WatchProvider::NumberAt(stored), WatchProvider::kLargest);
  EXPECT_FALSE(this->watch_.found_a_buffer);
}

TYPED_TEST(CustomMapTest, LookupThatProviderRefuses) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kOk);
  const uint32_t key = WatchProvider::kHidden;
  uint32_t value = 77;
  ASSERT_EQ(Put(*map, key, 1), Errno::kOk);
  EXPECT_EQ(map->Lookup(&key, &value), Errno::kAgain);
  EXPECT_EQ(map->LookupAndDelete(&key, &value), Errno::kAgain);
  EXPECT_EQ(map->LookupElem(&key), nullptr);
  EXPECT_EQ(value, 77u);
  EXPECT_EQ(this->watch_.left[0], 0);
}

TYPED_TEST(CustomMapTest, ProviderVetoesDelete) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kOk);
  const uint32_t keys[] = {1, WatchProvider::kPinned, 2}, pinned = keys[1];
  uint32_t value, count = 3;
  ASSERT_EQ(map->UpdateBatch(keys, keys, &count), Errno::kOk);
  EXPECT_EQ(Delete(*map, pinned), Errno::kBusy);
  EXPECT_EQ(map->DeleteElem(&pinned), Errno::kBusy);
  EXPECT_EQ(map->LookupAndDelete(&pinned, &value), Errno::kBusy);
  EXPECT_EQ(map->LookupAndDelete(&pinned, nullptr), Errno::kBusy);
  EXPECT_EQ(map->DeleteBatch(keys, &count), Errno::kBusy);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(ValueOf(*map, pinned), pinned);

  // A replaced value leaves, whatever the provider says.
  EXPECT_EQ(Put(*map, pinned, 50), Errno::kOk);
  EXPECT_EQ(ValueOf(*map, pinned), 50u);
}

TYPED_TEST(CustomMapTest, KeyIsGoneIfThereIsNoBufferForItsValue) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(ObjectProvider::kType), &map), Errno::kOk);
  ASSERT_EQ(Put(*map, 1, ObjectProvider::HandleOf(3)), Errno::kOk);
  const uint32_t key = 1;
  EXPECT_EQ(map->Lookup(&key, nullptr), Errno::kFault);
  EXPECT_EQ(map->LookupAndDelete(&key, nullptr), Errno::kFault);
  EXPECT_EQ(map->LookupAndDelete(&key, nullptr), Errno::kNoEnt);
}

TYPED_TEST(CustomMapTest, WalksAreToldWithKeysAndValues) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kOk);
  for (const uint32_t key : {1, 2, 3}) ASSERT_EQ(Put(*map, key, 1), Errno::kOk);
  uint32_t key;
  const void* from = nullptr;
  for (; map->GetNextKey(from, &key) == Errno::kOk; from = &key) {
  }
  EXPECT_EQ(this->watch_.walked, 3);
  EXPECT_EQ(this->watch_.sum, 6003u);
  EXPECT_EQ(map->GetNextKey(nullptr, nullptr), Errno::kFault);
  EXPECT_EQ(this->watch_.walked, 3);

  uint32_t position, keys[2], values[2], count = 2, shown = 0;
  EXPECT_EQ(map->LookupBatch(nullptr, &position, keys, values, &count),
            Errno::kOk);
  shown += count;
  EXPECT_EQ(map->LookupBatch(&position, &position, keys, values, &count),
            Errno::kNoEnt);
  shown += count;
  EXPECT_EQ(shown, 3u);
  EXPECT_EQ(this->watch_.walked, 6);
}

TYPED_TEST(CustomMapTest, BatchTakesElementsUntilProviderVetoesOne) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kOk);
  for (const uint32_t key : {1, 2, 3}) ASSERT_EQ(Put(*map, key, 7), Errno::kOk);
  uint32_t position, keys[2], values[2], count = 2;
  EXPECT_EQ(map->LookupAndDeleteBatch(nullptr, &position, keys, values, &count),
            Errno::kOk);
  EXPECT_EQ(count, 2u);
  EXPECT_EQ(values[1], 7u);
  EXPECT_EQ(this->watch_.left[0], 2);
  // The position is a key that has gone: the batch starts again.
  EXPECT_EQ(
      map->LookupAndDeleteBatch(&position, &position, keys, values, &count),
      Errno::kNoEnt);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(this->watch_.left[0], 3);

  ASSERT_EQ(Put(*map, WatchProvider::kPinned, 8), Errno::kOk);
  count = 2;
  EXPECT_EQ(map->LookupAndDeleteBatch(nullptr, &position, keys, values, &count),
            Errno::kBusy);
  EXPECT_EQ(count, 0u);
  EXPECT_EQ(ValueOf(*map, WatchProvider::kPinned), 8u);

  ASSERT_EQ(map->Freeze(), Errno::kOk);
  EXPECT_EQ(map->LookupAndDeleteBatch(nullptr, &position, keys, values, &count),
            Errno::kPerm);
}

TYPED_TEST(CustomMapTest, ProgramsWalkOverWhatProviderShows) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kOk);
  const uint32_t keys[] = {1, WatchProvider::kHidden, 2};
  for (const uint32_t key : keys) ASSERT_EQ(Put(*map, key, key), Errno::kOk);
  uint32_t sum = 0;
  const auto add_and_delete = [&](const void* key, void* value) {
    uint32_t of_elem;
    std::memcpy(&of_elem, value, sizeof of_elem);
    sum += of_elem;
    EXPECT_EQ(map->DeleteElem(key), Errno::kOk);
    return 0;
  };
  EXPECT_EQ(map->ForEachElem(add_and_delete, 0), 2);
  EXPECT_EQ(sum, 3u);
  EXPECT_EQ(this->watch_.left[0], 2);
  EXPECT_EQ(map->ForEachElem(add_and_delete, 1),
            -static_cast<int64_t>(Errno::kInval));
}

TYPED_TEST(CustomMapTest, ProgramsHaveNoAccessToWhatIsConverted) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(ObjectProvider::kType), &map), Errno::kOk);
  const uint32_t key = 1, value = ObjectProvider::HandleOf(1);
  ASSERT_EQ(Put(*map, key, value), Errno::kOk);
  EXPECT_EQ(map->LookupElem(&key), nullptr);
  EXPECT_EQ(map->UpdateElem(&key, &value, kAny), Errno::kAcces);
  EXPECT_EQ(map->DeleteElem(&key), Errno::kAcces);
  EXPECT_EQ(map->ForEachElem([](const void*, void*) { return 0; }, 0),
            -static_cast<int64_t>(Errno::kNotSupp));
}

TYPED_TEST(CustomMapTest, ProviderRefusesPrograms) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kOk);
  EXPECT_EQ(map->AssociateProgram(WatchProvider::kProgramType), Errno::kOk);
  EXPECT_EQ(map->AssociateProgram(2), Errno::kInval);
}

TYPED_TEST(CustomMapTest, ProviderReadsElements) {
  std::optional<CustomMap<TypeParam>> map;
  ASSERT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kOk);
  ASSERT_EQ(Put(*map, 1, 11), Errno::kOk);
  const uint32_t present = 1, absent = 2;
  uint32_t stored = 0;
  ProvidedMap& provided = *this->watch_.map;
  EXPECT_EQ(provided.def(), map->def());
  ReaderLock lock(provided);
  EXPECT_TRUE(provided.ReadStored(&present, &stored));
  EXPECT_EQ(stored, 11u);
  EXPECT_FALSE(provided.ReadStored(&absent, &stored));
}

TYPED_TEST(CustomMapTest, ProviderWithMapCannotLeave) {
  std::optional<CustomMap<TypeParam>> map, other;
  ASSERT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kOk);
  ASSERT_EQ(this->Create(DefOf(WatchProvider::kType), &other), Errno::kOk);
  EXPECT_EQ(this->providers_.Remove(&this->watch_), Errno::kBusy);
  EXPECT_EQ(Put(*map, 1, 11), Errno::kOk);  // nothing has changed
  map.reset();
  EXPECT_EQ(this->providers_.Remove(&this->watch_), Errno::kBusy);
  other.reset();
  EXPECT_EQ(this->providers_.Remove(&this->watch_), Errno::kOk);
  EXPECT_EQ(this->Create(DefOf(WatchProvider::kType), &map), Errno::kInval);
  EXPECT_EQ(this->providers_.Add(&this->watch_), Errno::kOk);
}

// While it is asked, creates a map of another type, and tries to leave.
template <typename P>
class BusyProvider final : public MapProvider {
 public:
  BusyProvider(typename P::Memory* memory, MapProviders<P>* providers)
      : MapProvider(MapType{5000}), memory_(*memory), providers_(*providers) {}
  DefError OnCreate(ProvidedMap&, Storage*) override {
    EXPECT_EQ(providers_.Remove(this), Errno::kBusy);
    CustomMap<P> inner(DefOf(WatchProvider::kType), &memory_, &providers_);
    return {inner.Init(), ""};
  }
  void OnDestroy(ProvidedMap&) override {
    EXPECT_EQ(providers_.Remove(this), Errno::kBusy);
  }

 private:
  typename P::Memory& memory_;
  MapProviders<P>& providers_;
};

TYPED_TEST(CustomMapTest, NotificationMayUseRegistry) {
  BusyProvider<TypeParam> busy(this->memory_.get(), &this->providers_);
  ASSERT_EQ(this->providers_.Add(&busy), Errno::kOk);
  std::optional<CustomMap<TypeParam>> map;
  EXPECT_EQ(this->Create(DefOf(busy.type()), &map), Errno::kOk);
  map.reset();
  EXPECT_EQ(this->providers_.Remove(&busy), Errno::kOk);
}

// Both maps do the same, so that also their walks have the same order.
TYPED_TEST(CustomMapTest, WithProviderThatTakesEverythingItIsHashMap) {
  PlainProvider plain;
  ASSERT_EQ(this->providers_.Add(&plain), Errno::kOk);
  std::mt19937_64 random(RandomSeed());
  for (const MapFlags flags : {MapFlags{}, kRdOnlyProg, kNoPrealloc, kWrOnly}) {
    MapDef def = {.type = MapType::kHash,
                  .key_size = 5,
                  .value_size = 12,
                  .max_entries = 6,
                  .map_flags = flags | kZeroSeed};
    HashMap<TypeParam> hash(def, this->memory_.get());
    ASSERT_EQ(hash.Init(), Errno::kOk);
    def.type = plain.type();
    std::optional<CustomMap<TypeParam>> custom;
    ASSERT_EQ(this->Create(def, &custom), Errno::kOk);
    LocalMap* const maps[] = {&hash, &*custom};
    EXPECT_EQ(custom->def(), def);

    for (int step = 0; step < 20'000; ++step) {
      const uint64_t dice = random();
      const auto one_in = [&](int n) { return random() % n == 0; };
      unsigned char key[3 * 5] = {}, value[3 * 12];
      for (int i = 0; i < 3; ++i) key[5 * i] = random() % 10;
      for (unsigned char& byte : value) byte = random();
      const void* const k = one_in(50) ? nullptr : key;
      const bool has_value = !one_in(50);
      const ElemFlags update_flags = ElemFlags{one_in(4) ? random() % 6 : 0};
      struct Answer {
        Errno error = Errno::kOk;
        unsigned char bytes[36] = {};
        uint32_t count = 0;
        bool operator==(const Answer&) const = default;
      } answers[2];
      for (int i = 0; i < 2; ++i) {
        LocalMap& map = *maps[i];
        auto& [error, bytes, count] = answers[i];
        void* const to = has_value ? bytes : nullptr;
        const void* const v = has_value ? value : nullptr;
        switch (dice % 10) {
          case 0:
            error = map.Lookup(k, to, update_flags);
            break;
          case 1:
          case 2:
            error = map.Update(k, v, update_flags);
            break;
          case 3:
            error = map.Delete(k);
            break;
          case 4:
            error = map.LookupAndDelete(k, to, update_flags);
            break;
          case 5:
            error = map.GetNextKey(k, to);
            break;
          case 6:
            if (const void* const found = map.LookupElem(k)) {
              std::memcpy(bytes, found, 12);
              count = 1;
            }
            break;
          case 7:
            error = map.UpdateElem(k, v, update_flags);
            break;
          case 8:
            error = map.DeleteElem(k);
            break;
          case 9:
            count = dice / 10 % 4;
            error = dice / 100 % 2 == 0
                        ? map.UpdateBatch(k, v, &count, {update_flags})
                        : map.DeleteBatch(k, &count, {update_flags});
            break;
        }
      }
      ASSERT_EQ(answers[0].error, answers[1].error)
          << "step " << step << ", command " << dice % 10;
      ASSERT_EQ(answers[0], answers[1])
          << "step " << step << ", command " << dice % 10;
      if (step == 19'000) {
        EXPECT_EQ(maps[0]->Freeze(), maps[1]->Freeze());
      }
    }
  }
  EXPECT_EQ(this->providers_.Remove(&plain), Errno::kOk);
}

TEST(CreateCustomMapTest, CreateMapFindsProvider) {
  ObjectProvider provider;
  auto& providers = MapProviders<Cloud>::Global();
  MapDef def = DefOf(provider.type());
  const absl::Status missing = CreateMap(def).status();
  EXPECT_EQ(StatusToErrno(missing), Errno::kInval);
  EXPECT_EQ(missing.message(),
            "CUSTOM map: create with key_size 4, value_size 4, max_entries 4, "
            "map_flags 0x0, type 4100: the type has no provider: see "
            "maps/map_provider.h: EINVAL");

  ASSERT_EQ(providers.Add(&provider), Errno::kOk);
  auto map = CreateMap(def);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(providers.Remove(&provider), Errno::kBusy);
  EXPECT_EQ(Put(**map, 1, ObjectProvider::HandleOf(0)), Errno::kOk);
  map->reset();

  def.max_entries = 100;
  const absl::Status refused = CreateMap(def).status();
  EXPECT_EQ(StatusToErrno(refused), Errno::k2Big);
  EXPECT_EQ(refused.message(),
            "CUSTOM map: create with key_size 4, value_size 4, max_entries "
            "100, map_flags 0x0, type 4100: max_entries must be 8 or less: "
            "E2BIG");
  EXPECT_EQ(providers.Remove(&provider), Errno::kOk);
  EXPECT_FALSE(provider.leaked);
}

}  // namespace
}  // namespace bpfmap
