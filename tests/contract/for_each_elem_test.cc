// SPDX-License-Identifier: Apache-2.0

// ForEachElem on local maps and, through a BPF program with a callback, on the
// kernel's: every test expects the same of both.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/kernel_program.h"
#include "tests/support/lru_rule.h"
#include "tests/support/on_cpu.h"
#include "tests/support/print_errno.h"
#include "tests/support/user_value_size.h"

namespace bpfmap {
namespace {

constexpr MapType kTypes[] = {MapType::kArray,   MapType::kPerCpuArray,
                              MapType::kHash,    MapType::kPerCpuHash,
                              MapType::kLruHash, MapType::kLruPerCpuHash};

bool IsArray(MapType type) {
  return type == MapType::kArray || type == MapType::kPerCpuArray;
}

bool IsLru(MapType type) {
  return type == MapType::kLruHash || type == MapType::kLruPerCpuHash;
}

// Tells the callback what to do, and holds what it saw. The kernel's program
// has it as the value of an array.
struct Walk {
  uint64_t flags = 0;
  uint64_t stop_at = 0;  // returns 1 at this call; 0: never
  uint64_t deletes = 0;  // 1: each key that it is given
  uint64_t calls = 0;
  uint64_t keys = 0;    // their sum
  uint64_t values = 0;  // their sum
};

// The walk of a program. Returns what the helper returns.
int64_t RunHere(LocalMap& map, Walk* walk) {
  return map.ForEachElem(
      [&](const void* key, void* value) {
        ++walk->calls;
        walk->keys += *static_cast<const uint32_t*>(key);
        walk->values += *static_cast<const uint64_t*>(value);
        if (walk->deletes != 0) (void)map.DeleteElem(key);
        return walk->calls == walk->stop_at ? 1 : 0;
      },
      walk->flags);
}

KernelProgram WalkProgram(const BpfMap& map, int map_fd, int walk_fd) {
  BpfAssembler main, callback;
  main.LoadMapValue(kR6, walk_fd)
      .LoadMap(kR1, map_fd)
      .LoadCallback(kR2)
      .MoveValue(kR3, 0)
      .Load(8, kR4, kR6, offsetof(Walk, flags))
      .Call(kHelperForEachMapElem)
      .Exit();
  const auto add = [&](int offset, BpfRegister what) {
    callback.Load(8, kR1, kR6, offset)
        .AddRegister(kR1, what)
        .Store(8, kR6, offset, kR1);
  };
  callback.LoadMapValue(kR6, walk_fd)
      .Move(kR7, kR2)
      .Load(4, kR8, kR2, 0)
      .Load(8, kR9, kR3, 0);
  add(offsetof(Walk, keys), kR8);
  add(offsetof(Walk, values), kR9);
  callback.MoveValue(kR8, 1);
  add(offsetof(Walk, calls), kR8);
  const bool may_delete = !IsArray(map.def().type);
  if (may_delete) {
    callback.Load(8, kR1, kR6, offsetof(Walk, deletes))
        .SkipIfZero(kR1, 4)
        .LoadMap(kR1, map_fd)
        .Move(kR2, kR7)
        .Call(kHelperMapDeleteElem);
  }
  callback.MoveValue(kR0, 0)
      .Load(8, kR1, kR6, offsetof(Walk, calls))
      .Load(8, kR2, kR6, offsetof(Walk, stop_at))
      .SkipUnlessEqual(kR1, kR2, 1)
      .MoveValue(kR0, 1)
      .Exit();
  return KernelProgram(main, callback);
}

// A map of u32 -> u64 and its walks, here or on the kernel.
class View {
 public:
  explicit View(const Backend& backend, const MapDef& def) {
    if (!backend.is_kernel) {
      EXPECT_EQ(backend.create(def, &map_), Errno::kOk);
      return;
    }
    std::unique_ptr<KernelMap> created;
    EXPECT_EQ(KernelMap::Create(def, &created), Errno::kOk);
    kernel_ = std::move(created);
    walk_map_ = *KernelMap::Create({.type = MapType::kArray,
                                    .key_size = 4,
                                    .value_size = sizeof(Walk),
                                    .max_entries = 1});
  }

  BpfMap& user() { return kernel_ != nullptr ? *kernel_ : *map_; }

  int64_t Run(Walk* walk) {
    if (kernel_ == nullptr) return RunHere(*map_.local(), walk);
    const uint32_t zero = 0;
    EXPECT_EQ(walk_map_->Update(&zero, walk), Errno::kOk);
    const KernelProgram program =
        WalkProgram(*kernel_, kernel_->fd(), walk_map_->fd());
    int result = 0;
    const Errno error = program.Run(&result);
    if (error != Errno::kOk) return -static_cast<int64_t>(error);
    EXPECT_EQ(walk_map_->Lookup(&zero, walk), Errno::kOk);
    return result;
  }

 private:
  TestMap map_;
  std::unique_ptr<KernelMap> kernel_, walk_map_;
};

class ForEachElemTest : public BackendTest {
 protected:
  static MapDef Def(MapType type, uint32_t max_entries) {
    return {.type = type,
            .key_size = 4,
            .value_size = 8,
            .max_entries = max_entries};
  }
  // How many keys it takes before one has to leave.
  static uint32_t Room(const MapDef& def) {
    return IsLru(def.type) ? LruRule(def.max_entries).room() : def.max_entries;
  }
  // A map of keys 0 to Room() - 1. The value of key k is 1000 * k on the CPU of
  // programs.
  View Full(MapType type, uint32_t max_entries) {
    const MapDef def = Def(type, max_entries);
    View view(GetParam(), def);
    const std::size_t width = UserValueSize(def) / 8;
    for (uint32_t key = 0; key < Room(def); ++key) {
      std::vector<uint64_t> value(width, 7);
      value[width == 1 ? 0 : on_cpu_.cpu()] = 1000 * key;
      EXPECT_EQ(view.user().Update(&key, value.data()), Errno::kOk);
    }
    return view;
  }
  static std::vector<MapType> Types() {
    std::vector<MapType> types;
    for (const MapType type : kTypes) {
      if (GetParam().has(type)) types.push_back(type);
    }
    return types;
  }

 private:
  const OnCpu on_cpu_{UsableCpus().back()};
};

INSTANTIATE_TEST_SUITE_P(Backends, ForEachElemTest,
                         ::testing::ValuesIn(Backends()), BackendName);

TEST_P(ForEachElemTest, CallsForEachElementAndReturnsNumberOfCalls) {
  for (const MapType type : Types()) {
    SCOPED_TRACE(MapTypeName(type));
    for (const uint32_t max_entries : {1U, 4U, 100U}) {
      View view = Full(type, max_entries);
      const uint32_t size = Room(Def(type, max_entries));
      Walk walk;
      EXPECT_EQ(view.Run(&walk), size);
      EXPECT_EQ(walk.calls, size);
      EXPECT_EQ(walk.keys, size * (size - 1) / 2);
      EXPECT_EQ(walk.values, 1000 * walk.keys);
    }
  }
}

TEST_P(ForEachElemTest, EmptyHashMapIsZero) {
  for (const MapType type : Types()) {
    if (IsArray(type)) continue;
    View view(GetParam(), Def(type, 4));
    Walk walk;
    EXPECT_EQ(view.Run(&walk), 0);
    EXPECT_EQ(walk.calls, 0u);
  }
}

TEST_P(ForEachElemTest, CallThatStopsCounts) {
  for (const MapType type : Types()) {
    for (const uint64_t stop_at : {1, 2, 4}) {
      View view = Full(type, 4);
      Walk walk = {.stop_at = stop_at};
      EXPECT_EQ(view.Run(&walk), static_cast<int64_t>(stop_at));
      EXPECT_EQ(walk.calls, stop_at);
    }
  }
}

TEST_P(ForEachElemTest, FlagsAreInval) {
  for (const MapType type : Types()) {
    for (const uint64_t flags : {uint64_t{1}, uint64_t{4}, uint64_t{1} << 32}) {
      View view = Full(type, 4);
      Walk walk = {.flags = flags};
      EXPECT_EQ(view.Run(&walk), -static_cast<int64_t>(Errno::kInval));
      EXPECT_EQ(walk.calls, 0u);
    }
  }
}

TEST_P(ForEachElemTest, CallbackMayDeleteWhatItIsGiven) {
  for (const MapType type : Types()) {
    if (IsArray(type)) continue;
    SCOPED_TRACE(MapTypeName(type));
    for (const uint32_t size : {1U, 4U}) {
      View view = Full(type, size);
      Walk walk = {.deletes = 1};
      EXPECT_EQ(view.Run(&walk), size);
      EXPECT_EQ(walk.keys, size * (size - 1) / 2);
      uint32_t key;
      EXPECT_EQ(view.user().GetNextKey(nullptr, &key), Errno::kNoEnt);
      Walk again;
      EXPECT_EQ(view.Run(&again), 0);
    }
  }
}

// A walk is no use of an element.
TEST_P(ForEachElemTest, KeepsNoKeyOfLruMap) {
  for (const MapType type : {MapType::kLruHash, MapType::kLruPerCpuHash}) {
    if (!GetParam().has(type)) continue;
    View view = Full(type, 4);
    Walk walk;
    EXPECT_EQ(view.Run(&walk), 4);
    const std::vector<uint64_t> value(PossibleCpus());
    uint32_t key = 9;
    EXPECT_EQ(view.user().Update(&key, value.data()), Errno::kOk);
    // In the strict order one key leaves, on any number of CPUs.
    const bool is_strict = !GetParam().has(MapType::kLruPerCpuHash);
    const std::set<uint32_t> stay =
        is_strict ? std::set<uint32_t>{1, 2, 3} : LruRule(4).StayAfterOneMore();
    std::vector<uint64_t> found(PossibleCpus());
    for (key = 0; key < 4; ++key) {
      EXPECT_EQ(view.user().Lookup(&key, found.data()),
                stay.count(key) == 1 ? Errno::kOk : Errno::kNoEnt);
    }
  }
}

TEST_P(ForEachElemTest, OtherTypesHaveNone) {
  for (const auto& [type, key_size, map_flags] :
       {std::tuple(MapType::kLpmTrie, 8, kNoPrealloc),
        {MapType::kQueue, 0, MapFlags{}},
        {MapType::kStack, 0, MapFlags{}},
        {MapType::kBloomFilter, 0, MapFlags{}}}) {
    View view(GetParam(), {.type = type,
                           .key_size = static_cast<uint32_t>(key_size),
                           .value_size = 8,
                           .max_entries = 4,
                           .map_flags = map_flags});
    Walk walk;
    EXPECT_EQ(view.Run(&walk), -static_cast<int64_t>(Errno::kNotSupp))
        << MapTypeName(type);
  }
}

// Here only: what a callback does to others, and maps that have grown.

TEST(ForEachElemHereTest, EveryElementIsShownOnceWhileCallbackReplacesIt) {
  for (const MapType type : {MapType::kHash, MapType::kLruHash}) {
    TestMap map;
    ASSERT_EQ(
        LocalBackends().front().create(
            {.type = type, .key_size = 4, .value_size = 8, .max_entries = 5000},
            &map),
        Errno::kOk);
    for (uint32_t key = 0; key < 2000; ++key) {
      const uint64_t value = key;
      ASSERT_EQ(map->Update(&key, &value), Errno::kOk);
    }
    std::set<uint32_t> shown;
    EXPECT_EQ(map.local()->ForEachElem(
                  [&](const void* key, void*) {
                    uint32_t k;
                    std::memcpy(&k, key, sizeof k);
                    EXPECT_TRUE(shown.insert(k).second) << k;
                    const uint64_t value = k + 1;
                    EXPECT_EQ(map.local()->UpdateElem(&k, &value, kAny),
                              Errno::kOk);
                    return 0;
                  },
                  0),
              2000);
    EXPECT_EQ(shown.size(), 2000u);
  }
}

TEST(ForEachElemHereTest, MapThatGrewHasMoreInBucketThanWalkHolds) {
  for (const uint32_t value_size : {8U, 300U}) {  // both kinds of tables
    HashMap<Cloud> map({.type = MapType::kHash,
                        .key_size = 4,
                        .value_size = value_size,
                        .max_entries = 2});
    ASSERT_EQ(map.Init(), Errno::kOk);
    ASSERT_EQ(map.Resize(3000), Errno::kOk);
    const std::vector<uint8_t> value(value_size);
    for (uint32_t key = 0; key < 3000; ++key) {
      ASSERT_EQ(map.UpdateElem(&key, value.data(), kAny), Errno::kOk);
    }
    std::set<uint32_t> shown;
    const auto show = [&](const void* key, void*) {
      EXPECT_TRUE(shown.insert(*static_cast<const uint32_t*>(key)).second);
      EXPECT_EQ(map.DeleteElem(key), Errno::kOk);
      return 0;
    };
    EXPECT_EQ(map.ForEachElem(show, 0), 3000);
    EXPECT_EQ(shown.size(), 3000u);
    EXPECT_EQ(map.ForEachElem(show, 0), 0);
  }
}

}  // namespace
}  // namespace bpfmap
