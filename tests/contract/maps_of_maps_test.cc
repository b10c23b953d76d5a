// SPDX-License-Identifier: Apache-2.0

// The contract of maps of maps, rule by rule, here and in the kernel; how long
// inner maps live; and readers that meet a writer.
//
// The inner maps that they take, and every flag and error, stand in
// golden/kernel_errno.tsv.

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "bpfmap/maps/array_of_maps.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_of_maps.h"
#include "bpfmap/maps/internal/rules/inner_maps.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_fd_table.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "bpfmap/profiles/heap.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/descriptor.h"
#include "tests/support/kernel_program.h"
#include "tests/support/kernel_support.h"
#include "tests/support/print_errno.h"
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

static_assert(kHasMapsOfMaps<Cloud> && !kHasMapsOfMaps<Embedded>);
static_assert(CheckDef<Embedded>({.type = MapType::kArrayOfMaps,
                                  .key_size = 4,
                                  .value_size = 4,
                                  .max_entries = 1})
                  .error == Errno::kInval);

constexpr MapDef kInner = {
    .type = MapType::kArray, .key_size = 4, .value_size = 8, .max_entries = 4};

MapDef OuterDef(MapType type, uint32_t template_fd) {
  return {.type = type,
          .key_size = 4,
          .value_size = 4,
          .max_entries = 4,
          .inner_map_fd = template_fd};
}

// For each type, on each backend that has it.
class MapsOfMapsTest
    : public ::testing::TestWithParam<std::tuple<MapType, Backend>> {
 protected:
  void SetUp() override {
    if (backend().is_kernel) SKIP_WITHOUT_KERNEL();
    const TestMap like = NewInner(0);
    const Descriptor descriptor(like);
    ASSERT_EQ(backend().create(OuterDef(type(), descriptor.number()), &outer_),
              Errno::kOk);
    // The template is gone by now.
  }

  static MapType type() { return std::get<0>(GetParam()); }
  static const Backend& backend() { return std::get<1>(GetParam()); }
  static bool is_array() { return type() == MapType::kArrayOfMaps; }

  // An inner map of which element 0 is `value`.
  static TestMap NewInner(uint64_t value) {
    TestMap map;
    EXPECT_EQ(backend().create(kInner, &map), Errno::kOk);
    const uint32_t zero = 0;
    EXPECT_EQ(map->Update(&zero, &value), Errno::kOk);
    return map;
  }

  Errno Put(uint32_t key, const TestMap& inner, ElemFlags flags = kAny) {
    const Descriptor descriptor(inner);
    const uint32_t fd = descriptor.number();
    return outer_->Update(&key, &fd, flags);
  }
  // 0 if there is none.
  uint32_t IdAt(uint32_t key) {
    uint32_t id = 0;
    const Errno error = outer_->Lookup(&key, &id);
    EXPECT_EQ(error, id == 0 ? Errno::kNoEnt : Errno::kOk);
    return id;
  }
  Errno Delete(uint32_t key) { return outer_->Delete(&key); }

  TestMap outer_;
};

TEST_P(MapsOfMapsTest, LookupShowsIdOfMapThatWasPutIn) {
  const TestMap one = NewInner(1), two = NewInner(2);
  EXPECT_EQ(IdAt(0), 0u);
  ASSERT_EQ(Put(0, one), Errno::kOk);
  ASSERT_EQ(Put(1, two), Errno::kOk);
  ASSERT_EQ(Put(2, one), Errno::kOk);
  EXPECT_NE(IdAt(0), IdAt(1));
  EXPECT_EQ(IdAt(0), IdAt(2));
  ASSERT_EQ(Put(0, two), Errno::kOk);
  EXPECT_EQ(IdAt(0), IdAt(1));
}

TEST_P(MapsOfMapsTest, DeleteEmptiesSlot) {
  const TestMap inner = NewInner(1);
  ASSERT_EQ(Put(1, inner), Errno::kOk);
  EXPECT_EQ(Delete(1), Errno::kOk);
  EXPECT_EQ(IdAt(1), 0u);
  EXPECT_EQ(Delete(1), Errno::kNoEnt);
  EXPECT_EQ(Delete(9), is_array() ? Errno::k2Big : Errno::kNoEnt);
}

TEST_P(MapsOfMapsTest, DescriptorThatIsNotOpenIsBadF) {
  const uint32_t key = 1, fd = 9999;
  EXPECT_EQ(outer_->Update(&key, &fd), Errno::kBadF);
  // An array looks at its flags and the index first, a hash at the descriptor.
  EXPECT_EQ(outer_->Update(&key, &fd, kNoExist),
            is_array() ? Errno::kInval : Errno::kBadF);
  const uint32_t past_end = 9;
  EXPECT_EQ(outer_->Update(&past_end, &fd),
            is_array() ? Errno::k2Big : Errno::kBadF);
  TestMap outer;
  EXPECT_EQ(backend().create(OuterDef(type(), fd), &outer), Errno::kBadF);
}

TEST_P(MapsOfMapsTest, RefusedMapLeavesOneThatIsThere) {
  ASSERT_EQ(Put(1, NewInner(1)), Errno::kOk);
  const uint32_t id = IdAt(1);
  MapDef other = kInner;
  other.max_entries = 5;
  TestMap inner;
  ASSERT_EQ(backend().create(other, &inner), Errno::kOk);
  EXPECT_EQ(Put(1, inner), Errno::kInval);
  EXPECT_EQ(Put(1, outer_), Errno::kInval);
  EXPECT_EQ(IdAt(1), id);
}

TEST_P(MapsOfMapsTest, BatchShowsIdsAndSkipsEmptySlots) {
  const TestMap one = NewInner(1), two = NewInner(2);
  ASSERT_EQ(Put(1, one), Errno::kOk);
  ASSERT_EQ(Put(3, two), Errno::kOk);
  std::array<uint32_t, 4> keys{}, ids{};
  uint32_t position, count = 4;
  EXPECT_EQ(
      outer_->LookupBatch(nullptr, &position, keys.data(), ids.data(), &count),
      Errno::kNoEnt);
  ASSERT_EQ(count, 2u);
  for (uint32_t i = 0; i < count; ++i) EXPECT_EQ(ids[i], IdAt(keys[i]));
  EXPECT_THAT(std::vector(keys.begin(), keys.begin() + 2),
              UnorderedElementsAre(1, 3));
}

TEST_P(MapsOfMapsTest, BatchThatDeletesEmptiesHash) {
  if (is_array()) return;  // it has none
  const TestMap one = NewInner(1);
  for (uint32_t key = 0; key < 3; ++key) ASSERT_EQ(Put(key, one), Errno::kOk);
  const uint32_t id = IdAt(0);
  std::array<uint32_t, 4> keys{}, ids{};
  uint32_t position, count = 4;
  EXPECT_EQ(outer_->LookupAndDeleteBatch(nullptr, &position, keys.data(),
                                         ids.data(), &count),
            Errno::kNoEnt);
  ASSERT_EQ(count, 3u);
  EXPECT_THAT(ids, ElementsAre(id, id, id, 0));
  for (uint32_t key = 0; key < 3; ++key) EXPECT_EQ(IdAt(key), 0u);
}

// The element that a program finds in the inner map.
std::optional<uint64_t> ReadByProgram(const TestMap& outer, uint32_t key) {
  if (LocalMap* const local = outer.local()) {
    auto* const inner = static_cast<LocalMap*>(local->LookupElem(&key));
    if (inner == nullptr) return std::nullopt;
    const uint32_t zero = 0;
    uint64_t value;
    std::memcpy(&value, inner->LookupElem(&zero), sizeof value);
    return value;
  }
  BpfAssembler program;
  program.MoveValue(kR1, static_cast<int32_t>(key))
      .Store(4, kR10, -4, kR1)
      .LoadMap(kR1, static_cast<KernelMap*>(outer.get())->fd())
      .Move(kR2, kR10)
      .AddValue(kR2, -4)
      .Call(kHelperMapLookupElem)
      .SkipIfZero(kR0, 9)
      .Move(kR6, kR0)
      .MoveValue(kR1, 0)
      .Store(4, kR10, -4, kR1)
      .Move(kR1, kR6)
      .Move(kR2, kR10)
      .AddValue(kR2, -4)
      .Call(kHelperMapLookupElem)
      .SkipIfZero(kR0, 1)
      .Load(8, kR0, kR0, 0)
      .Exit();
  int result = -1;
  const KernelProgram loaded(program);
  EXPECT_EQ(loaded.Run(&result), Errno::kOk) << loaded.verifier_log();
  if (result == 0) return std::nullopt;  // values here are not 0
  return result;
}

TEST_P(MapsOfMapsTest, ProgramFindsLiveInnerMap) {
  const TestMap inner = NewInner(7);
  ASSERT_EQ(Put(1, inner), Errno::kOk);
  EXPECT_EQ(ReadByProgram(outer_, 1), 7u);
  EXPECT_EQ(ReadByProgram(outer_, 2), std::nullopt);
  EXPECT_EQ(ReadByProgram(outer_, 4), std::nullopt);
  EXPECT_EQ(ReadByProgram(outer_, -1), std::nullopt);
  const uint32_t zero = 0;
  const uint64_t value = 8;
  ASSERT_EQ(inner->Update(&zero, &value), Errno::kOk);
  EXPECT_EQ(ReadByProgram(outer_, 1), 8u);
  ASSERT_EQ(Put(1, NewInner(9)), Errno::kOk);
  EXPECT_EQ(ReadByProgram(outer_, 1), 9u);
}

// A program that updates or deletes is refused with `error`.
void ExpectNoWrites(const TestMap& map, Errno error) {
  const uint32_t key = 1, value = 3;
  if (map.local() != nullptr) {
    EXPECT_EQ(map.local()->UpdateElem(&key, &value, kAny), error);
    EXPECT_EQ(map.local()->DeleteElem(&key), error);
  } else {
    KernelHelpers helpers(*static_cast<KernelMap*>(map.get()));
    EXPECT_EQ(helpers.UpdateElem(&key, &value, kAny), error);
    EXPECT_EQ(helpers.DeleteElem(&key), error);
  }
}

TEST_P(MapsOfMapsTest, ProgramMayNeitherUpdateNorDelete) {
  ExpectNoWrites(outer_, Errno::kInval);
  if (is_array()) return;  // which takes no such flag
  const Descriptor like(NewInner(0));
  MapDef def = OuterDef(type(), like.number());
  def.map_flags = kRdOnlyProg;
  TestMap read_only;
  ASSERT_EQ(backend().create(def, &read_only), Errno::kOk);
  ExpectNoWrites(read_only, Errno::kAcces);
}

TEST_P(MapsOfMapsTest, TemplateIsCheckedBehindSizesAndBeforeName) {
  const TestMap like = NewInner(0);
  const Descriptor descriptor(like);
  const auto error_of = [](const MapDef& def) {
    TestMap map;
    return backend().create(def, &map);
  };
  MapDef def = OuterDef(type(), 9999);
  def.name[0] = '-';
  EXPECT_EQ(error_of(def), Errno::kBadF);
  def.max_entries = 1U << 28;
  EXPECT_EQ(error_of(def), Errno::kBadF);
  def.value_size = 8;
  EXPECT_EQ(error_of(def), Errno::kInval);
  def = OuterDef(type(), descriptor.number());
  def.name[0] = '-';
  EXPECT_EQ(error_of(def), Errno::kInval);
  if (is_array()) return;
  def.max_entries = 1U << 28;
  EXPECT_EQ(error_of(def), Errno::k2Big);
}

TEST_P(MapsOfMapsTest, InnerMapOutlivesItsDescriptors) {
  {
    const TestMap inner = NewInner(7);
    ASSERT_EQ(Put(1, inner), Errno::kOk);
  }
  EXPECT_EQ(ReadByProgram(outer_, 1), 7u);
}

INSTANTIATE_TEST_SUITE_P(
    Backends, MapsOfMapsTest,
    ::testing::Combine(
        ::testing::Values(MapType::kArrayOfMaps, MapType::kHashOfMaps),
        ::testing::Values(Backends().front(), Backends().back())),
    [](const auto& info) {
      return std::string(MapTypeName(std::get<0>(info.param))) + "_" +
             std::get<1>(info.param).name;
    });

// How long inner maps live, of both classes.

template <typename Outer>
class InnerMapLifeTest : public ::testing::Test {
 protected:
  InnerMapLifeTest() {
    constexpr bool kIsArray = std::is_same_v<Outer, ArrayOfMaps<Cloud>>;
    outer_.emplace(
        OuterDef(kIsArray ? MapType::kArrayOfMaps : MapType::kHashOfMaps,
                 fd_table_.Open(CreateMap(kInner).value())),
        &memory_, &fd_table_);
    EXPECT_EQ(outer_->Init(), Errno::kOk);
  }

  // Puts a new map in, to which nothing else refers then.
  std::weak_ptr<LocalMap> PutNew(uint32_t key, uint64_t value) {
    std::shared_ptr<LocalMap> inner = CreateMap(kInner).value();
    std::weak_ptr<LocalMap> seen = inner;
    const uint32_t zero = 0;
    EXPECT_EQ(inner->Update(&zero, &value), Errno::kOk);
    const uint32_t fd = fd_table_.Open(std::move(inner));
    EXPECT_EQ(outer_->Update(&key, &fd), Errno::kOk);
    EXPECT_EQ(fd_table_.Close(fd), Errno::kOk);
    return seen;
  }

  Heap memory_;
  MapFdTable fd_table_;
  std::optional<Outer> outer_;
};

using Outers = ::testing::Types<ArrayOfMaps<Cloud>, HashOfMaps<Cloud>>;
TYPED_TEST_SUITE(InnerMapLifeTest, Outers);

TYPED_TEST(InnerMapLifeTest, ElementKeepsItAlive) {
  const auto inner = this->PutNew(1, 7);
  EXPECT_FALSE(inner.expired());
  this->outer_.reset();
  EXPECT_TRUE(inner.expired());
}

TYPED_TEST(InnerMapLifeTest, ReplacedMapLivesUntilItIsReleased) {
  const uint32_t key = 1, zero = 0;
  const auto first = this->PutNew(key, 7);
  auto* const found = static_cast<LocalMap*>(this->outer_->LookupElem(&key));
  const auto second = this->PutNew(key, 8);
  uint64_t value = 0;
  EXPECT_EQ(found->Lookup(&zero, &value), Errno::kOk);
  EXPECT_EQ(value, 7u);
  this->outer_->ReclaimRetired();
  EXPECT_TRUE(first.expired());
  EXPECT_FALSE(second.expired());
  EXPECT_EQ(this->outer_->Delete(&key), Errno::kOk);
  EXPECT_FALSE(second.expired());
  this->outer_->ReclaimRetired();
  EXPECT_TRUE(second.expired());
}

TYPED_TEST(InnerMapLifeTest, LastOfTwoElementsCounts) {
  const uint32_t key = 1, other = 2;
  const auto inner = this->PutNew(key, 7);
  const uint32_t fd = this->fd_table_.Open(inner.lock());
  EXPECT_EQ(this->outer_->Update(&other, &fd), Errno::kOk);
  EXPECT_EQ(this->outer_->Update(&other, &fd), Errno::kOk);  // itself again
  EXPECT_EQ(this->fd_table_.Close(fd), Errno::kOk);
  EXPECT_EQ(this->outer_->Delete(&key), Errno::kOk);
  this->outer_->ReclaimRetired();
  EXPECT_FALSE(inner.expired());
  EXPECT_EQ(this->outer_->Delete(&other), Errno::kOk);
  this->outer_->ReclaimRetired();
  EXPECT_TRUE(inner.expired());
}

TYPED_TEST(InnerMapLifeTest, ReadersFindOneOfMapsThatWerePutIn) {
  const uint32_t key = 1;
  this->PutNew(key, 1);
  ThreadTeam team;
  team.AddWorker([&] {
    for (Steps steps(2'000); steps.Next();) this->PutNew(key, steps.begun());
    return testing::AssertionSuccess();
  });
  for (int reader = 0; reader < 2; ++reader) {
    team.AddWatcher([&]() -> testing::AssertionResult {
      auto* const inner =
          static_cast<LocalMap*>(this->outer_->LookupElem(&key));
      if (inner == nullptr) return testing::AssertionFailure() << "no map";
      const uint32_t zero = 0;
      uint64_t value = 0;
      if (inner->Lookup(&zero, &value) != Errno::kOk || value == 0) {
        return testing::AssertionFailure() << "not the map that was put in";
      }
      uint32_t id = 0;
      if (this->outer_->Lookup(&key, &id) != Errno::kOk || id == 0) {
        return testing::AssertionFailure() << "no id";
      }
      return testing::AssertionSuccess();
    });
  }
  team.Run();
}

}  // namespace
}  // namespace bpfmap
