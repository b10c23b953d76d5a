// SPDX-License-Identifier: Apache-2.0

// The contract of maps of stacks: what programs get from bpf_get_stackid(), and
// what user space then sees.
//
// Both StackTraceMap and the kernel are given the same: programs that are
// copies of each other, so that their stacks differ in the first frame. What
// the kernel's stacks are is read back from its map, and put into a local one.
//
// Every flag and error of the user view stands in golden/kernel_errno.tsv.

#include "bpfmap/maps/stack_trace_map.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/hash/jhash.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/kernel_program.h"
#include "tests/support/kernel_support.h"
#include "tests/support/print_errno.h"
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::SizeIs;

static_assert(kHasStackTrace<Cloud> && !kHasStackTrace<Embedded>);

constexpr int64_t kNoMem = -12, kFault = -14, kExist = -17, kInval = -22;

using Frames = std::vector<uint64_t>;
using Value = std::array<uint64_t, kMaxStack>;

constexpr MapDef Def(uint32_t max_entries, uint32_t frames = kMaxStack) {
  return {.type = MapType::kStackTrace,
          .key_size = 4,
          .value_size = frames * 8,
          .max_entries = max_entries};
}

Errno Lookup(BpfMap& map, int64_t id, void* value) {
  const uint32_t key = static_cast<uint32_t>(id);
  return map.Lookup(&key, value);
}
Errno Delete(BpfMap& map, int64_t id) {
  const uint32_t key = static_cast<uint32_t>(id);
  return map.Delete(&key);
}

// The frames of a stack that is there, without the zeros.
Frames StackOf(BpfMap& map, int64_t id) {
  Value value = {};
  EXPECT_EQ(Lookup(map, id, value.data()), Errno::kOk) << id;
  const auto end = std::find(value.begin(), value.end(), 0);
  EXPECT_THAT(std::vector<uint64_t>(end, value.end()), Each(0));
  return Frames(value.begin(), end);
}

// A map of stacks, and places from which to ask for an id.
class StackView {
 public:
  virtual ~StackView() = default;
  virtual BpfMap& map() = 0;
  // As a program of which `place` is the address.
  virtual int64_t GetStackId(int place, StackFlags flags) = 0;
};

class LocalStackView final : public StackView {
 public:
  explicit LocalStackView(const MapDef& def) : map_(def) {
    EXPECT_EQ(map_.Init(), Errno::kOk);
  }
  BpfMap& map() override { return map_; }
  int64_t GetStackId(int place, StackFlags flags) override {
    const uint64_t base = static_cast<uint64_t>(place) * 64;
    const Frames frames = {base + 0x1000, 0x2000, 0x3000, 0x4000, 0x5000};
    return map_.GetStackIdOf(frames.data(),
                             static_cast<uint32_t>(frames.size()), flags);
  }

 private:
  StackTraceMap<Cloud> map_;
};

class KernelStackView final : public StackView {
 public:
  explicit KernelStackView(const MapDef& def) {
    EXPECT_EQ(KernelMap::Create(def, &map_), Errno::kOk);
  }
  BpfMap& map() override { return *map_; }
  int64_t GetStackId(int place, StackFlags flags) override {
    auto [program, is_new] = programs_.try_emplace({place, flags});
    if (is_new) {
      constexpr int kGetStackId = 27;
      BpfAssembler assembler;
      assembler.LoadMap(kR2, map_->fd())
          .MoveValue(kR3, static_cast<int32_t>(ToNumber(flags)))
          .Call(kGetStackId)
          .Exit();
      program->second = std::make_unique<KernelProgram>(
          assembler, "GPL", KernelProgram::kRawTracepoint);
      EXPECT_EQ(program->second->load_error(), Errno::kOk)
          << program->second->verifier_log();
    }
    int result = -1;
    EXPECT_EQ(program->second->Run(&result), Errno::kOk);
    return result;
  }

 private:
  std::unique_ptr<KernelMap> map_;
  std::map<std::pair<int, StackFlags>, std::unique_ptr<KernelProgram>>
      programs_;
};

class StackTraceMapTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "kernel") SKIP_WITHOUT_KERNEL();
  }
  void New(const MapDef& def) {
    if (GetParam() == "kernel") {
      view_ = std::make_unique<KernelStackView>(def);
    } else {
      view_ = std::make_unique<LocalStackView>(def);
    }
  }
  int64_t Get(int place, StackFlags flags = {}) {
    return view_->GetStackId(place, flags);
  }
  BpfMap& map() { return view_->map(); }

  std::unique_ptr<StackView> view_;
};

TEST_P(StackTraceMapTest, IdIsHashOfFrames) {
  for (const uint32_t buckets : {64U, 1U, 1U << 16}) {
    New(Def(buckets));
    const int64_t id = Get(0);
    ASSERT_GE(id, 0);
    EXPECT_EQ(Get(0), id);
    const Frames frames = StackOf(map(), id);
    ASSERT_GT(frames.size(), 3u);
    EXPECT_EQ(id, internal::Jhash(frames.data(),
                                  static_cast<uint32_t>(8 * frames.size()), 0) %
                      buckets);
  }
}

TEST_P(StackTraceMapTest, ThereArePowerOfTwoOfBucketsAndMaxEntriesStacks) {
  for (const uint32_t max_entries : {1, 2, 3, 4, 5}) {
    New(Def(max_entries));
    const int64_t buckets = std::bit_ceil(max_entries);
    std::set<int64_t> ids;
    for (int place = 0; place < 60; ++place) {
      const int64_t id = Get(place);
      if (id >= 0) {
        EXPECT_LT(id, buckets);
        EXPECT_TRUE(ids.insert(id).second);
      } else {
        // No place left in the pool is only heard of at an empty bucket.
        EXPECT_TRUE(id == kExist || (id == kNoMem && ids.size() == max_entries))
            << id;
      }
    }
    EXPECT_EQ(Delete(map(), buckets), Errno::k2Big);
    for (int64_t id = 0; id < buckets; ++id) {
      EXPECT_EQ(Delete(map(), id),
                ids.count(id) != 0 ? Errno::kOk : Errno::kNoEnt);
    }
  }
}

TEST_P(StackTraceMapTest, OtherFlagsAreRefusedAndUserStackIsNot) {
  New(Def(64));
  for (const int bit : {11, 12, 30}) {
    EXPECT_EQ(Get(0, StackFlags{uint64_t{1} << bit}), kInval) << bit;
  }
  EXPECT_EQ(Get(0, StackFlags{(1 << 11) | 255}), kInval);
  EXPECT_GE(Get(0, kUserStack), 0);
}

TEST_P(StackTraceMapTest, SkippedFramesAreInnermost) {
  New(Def(1 << 16));
  const Frames all = StackOf(map(), Get(0));
  for (uint64_t skip = 1; skip < all.size(); ++skip) {
    // The kernel's program is another one, but the rest of the stack is not.
    const Frames rest = StackOf(map(), Get(0, StackFlags{skip}));
    EXPECT_THAT(rest, ElementsAreArray(all.begin() + static_cast<int>(skip),
                                       all.end()));
  }
  EXPECT_EQ(Get(0, StackFlags{all.size()}), kFault);
  EXPECT_EQ(Get(0, StackFlags{255}), kFault);
}

TEST_P(StackTraceMapTest, ShortValueHasInnermostOfWhatIsNotSkipped) {
  New(Def(1 << 16));
  const Frames all = StackOf(map(), Get(0));
  New(Def(1 << 16, 2));
  const int64_t id = Get(0, StackFlags{1});
  ASSERT_GE(id, 0);
  uint64_t value[2];
  ASSERT_EQ(Lookup(map(), id, value), Errno::kOk);
  EXPECT_THAT(value, ElementsAre(all[1], all[2]));
}

TEST_P(StackTraceMapTest, StackInBucketStaysThere) {
  New(Def(1));
  ASSERT_EQ(Get(0), 0);
  EXPECT_EQ(Get(0), 0);
  EXPECT_EQ(Get(1), kExist);
  EXPECT_EQ(Get(1, kFastStackCmp), kExist);
  EXPECT_EQ(Get(1, kReuseStackId), kNoMem);
  EXPECT_EQ(Get(1), kExist);
  EXPECT_EQ(Get(0), 0);
  EXPECT_EQ(Delete(map(), 0), Errno::kOk);
  EXPECT_EQ(Get(1), 0);
}

TEST_P(StackTraceMapTest, ReuseReplacesWhileThereIsRoomForBoth) {
  New(Def(64));
  std::map<int64_t, Frames> stacks;
  int place = 0;
  for (; place < 30; ++place) {
    const int64_t id = Get(place);
    if (id >= 0) stacks[id] = StackOf(map(), id);
  }
  // One of the next has the id of one that is there.
  int64_t id = Get(place, kReuseStackId);
  while (stacks.count(id) == 0) {
    ASSERT_GE(id, 0);
    ASSERT_LT(++place, 1000);
    id = Get(place, kReuseStackId);
  }
  EXPECT_NE(StackOf(map(), id), stacks[id]);
  EXPECT_EQ(Get(place, kReuseStackId), id);
}

TEST_P(StackTraceMapTest, UserViewWalksOverWhatIsThere) {
  New(Def(1 << 10));
  std::set<uint32_t> ids;
  for (int place = 0; place < 5; ++place) {
    const int64_t id = Get(place);
    if (id >= 0) ids.insert(static_cast<uint32_t>(id));
  }
  std::vector<uint32_t> walk;
  uint32_t next = 0;
  for (const uint32_t* key = nullptr;
       map().GetNextKey(key, &next) == Errno::kOk; key = &next) {
    walk.push_back(next);
  }
  EXPECT_THAT(walk, ElementsAreArray(ids));
  for (const uint32_t missing : {*ids.begin() ^ 1, 1024U, ~0U}) {
    if (ids.count(missing) != 0) continue;
    EXPECT_EQ(map().GetNextKey(&missing, &next), Errno::kOk);
    EXPECT_EQ(next, *ids.begin());
  }
}

TEST_P(StackTraceMapTest, LookupAndDeleteEmptiesBucket) {
  New(Def(1));
  ASSERT_EQ(Get(0), 0);
  const Frames frames = StackOf(map(), 0);
  const uint32_t key = 0, past_end = 1;
  Value value;
  EXPECT_EQ(map().LookupAndDelete(&past_end, value.data()), Errno::kNoEnt);
  ASSERT_EQ(map().LookupAndDelete(&key, value.data()), Errno::kOk);
  EXPECT_TRUE(std::equal(frames.begin(), frames.end(), value.begin()));
  EXPECT_EQ(map().LookupAndDelete(&key, value.data()), Errno::kNoEnt);
  EXPECT_EQ(Lookup(map(), 0, value.data()), Errno::kNoEnt);
  ASSERT_EQ(Get(0), 0);
  EXPECT_EQ(Lookup(map(), 0, nullptr), Errno::kFault);
  EXPECT_EQ(map().LookupAndDelete(&key, nullptr), Errno::kFault);
  EXPECT_EQ(Lookup(map(), 0, value.data()), Errno::kNoEnt);
}

TEST_P(StackTraceMapTest, FrozenMapStillTakesStacks) {
  New(Def(1));
  ASSERT_EQ(map().Freeze(), Errno::kOk);
  EXPECT_EQ(Get(0), 0);
  EXPECT_EQ(Delete(map(), 0), Errno::kPerm);
  EXPECT_THAT(StackOf(map(), 0), testing::Not(testing::IsEmpty()));
}

MapDef BuildIdDef(uint32_t max_entries, uint32_t frames) {
  return {.type = MapType::kStackTrace,
          .key_size = 4,
          .value_size = frames * static_cast<uint32_t>(sizeof(StackBuildId)),
          .max_entries = max_entries,
          .map_flags = kStackBuildId};
}

TEST_P(StackTraceMapTest, BuildIdsAreAddressesWhereThereAreNone) {
  New(Def(1 << 16));
  const Frames all = StackOf(map(), Get(0));
  const uint32_t most = static_cast<uint32_t>(all.size()) + 1;
  New(BuildIdDef(1 << 16, most));
  const int64_t id = Get(0, StackFlags{1});
  ASSERT_GE(id, 0);
  std::vector<StackBuildId> value(most);
  ASSERT_EQ(Lookup(map(), id, value.data()), Errno::kOk);
  for (std::size_t i = 0; i < most; ++i) {
    const bool there = i + 1 < all.size();
    EXPECT_EQ(value[i].status, there ? 2 : 0) << i;
    EXPECT_THAT(value[i].build_id, Each(0)) << i;
    EXPECT_EQ(value[i].ip, there ? all[i + 1] : 0) << i;
  }
}

TEST_P(StackTraceMapTest, BuildIdsNeedPlaceBeforeTheyAreCompared) {
  New(BuildIdDef(1, 4));
  ASSERT_EQ(Get(0), 0);
  EXPECT_EQ(Get(0), kNoMem);
  EXPECT_EQ(Get(1), kNoMem);
  EXPECT_EQ(Get(1, kReuseStackId), kNoMem);
}

INSTANTIATE_TEST_SUITE_P(Views, StackTraceMapTest,
                         testing::Values("cloud", "kernel"),
                         [](const auto& info) { return info.param; });

// The definitions that the golden rows have not, and what programs may do.

class StackTraceBackendTest : public BackendTest {};

TEST_P(StackTraceBackendTest, DefinitionsThatCanBeCreated) {
  if (!GetParam().has(MapType::kStackTrace)) GTEST_SKIP() << "not there";
  const auto create = [&](MapDef def) {
    TestMap map;
    return GetParam().create(def, &map);
  };
  EXPECT_EQ(create(Def(4, 127)), Errno::kOk);
  EXPECT_EQ(create(Def(4, 128)), Errno::kInval);
  EXPECT_EQ(create(BuildIdDef(4, 1)), Errno::kOk);
  EXPECT_EQ(create(BuildIdDef(4, 127)), Errno::kOk);
  EXPECT_EQ(create(BuildIdDef(4, 128)), Errno::kInval);
  MapDef def = BuildIdDef(4, 1);
  for (const uint32_t size : {8, 24, 40}) {
    def.value_size = size;
    EXPECT_EQ(create(def), Errno::kInval) << size;
  }
  def = Def(4);
  def.spin_lock_offset = 0;
  EXPECT_EQ(create(def), Errno::kOpNotSupp);
  def.value_size = 12;
  def.max_entries = 0xffffffff;
  EXPECT_EQ(create(def), Errno::kInval);
}

TEST_P(StackTraceBackendTest, ProgramMayNeitherLookUpUpdateNorDelete) {
  if (!GetParam().has(MapType::kStackTrace)) GTEST_SKIP() << "not there";
  TestMap map;
  ASSERT_EQ(GetParam().create(Def(4, 1), &map), Errno::kOk);
  const uint64_t bytes = 0;
  if (map.local() != nullptr) {
    EXPECT_EQ(map.local()->LookupElem(&bytes), nullptr);
    EXPECT_EQ(map.local()->UpdateElem(&bytes, &bytes, kAny), Errno::kInval);
    EXPECT_EQ(map.local()->DeleteElem(&bytes), Errno::kInval);
    return;
  }
  for (const int helper :
       {kHelperMapLookupElem, kHelperMapUpdateElem, kHelperMapDeleteElem}) {
    EXPECT_EQ(LoadElementHelper(static_cast<KernelMap&>(*map.get()), helper),
              Errno::kInval);
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, StackTraceBackendTest,
                         ::testing::ValuesIn(Backends()), BackendName);

// The stack of the thread.

ABSL_ATTRIBUTE_NOINLINE int64_t Ask(StackTraceMap<Cloud>& map,
                                    StackFlags flags = {}) {
  const int64_t id = map.GetStackId(flags);
  ABSL_BLOCK_TAIL_CALL_OPTIMIZATION();
  return id;
}
ABSL_ATTRIBUTE_NOINLINE int64_t AskFrom(int depth, StackTraceMap<Cloud>& map,
                                        StackFlags flags = {}) {
  const int64_t id =
      depth == 0 ? Ask(map, flags) : AskFrom(depth - 1, map, flags);
  ABSL_BLOCK_TAIL_CALL_OPTIMIZATION();
  return id;
}

class OwnStackTest : public testing::Test {
 protected:
  OwnStackTest() : map_(Def(1 << 14)) { EXPECT_EQ(map_.Init(), Errno::kOk); }
  StackTraceMap<Cloud> map_;
};

TEST_F(OwnStackTest, ItStartsWithCaller) {
  int64_t ids[2];
  volatile int calls = 2;  // from one place: the loop stays one
  for (int i = 0; i < calls; ++i) ids[i] = Ask(map_);
  EXPECT_GE(ids[0], 0);
  EXPECT_EQ(ids[0], ids[1]);
  const Frames frames = StackOf(map_, ids[0]);
  ASSERT_GE(frames.size(), 2u);
  const uint64_t ask = reinterpret_cast<uintptr_t>(&Ask);
  EXPECT_GT(frames[0], ask);
  EXPECT_LT(frames[0], ask + 4096);
}

TEST_F(OwnStackTest, OneFrameForEachCall) {
  const Frames shallow = StackOf(map_, AskFrom(3, map_));
  const Frames deeper = StackOf(map_, AskFrom(10, map_));
  ASSERT_GE(shallow.size(), 5u);
  EXPECT_EQ(deeper.size(), shallow.size() + 7);
  // All calls of AskFrom by itself are from one place.
  EXPECT_EQ(std::count(deeper.begin(), deeper.end(), deeper[2]), 10);
}

TEST_F(OwnStackTest, SkippingLeavesInnermostOut) {
  const Frames all = StackOf(map_, AskFrom(3, map_));
  const Frames rest = StackOf(map_, AskFrom(3, map_, StackFlags{2}));
  EXPECT_THAT(rest, SizeIs(all.size() - 2));
  EXPECT_EQ(rest[0], all[2]);
  EXPECT_EQ(AskFrom(3, map_, StackFlags{255}), kFault);
}

TEST_F(OwnStackTest, VeryDeepStackIsCut) {
  EXPECT_THAT(StackOf(map_, AskFrom(300, map_)), SizeIs(kMaxStack));
  EXPECT_THAT(StackOf(map_, AskFrom(300, map_, StackFlags{10})),
              SizeIs(kMaxStack - 10));
}

// Writers put stacks into few buckets and take them out; a stack that is read
// is one of those that were put in, and belongs to its id.
TEST(StackTraceMapConcurrencyTest, StackIsNeverTorn) {
  constexpr uint32_t kBuckets = 4, kFrames = 20;
  StackTraceMap<Cloud> map(Def(kBuckets, kFrames));
  ASSERT_EQ(map.Init(), Errno::kOk);
  const auto put = [&](uint64_t number, StackFlags flags) {
    uint64_t frames[kFrames];
    const uint32_t count = 1 + static_cast<uint32_t>(number % kFrames);
    std::fill_n(frames, count, number + 1);
    return map.GetStackIdOf(frames, count, flags);
  };
  ThreadTeam team;
  for (uint64_t worker = 0; worker < 2; ++worker) {
    team.AddWorker([&, worker]() -> testing::AssertionResult {
      for (Steps steps(200'000); steps.Next();) {
        const uint64_t number = (steps.begun() * 7 + worker * 13) % 61;
        const int64_t id =
            put(number, steps.begun() % 2 ? StackFlags{} : kReuseStackId);
        if (id >= kBuckets || (id < 0 && id != kNoMem && id != kExist)) {
          return testing::AssertionFailure() << id;
        }
        const uint32_t key = static_cast<uint32_t>(steps.begun() % kBuckets);
        if (steps.begun() % 3 == 0) std::ignore = map.Delete(&key);
      }
      return testing::AssertionSuccess();
    });
  }
  for (uint32_t key = 0; key < kBuckets; ++key) {
    team.AddWatcher([&, key]() -> testing::AssertionResult {
      uint64_t value[kFrames];
      if (map.Lookup(&key, value) != Errno::kOk) {
        return testing::AssertionSuccess();
      }
      const uint32_t count =
          1 + static_cast<uint32_t>((value[0] - 1) % kFrames);
      for (uint32_t i = 0; i < kFrames; ++i) {
        if (value[i] != (i < count ? value[0] : 0)) {
          return testing::AssertionFailure()
                 << "frame " << i << " of " << count;
        }
      }
      if (internal::Jhash(value, count * 8, 0) % kBuckets != key) {
        return testing::AssertionFailure() << "not the stack of " << key;
      }
      return testing::AssertionSuccess();
    });
  }
  team.Run();
  // Each place is still to be had.
  for (uint32_t key = 0; key < kBuckets; ++key) std::ignore = map.Delete(&key);
  std::set<int64_t> ids;
  for (uint64_t number = 0; number < 61; ++number) ids.insert(put(number, {}));
  ids.erase(kExist);
  EXPECT_THAT(ids, ElementsAre(0, 1, 2, 3));
}

}  // namespace
}  // namespace bpfmap
