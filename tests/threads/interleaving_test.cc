// SPDX-License-Identifier: Apache-2.0

// Commands that meet at every point where one of them takes a lock.

#include "tests/threads/interleaving.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/heap.h"
#include "gtest/gtest.h"
#include "tests/support/map_walk.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

// A map from uint32_t to uint64_t that holds the keys 0 to kSize - 1, each with
// 100 more as its value, and has no room for more.
constexpr uint32_t kSize = 40;  // enough for all locks to have a part

template <typename Map>
class FullMap {
 public:
  static constexpr bool kIsHash = !std::is_same_v<Map, ArrayMap<Interleaved<>>>;

  // Makes it anew.
  void Renew() {
    map_ = std::make_unique<Map>(
        MapDef{.type = kIsHash ? MapType::kHash : MapType::kArray,
               .key_size = sizeof(uint32_t),
               .value_size = sizeof(uint64_t),
               .max_entries = kSize},
        &heap_);
    ASSERT_EQ(map_->Init(), Errno::kOk);
    for (uint32_t key = 0; key < kSize; ++key) {
      ASSERT_EQ(Update(key, 100 + key), Errno::kOk);
    }
  }

  Map& operator*() { return *map_; }
  Map* operator->() { return map_.get(); }

  Errno Update(uint32_t key, uint64_t value, ElemFlags flags = kAny) {
    return map_->Update(&key, &value, flags);
  }
  Errno Delete(uint32_t key) { return map_->Delete(&key); }
  std::optional<uint64_t> Lookup(uint32_t key) {
    uint64_t value;
    if (map_->Lookup(&key, &value) != Errno::kOk) return std::nullopt;
    return value;
  }

  std::map<uint32_t, uint64_t> Contents() {
    std::map<uint32_t, uint64_t> contents;
    EXPECT_EQ(WalkByBatch(*map_, kSize,
                          [&](const std::byte* key, const std::byte* value) {
                            uint32_t number;
                            std::memcpy(&number, key, sizeof number);
                            std::memcpy(&contents[number], value,
                                        sizeof(uint64_t));
                          }),
              Errno::kOk);
    return contents;
  }

 private:
  Heap heap_;
  std::unique_ptr<Map> map_;
};

using FullArray = FullMap<ArrayMap<Interleaved<>>>;
using FullHash = FullMap<HashMap<Interleaved<>>>;
using FullEagerMemoryHash = FullMap<HashMap<Interleaved</*kLazy=*/false>>>;

struct TypeNames {
  template <typename Map>
  static std::string GetName(int) {
    if (!Map::kIsHash) return "array";
    return std::is_same_v<Map, FullHash> ? "hash" : "eager_memory_hash";
  }
};
using FullMaps = testing::Types<FullArray, FullHash, FullEagerMemoryHash>;
using FullHashes = testing::Types<FullHash, FullEagerMemoryHash>;

// Interleaves `command` with a Freeze(), and expects that nothing changes once
// that has returned.
template <typename Map>
void ExpectNoChangeAfterFreeze(const std::function<void(Map&)>& command) {
  Map map;
  std::map<uint32_t, uint64_t> at_freeze;
  uint32_t size_at_freeze = 0;
  const int points =
      ForEachInterleaving([&] { map.Renew(); }, [&] { command(map); },
                          [&] {
                            EXPECT_EQ(map->Freeze(), Errno::kOk);
                            at_freeze = map.Contents();
                            size_at_freeze = map->def().max_entries;
                          },
                          [&] {
                            EXPECT_EQ(map.Contents(), at_freeze);
                            EXPECT_EQ(map->def().max_entries, size_at_freeze);
                          });
  EXPECT_GT(points, 0);
}

// The commands that write to an array and to a hash map; they fail if the
// Freeze() came before.
template <typename Map>
class FreezeMeetsTest : public testing::Test {};
TYPED_TEST_SUITE(FreezeMeetsTest, FullMaps, TypeNames);

TYPED_TEST(FreezeMeetsTest, Update) {
  ExpectNoChangeAfterFreeze<TypeParam>(
      [](TypeParam& map) { std::ignore = map.Update(1, 5); });
}

TYPED_TEST(FreezeMeetsTest, UpdateBatch) {
  ExpectNoChangeAfterFreeze<TypeParam>([](TypeParam& map) {
    const std::array<uint32_t, 3> keys = {0, 1, 2};
    const std::array<uint64_t, 3> values = {5, 6, 7};
    uint32_t count = 3;
    std::ignore = map->UpdateBatch(keys.data(), values.data(), &count);
  });
}

TYPED_TEST(FreezeMeetsTest, Growing) {
  ExpectNoChangeAfterFreeze<TypeParam>(
      [](TypeParam& map) { std::ignore = map->Resize(20 * kSize); });
}

TYPED_TEST(FreezeMeetsTest, Shrinking) {
  ExpectNoChangeAfterFreeze<TypeParam>([](TypeParam& map) {
    if (TypeParam::kIsHash) std::ignore = map.Delete(0);
    std::ignore = map->Resize(kSize - 1);
  });
}

template <typename Map>
class FreezeMeetsHashTest : public testing::Test {};
TYPED_TEST_SUITE(FreezeMeetsHashTest, FullHashes, TypeNames);

TYPED_TEST(FreezeMeetsHashTest, Insert) {
  ExpectNoChangeAfterFreeze<TypeParam>([](TypeParam& map) {
    std::ignore = map.Delete(0);
    std::ignore = map.Update(kSize, 5, kNoExist);
  });
}

TYPED_TEST(FreezeMeetsHashTest, Delete) {
  ExpectNoChangeAfterFreeze<TypeParam>(
      [](TypeParam& map) { std::ignore = map.Delete(1); });
}

TYPED_TEST(FreezeMeetsHashTest, DeleteBatch) {
  ExpectNoChangeAfterFreeze<TypeParam>([](TypeParam& map) {
    const std::array<uint32_t, 3> keys = {0, 1, 2};
    uint32_t count = 3;
    std::ignore = map->DeleteBatch(keys.data(), &count);
  });
}

TYPED_TEST(FreezeMeetsHashTest, LookupAndDelete) {
  ExpectNoChangeAfterFreeze<TypeParam>([](TypeParam& map) {
    const uint32_t key = 1;
    uint64_t value;
    std::ignore = map->LookupAndDelete(&key, &value);
  });
}

TYPED_TEST(FreezeMeetsHashTest, LookupAndDeleteBatch) {
  ExpectNoChangeAfterFreeze<TypeParam>([](TypeParam& map) {
    std::array<uint32_t, kSize> keys;
    std::array<uint64_t, kSize> values;
    uint32_t position;
    uint32_t count = kSize;
    std::ignore = map->LookupAndDeleteBatch(nullptr, &position, keys.data(),
                                            values.data(), &count);
  });
}

// Interleaves `take`, which removes the key 3, with a thread that inserts as
// soon as `is_gone` says that it is.
template <typename Map>
void ExpectRoomForWhoSeesAKeyGone(const std::function<void(Map&)>& take,
                                  const std::function<bool(Map&)>& is_gone) {
  // Several keys, as one may wait for the very lock that `take` holds.
  for (uint32_t key = kSize; key < kSize + 8; ++key) {
    Map map;
    const int points =
        ForEachInterleaving([&] { map.Renew(); }, [&] { take(map); },
                            [&] {
                              if (!is_gone(map)) return;
                              EXPECT_EQ(map.Update(key, 5), Errno::kOk);
                            },
                            [] {});
    EXPECT_GT(points, 0);
  }
}

template <typename Map>
class InterleavingTest : public testing::Test {};
TYPED_TEST_SUITE(InterleavingTest, FullHashes, TypeNames);

TYPED_TEST(InterleavingTest, ReaderThatMissesDeletedKeyFindsRoom) {
  ExpectRoomForWhoSeesAKeyGone<TypeParam>(
      [](TypeParam& map) { EXPECT_EQ(map.Delete(3), Errno::kOk); },
      [](TypeParam& map) { return !map.Lookup(3).has_value(); });
}

TYPED_TEST(InterleavingTest, ReaderThatMissesTakenKeyFindsRoom) {
  ExpectRoomForWhoSeesAKeyGone<TypeParam>(
      [](TypeParam& map) {
        const uint32_t key = 3;
        uint64_t value;
        EXPECT_EQ(map->LookupAndDelete(&key, &value), Errno::kOk);
      },
      [](TypeParam& map) { return !map.Lookup(3).has_value(); });
}

TYPED_TEST(InterleavingTest, WalkThatMissesKeyFindsRoom) {
  ExpectRoomForWhoSeesAKeyGone<TypeParam>(
      [](TypeParam& map) { EXPECT_EQ(map.Delete(3), Errno::kOk); },
      [](TypeParam& map) { return !map.Contents().contains(3); });
}

TYPED_TEST(InterleavingTest, OneOfTwoInsertsGetsLastPlace) {
  TypeParam map;
  Errno first, second;
  const int points = ForEachInterleaving(
      [&] {
        map.Renew();
        EXPECT_EQ(map.Delete(0), Errno::kOk);
      },
      [&] { first = map.Update(kSize, 1); },
      [&] { second = map.Update(kSize + 1, 2); },
      [&] {
        EXPECT_TRUE((first == Errno::kOk && second == Errno::k2Big) ||
                    (first == Errno::k2Big && second == Errno::kOk));
        EXPECT_EQ(map.Contents().size(), kSize);
      });
  EXPECT_GT(points, 0);
}

TYPED_TEST(InterleavingTest, OneOfTwoInsertsOfKeySucceeds) {
  TypeParam map;
  Errno first, second;
  ForEachInterleaving(
      [&] {
        map.Renew();
        EXPECT_EQ(map->Resize(2 * kSize), Errno::kOk);
      },
      [&] { first = map.Update(kSize, 1, kNoExist); },
      [&] { second = map.Update(kSize, 2, kNoExist); },
      [&] {
        EXPECT_TRUE((first == Errno::kOk && second == Errno::kExist) ||
                    (first == Errno::kExist && second == Errno::kOk));
        EXPECT_EQ(map.Lookup(kSize), first == Errno::kOk ? 1 : 2);
      });
}

TYPED_TEST(InterleavingTest, OneOfTwoTakersGetsValue) {
  TypeParam map;
  Errno first, second;
  const auto take = [&] {
    const uint32_t key = 3;
    uint64_t value;
    return map->LookupAndDelete(&key, &value);
  };
  ForEachInterleaving(
      [&] { map.Renew(); }, [&] { first = take(); }, [&] { second = take(); },
      [&] {
        EXPECT_TRUE((first == Errno::kOk && second == Errno::kNoEnt) ||
                    (first == Errno::kNoEnt && second == Errno::kOk));
      });
}

TYPED_TEST(InterleavingTest, WalkByNextKeyThatMeetsGrowthShowsEachKeyOnce) {
  TypeParam map;
  std::multiset<uint32_t> shown;
  const int points = ForEachInterleaving(
      [&] {
        map.Renew();
        shown.clear();
      },
      [&] {
        EXPECT_EQ(WalkByNextKey(*map,
                                [&](const std::byte* key) {
                                  uint32_t number;
                                  std::memcpy(&number, key, sizeof number);
                                  shown.insert(number);
                                }),
                  Errno::kOk);
      },
      [&] { EXPECT_EQ(map->Resize(100 * kSize), Errno::kOk); },
      [&] {
        const std::set<uint32_t> keys(shown.begin(), shown.end());
        EXPECT_EQ(keys.size(), kSize);
        EXPECT_EQ(shown.size(), kSize);
      });
  EXPECT_GT(points, static_cast<int>(kSize));
}

// A walk whose key was deleted begins again.
TYPED_TEST(InterleavingTest, WalkByNextKeyThatMeetsChangesMissesNoStableKey) {
  TypeParam map;
  // Both use it at once where the second had to wait for a lock of the first.
  // ThreadSanitizer does not see an absl::Mutex of a library that was built
  // without it.
  std::mutex mutex;
  std::set<uint32_t> shown;
  ForEachInterleaving(
      [&] {
        map.Renew();
        shown.clear();
      },
      [&] {
        EXPECT_EQ(WalkByNextKey(*map,
                                [&](const std::byte* key) {
                                  uint32_t number;
                                  std::memcpy(&number, key, sizeof number);
                                  {
                                    std::lock_guard lock(mutex);
                                    shown.insert(number);
                                  }
                                  if (number >= kSize / 2) {
                                    std::ignore = map.Update(number, 7);
                                  }
                                }),
                  Errno::kOk);
      },
      [&] {
        // The elements of the old chains are gone, and their memory taken
        // again.
        EXPECT_EQ(map->Resize(100 * kSize), Errno::kOk);
        for (uint32_t key = 0; key < kSize / 2; ++key) {
          std::lock_guard lock(mutex);
          if (shown.contains(key)) continue;
          EXPECT_EQ(map.Delete(key), Errno::kOk);
        }
        for (uint32_t key = kSize; key < 4 * kSize; ++key) {
          EXPECT_EQ(map.Update(key, 7), Errno::kOk);
        }
      },
      [&] {
        for (uint32_t key = kSize / 2; key < kSize; ++key) {
          EXPECT_TRUE(shown.contains(key)) << key;
        }
      });
}

TYPED_TEST(InterleavingTest, WalkByBatchThatMeetsGrowthMissesNoKey) {
  TypeParam map;
  std::map<uint32_t, uint64_t> shown;
  const int points = ForEachInterleaving(
      [&] { map.Renew(); }, [&] { shown = map.Contents(); },
      [&] { EXPECT_EQ(map->Resize(100 * kSize), Errno::kOk); },
      [&] { EXPECT_EQ(shown.size(), kSize); });
  EXPECT_GT(points, 1);
}

TYPED_TEST(InterleavingTest, LookupsThatMeetGrowthFindEveryKey) {
  TypeParam map;
  const int points = ForEachInterleaving(
      [&] { map.Renew(); },
      [&] { EXPECT_EQ(map->Resize(100 * kSize), Errno::kOk); },
      [&] {
        for (uint32_t key = 0; key < kSize; ++key) {
          EXPECT_EQ(map.Lookup(key), 100 + key);
          EXPECT_NE(map->LookupElem(&key), nullptr);
          EXPECT_EQ(map.Update(key, 100 + key, kExist), Errno::kOk);
        }
      },
      [&] { EXPECT_EQ(map.Contents().size(), kSize); });
  EXPECT_GT(points, 1);
}

TYPED_TEST(InterleavingTest, InsertThatMeetsGrowthIsNotLost) {
  TypeParam map;
  ForEachInterleaving([&] { map.Renew(); },
                      [&] { EXPECT_EQ(map->Resize(100 * kSize), Errno::kOk); },
                      [&] {
                        if (map.Update(kSize, 5) == Errno::k2Big) {
                          EXPECT_EQ(map.Delete(0), Errno::kOk);
                          EXPECT_EQ(map.Update(kSize, 5), Errno::kOk);
                        }
                      },
                      [&] { EXPECT_EQ(map.Lookup(kSize), 5); });
}

// A thread that looked for the key before must look again.
TYPED_TEST(InterleavingTest, KeyThatComesWithGrowthIsThereOnce) {
  TypeParam map;
  for (const ElemFlags flags : {kAny, kNoExist}) {
    const int points = ForEachInterleaving(
        [&] {
          map.Renew();
          EXPECT_EQ(map.Delete(0), Errno::kOk);
        },
        [&] { std::ignore = map.Update(kSize, 1, flags); },
        [&] {
          EXPECT_EQ(map->Resize(100 * kSize), Errno::kOk);
          std::ignore = map.Update(kSize, 2);
        },
        [&] {
          EXPECT_TRUE(map.Lookup(kSize).has_value());
          EXPECT_EQ(map.Delete(kSize), Errno::kOk);
          EXPECT_EQ(map.Lookup(kSize), std::nullopt);
        });
    EXPECT_GT(points, 0);
  }
}

TYPED_TEST(InterleavingTest, KeyThatMovesWithGrowthIsDeletedForGood) {
  TypeParam map;
  Errno deleted;
  const int points = ForEachInterleaving(
      [&] { map.Renew(); }, [&] { deleted = map.Delete(3); },
      [&] {
        EXPECT_EQ(map->Resize(100 * kSize), Errno::kOk);
        std::ignore = map.Update(3, 2, kExist);
      },
      [&] {
        EXPECT_EQ(deleted, Errno::kOk);
        EXPECT_EQ(map.Lookup(3), std::nullopt);
        EXPECT_EQ(map.Contents().size(), kSize - 1);
      });
  EXPECT_GT(points, 0);
}

TYPED_TEST(InterleavingTest, InsertFindsRoomThatDeleteLeaves) {
  TypeParam map;
  Errno inserted;
  bool gone_before = false;
  // Each key goes from another group.
  for (uint32_t key = 0; key < kSize; key += 5) {
    const int points = ForEachInterleaving(
        [&] { map.Renew(); }, [&] { inserted = map.Update(kSize, 1); },
        [&] { EXPECT_EQ(map.Delete(key), Errno::kOk); },
        [&] {
          const uint32_t size = inserted == Errno::kOk ? kSize : kSize - 1;
          EXPECT_EQ(map.Contents().size(), size);
          EXPECT_EQ(map.Update(kSize, 1), Errno::kOk);
          EXPECT_EQ(map.Update(kSize + 1, 1), Errno::k2Big);
          gone_before = gone_before || inserted == Errno::kOk;
        });
    EXPECT_GT(points, 0);
  }
  EXPECT_TRUE(gone_before);
}

TYPED_TEST(InterleavingTest, ShrinkLeavesNoMoreElementsThanItSays) {
  TypeParam map;
  Errno shrunk;
  ForEachInterleaving(
      [&] {
        map.Renew();
        EXPECT_EQ(map.Delete(0), Errno::kOk);
      },
      [&] { std::ignore = map.Update(kSize, 5); },
      [&] { shrunk = map->Resize(kSize - 1); },
      [&] {
        EXPECT_EQ(map->def().max_entries,
                  shrunk == Errno::kOk ? kSize - 1 : kSize);
        EXPECT_LE(map.Contents().size(), map->def().max_entries);
      });
}

TEST(InterleavingArrayTest, UpdateThatMeetsShrinkWritesToNoDroppedElement) {
  FullArray map;
  uint64_t* dropped = nullptr;
  uint64_t last_value = 0;
  const int points = ForEachInterleaving(
      [&] {
        map.Renew();
        const uint32_t key = kSize - 1;
        dropped = static_cast<uint64_t*>(map->LookupElem(&key));
      },
      [&] { std::ignore = map.Update(kSize - 1, 5); },
      [&] {
        EXPECT_EQ(map->Resize(2), Errno::kOk);
        last_value = *dropped;
      },
      [&] {
        EXPECT_EQ(*dropped, last_value);
        EXPECT_EQ(map->Resize(kSize), Errno::kOk);
        EXPECT_EQ(*dropped, 0);
      });
  EXPECT_GT(points, 0);
}

}  // namespace
}  // namespace bpfmap
