// SPDX-License-Identifier: Apache-2.0

// The map helpers as a BPF program calls them: every test runs on a local map
// and, through small programs, on the kernel, and expects the same of both.

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_program.h"
#include "tests/support/kernel_support.h"
#include "tests/support/lru_rule.h"
#include "tests/support/on_cpu.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

// A map with keys of 4 and values of 8 bytes, as a program sees it.
class ProgramView {
 public:
  virtual ~ProgramView() = default;

  // Whether the lookup helper returns a pointer, and what it points at.
  virtual bool Found(uint32_t key) = 0;
  virtual std::optional<uint64_t> Lookup(uint32_t key) = 0;

  virtual Errno Update(uint32_t key, uint64_t value, ElemFlags flags) = 0;
  virtual Errno Delete(uint32_t key) = 0;

  // The same map from user space.
  virtual BpfMap& user() = 0;
};

class LocalView final : public ProgramView {
 public:
  explicit LocalView(std::shared_ptr<LocalMap> map) : map_(std::move(map)) {}

  bool Found(uint32_t key) override {
    return map_->LookupElem(&key) != nullptr;
  }
  std::optional<uint64_t> Lookup(uint32_t key) override {
    const void* found = map_->LookupElem(&key);
    if (found == nullptr) return std::nullopt;
    uint64_t value;
    std::memcpy(&value, found, sizeof(value));
    return value;
  }
  Errno Update(uint32_t key, uint64_t value, ElemFlags flags) override {
    return map_->UpdateElem(&key, &value, flags);
  }
  Errno Delete(uint32_t key) override { return map_->DeleteElem(&key); }
  BpfMap& user() override { return *map_; }

 private:
  const std::shared_ptr<LocalMap> map_;
};

class KernelView final : public ProgramView {
 public:
  explicit KernelView(std::unique_ptr<KernelMap> map)
      : map_(std::move(map)), helpers_(*map_) {}

  bool Found(uint32_t key) override { return helpers_.Found(&key); }
  std::optional<uint64_t> Lookup(uint32_t key) override {
    uint64_t value;
    if (!helpers_.LookupElem(&key, &value)) return std::nullopt;
    return value;
  }
  Errno Update(uint32_t key, uint64_t value, ElemFlags flags) override {
    return helpers_.UpdateElem(&key, &value, flags);
  }
  Errno Delete(uint32_t key) override { return helpers_.DeleteElem(&key); }
  BpfMap& user() override { return *map_; }

 private:
  const std::unique_ptr<KernelMap> map_;
  KernelHelpers helpers_;
};

MapDef Def(MapType type, MapFlags map_flags, uint32_t spin_lock_offset) {
  return {.type = type,
          .key_size = 4,
          .value_size = 8,
          .max_entries = 4,
          .map_flags = map_flags,
          .spin_lock_offset = spin_lock_offset};
}

class ProgramViewTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (OnKernel()) SKIP_WITHOUT_KERNEL();
  }

  static bool OnKernel() { return GetParam() == "kernel"; }

  // A new map of 4 entries, or null where that failed, which is reported.
  static std::unique_ptr<ProgramView> NewView(
      MapType type, MapFlags map_flags = {},
      uint32_t spin_lock_offset = kNoSpinLock) {
    const MapDef def = Def(type, map_flags, spin_lock_offset);
    if (OnKernel()) {
      absl::StatusOr<std::unique_ptr<KernelMap>> map = KernelMap::Create(def);
      EXPECT_TRUE(map.ok()) << map.status();
      if (!map.ok()) return nullptr;
      return std::make_unique<KernelView>(*std::move(map));
    }
    absl::StatusOr<std::shared_ptr<LocalMap>> map = CreateMap(def);
    EXPECT_TRUE(map.ok()) << map.status();
    if (!map.ok()) return nullptr;
    return std::make_unique<LocalView>(*std::move(map));
  }
};

INSTANTIATE_TEST_SUITE_P(Backends, ProgramViewTest,
                         testing::Values("local", "kernel"),
                         [](const auto& info) { return info.param; });

constexpr uint64_t kAllBits = ~uint64_t{0};

// map_flags of the two ways in which a hash map keeps its elements.
constexpr MapFlags kHashKinds[] = {MapFlags{}, kNoPrealloc};

constexpr ElemFlags kBit32{uint64_t{1} << 32};

// The answers of an update in each state of a hash map.
struct HashRow {
  ElemFlags flags;
  Errno absent;   // the key is not there, and there is room
  Errno present;  // it is there, whether the map is full or not
  Errno full;     // it is not there, and the map is full
};

// clang-format off
constexpr HashRow kHashRows[] = {
    // flags             absent          present         full
    {kAny,               Errno::kOk,     Errno::kOk,     Errno::k2Big},
    {kNoExist,           Errno::kOk,     Errno::kExist,  Errno::k2Big},
    {kExist,             Errno::kNoEnt,  Errno::kOk,     Errno::kNoEnt},
    {kNoExist | kExist,  Errno::kInval,  Errno::kInval,  Errno::kInval},
    {kLock,              Errno::kInval,  Errno::kInval,  Errno::kInval},
    {kLock | kNoExist,   Errno::kInval,  Errno::kInval,  Errno::kInval},
    {kLock | kExist,     Errno::kInval,  Errno::kInval,  Errno::kInval},
    {ElemFlags{7},       Errno::kInval,  Errno::kInval,  Errno::kInval},
    {ElemFlags{8},       Errno::kInval,  Errno::kInval,  Errno::kInval},
    {ElemFlags{16},      Errno::kInval,  Errno::kInval,  Errno::kInval},
    {kBit32,             Errno::kInval,  Errno::kInval,  Errno::kInval},
    {~ElemFlags{},       Errno::kInval,  Errno::kInval,  Errno::kInval},
};
// clang-format on

// The answers of an update for an index of an array map.
struct ArrayRow {
  ElemFlags flags;
  Errno in_range;
  Errno past_end;
};

// clang-format off
constexpr ArrayRow kArrayRows[] = {
    // flags             in range        past the end
    {kAny,               Errno::kOk,     Errno::k2Big},
    {kNoExist,           Errno::kExist,  Errno::k2Big},
    {kExist,             Errno::kOk,     Errno::k2Big},
    {kNoExist | kExist,  Errno::kInval,  Errno::kInval},
    {kLock,              Errno::kInval,  Errno::k2Big},
    {kLock | kNoExist,   Errno::kExist,  Errno::k2Big},
    {kLock | kExist,     Errno::kInval,  Errno::k2Big},
    {ElemFlags{7},       Errno::kInval,  Errno::kInval},
    {ElemFlags{8},       Errno::kInval,  Errno::kInval},
    {ElemFlags{16},      Errno::kInval,  Errno::kInval},
    {kBit32,             Errno::kInval,  Errno::kInval},
    {~ElemFlags{},       Errno::kInval,  Errno::kInval},
};
// clang-format on

// Updates `key` from `before` to 9 and checks the answer and what is then read.
void CheckUpdate(ProgramView& view, uint32_t key, ElemFlags flags,
                 std::optional<uint64_t> before, Errno expected,
                 absl::string_view state) {
  const MapDef def = view.user().def();
  SCOPED_TRACE(absl::StrCat(
      "row: ", MapTypeName(def.type), ", map_flags 0x",
      absl::Hex(ToNumber(def.map_flags)),
      def.spin_lock_offset == kNoSpinLock ? ", no lock" : ", with a lock",
      "; update of key ", key, " (", state, "), flags 0x",
      absl::Hex(ToNumber(flags))));
  ASSERT_EQ(view.Lookup(key), before);
  EXPECT_EQ(view.Update(key, 9, flags), expected);
  EXPECT_EQ(view.Lookup(key), expected == Errno::kOk ? 9 : before);
}

void CheckHashUpdate(ProgramView& view, const HashRow& row) {
  CheckUpdate(view, 1, row.flags, std::nullopt, row.absent, "absent");
  ASSERT_EQ(view.Update(1, 7, kAny), Errno::kOk);
  CheckUpdate(view, 1, row.flags, 7, row.present, "present");
  ASSERT_EQ(view.Update(1, 7, kAny), Errno::kOk);
  for (uint32_t key : {2, 3, 4}) {
    ASSERT_EQ(view.Update(key, 8, kAny), Errno::kOk);
  }
  CheckUpdate(view, 1, row.flags, 7, row.present, "present, map full");
  CheckUpdate(view, 5, row.flags, std::nullopt, row.full, "absent, map full");
}

void CheckArrayUpdate(ProgramView& view, const ArrayRow& row) {
  for (uint32_t index : {0U, 3U}) {
    CheckUpdate(view, index, row.flags, 0, row.in_range, "in range");
  }
  for (uint32_t index : {4U, 0xffffffffU}) {
    CheckUpdate(view, index, row.flags, std::nullopt, row.past_end,
                "past the end");
  }
}

TEST_P(ProgramViewTest, HashUpdateAnswersByItsFlags) {
  for (const MapFlags map_flags : kHashKinds) {
    for (const HashRow& row : kHashRows) {
      const auto view = NewView(MapType::kHash, map_flags);
      ASSERT_NE(view, nullptr);
      CheckHashUpdate(*view, row);
    }
  }
}

TEST_P(ProgramViewTest, ArrayUpdateAnswersByItsFlags) {
  for (const ArrayRow& row : kArrayRows) {
    const auto view = NewView(MapType::kArray);
    ASSERT_NE(view, nullptr);
    CheckArrayUpdate(*view, row);
  }
}

// The rows for kLock are those of the same flags without it.
TEST_P(ProgramViewTest, UpdateOfValueWithLockMayBeUnderLock) {
  for (const ElemFlags lock : {kAny, kLock}) {
    for (HashRow row : kHashRows) {
      if (HasAny(row.flags, kLock)) continue;
      row.flags |= lock;
      for (const MapFlags map_flags : kHashKinds) {
        const auto view = NewView(MapType::kHash, map_flags, 4);
        ASSERT_NE(view, nullptr);
        CheckHashUpdate(*view, row);
      }
    }
    for (ArrayRow row : kArrayRows) {
      if (HasAny(row.flags, kLock)) continue;
      row.flags |= lock;
      const auto view = NewView(MapType::kArray, {}, 4);
      ASSERT_NE(view, nullptr);
      CheckArrayUpdate(*view, row);
    }
  }
}

TEST_P(ProgramViewTest, LockOfValueIsNotCopiedIn) {
  for (const MapType type : {MapType::kHash, MapType::kArray}) {
    const auto view = NewView(type, {}, 4);
    ASSERT_NE(view, nullptr);
    for (const ElemFlags flags : {kAny, kLock}) {
      EXPECT_EQ(view->Update(1, kAllBits, flags), Errno::kOk);
      EXPECT_EQ(view->Lookup(1), 0xffffffff);
    }
  }
}

// As a hash map's, but that a full one makes room; at once, even for an update
// that fails.
TEST_P(ProgramViewTest, LruUpdateAnswersByItsFlagsAndMakesRoom) {
  const OnCpu on_cpu;
  for (HashRow row : kHashRows) {
    if (row.full == Errno::k2Big) row.full = Errno::kOk;
    const auto view = NewView(MapType::kLruHash);
    ASSERT_NE(view, nullptr);
    CheckUpdate(*view, 1, row.flags, std::nullopt, row.absent, "absent");
    ASSERT_EQ(view->Update(1, 7, kAny), Errno::kOk);
    CheckUpdate(*view, 1, row.flags, 7, row.present, "present");
    const auto full = NewView(MapType::kLruHash);
    ASSERT_NE(full, nullptr);
    for (const uint32_t key : {1, 2, 3, 4}) {
      ASSERT_EQ(full->Update(key, 8, kAny), Errno::kOk);
    }
    CheckUpdate(*full, 5, row.flags, std::nullopt, row.full, "absent, full");
    // The oldest have left, unless the flags were refused before.
    const std::set<uint32_t> stay = LruRule(4).StayAfterOneMore();
    for (const uint32_t key : {1, 2, 3, 4}) {
      EXPECT_EQ(full->Found(key),
                row.full == Errno::kInval || stay.count(key - 1) == 1);
    }
  }
}

TEST_P(ProgramViewTest, LruDeleteIsNoEntWhereKeyWasEvicted) {
  const OnCpu on_cpu;
  const auto view = NewView(MapType::kLruHash);
  ASSERT_NE(view, nullptr);
  for (const uint32_t key : {1, 2, 3, 4, 5}) {
    ASSERT_EQ(view->Update(key, 8, kAny), Errno::kOk);
  }
  EXPECT_EQ(view->Delete(1), Errno::kNoEnt);
  EXPECT_EQ(view->Delete(5), Errno::kOk);
  EXPECT_EQ(view->Delete(5), Errno::kNoEnt);
}

TEST_P(ProgramViewTest, LookupOfProgramKeepsKeyAndOneOfUserDoesNot) {
  const OnCpu on_cpu;
  for (const bool program : {false, true}) {
    const auto view = NewView(MapType::kLruHash);
    ASSERT_NE(view, nullptr);
    for (const uint32_t key : {1, 2, 3, 4}) {
      ASSERT_EQ(view->Update(key, 8, kAny), Errno::kOk);
    }
    for (uint32_t key = 5; key < 20; ++key) {
      const uint32_t first = 1;
      uint64_t value;
      if (program) {
        EXPECT_TRUE(view->Found(first));
      } else {
        (void)view->user().Lookup(&first, &value);  // it may be gone
      }
      ASSERT_EQ(view->Update(key, 8, kAny), Errno::kOk);
    }
    EXPECT_EQ(view->Found(1), program);
  }
}

TEST_P(ProgramViewTest, HashLookupFindsWhatIsThere) {
  for (const MapFlags map_flags : kHashKinds) {
    const auto view = NewView(MapType::kHash, map_flags);
    ASSERT_NE(view, nullptr);
    EXPECT_FALSE(view->Found(1));
    ASSERT_EQ(view->Update(1, kAllBits, kAny), Errno::kOk);
    EXPECT_TRUE(view->Found(1));
    EXPECT_EQ(view->Lookup(1), kAllBits);
    EXPECT_FALSE(view->Found(2));
  }
}

TEST_P(ProgramViewTest, ArrayLookupFindsEveryIndexInRange) {
  const auto view = NewView(MapType::kArray);
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->Lookup(0), 0);
  EXPECT_EQ(view->Lookup(3), 0);
  EXPECT_FALSE(view->Found(4));
  EXPECT_FALSE(view->Found(0xffffffff));
}

TEST_P(ProgramViewTest, HashDeleteGivesPlaceBack) {
  for (const MapFlags map_flags : kHashKinds) {
    const auto view = NewView(MapType::kHash, map_flags);
    ASSERT_NE(view, nullptr);
    EXPECT_EQ(view->Delete(1), Errno::kNoEnt);
    for (uint32_t key : {1, 2, 3, 4}) {
      ASSERT_EQ(view->Update(key, key, kNoExist), Errno::kOk);
    }
    EXPECT_EQ(view->Delete(5), Errno::kNoEnt);
    EXPECT_EQ(view->Delete(2), Errno::kOk);
    EXPECT_FALSE(view->Found(2));
    EXPECT_EQ(view->Delete(2), Errno::kNoEnt);
    EXPECT_EQ(view->Update(5, 5, kNoExist), Errno::kOk);
    EXPECT_EQ(view->Update(2, 2, kNoExist), Errno::k2Big);
  }
}

TEST_P(ProgramViewTest, ArrayDeleteIsAlwaysInval) {
  const auto view = NewView(MapType::kArray);
  ASSERT_NE(view, nullptr);
  ASSERT_EQ(view->Update(0, 7, kAny), Errno::kOk);
  for (uint32_t index : {0U, 3U, 4U, 0xffffffffU}) {
    EXPECT_EQ(view->Delete(index), Errno::kInval) << "index " << index;
  }
  EXPECT_EQ(view->Lookup(0), 7);
}

TEST_P(ProgramViewTest, ProgramMayOnlyReadReadOnlyProgMap) {
  for (const MapType type :
       {MapType::kHash, MapType::kLruHash, MapType::kArray}) {
    const auto view = NewView(type, kRdOnlyProg);
    ASSERT_NE(view, nullptr);
    const uint32_t key = 1;
    const uint64_t value = 7;
    ASSERT_EQ(view->user().Update(&key, &value), Errno::kOk);
    for (const ElemFlags flags :
         {kAny, kNoExist, kExist, kLock, ~ElemFlags{}}) {
      EXPECT_EQ(view->Update(1, 9, flags), Errno::kAcces) << ToNumber(flags);
      EXPECT_EQ(view->Update(9, 9, flags), Errno::kAcces) << ToNumber(flags);
    }
    EXPECT_EQ(view->Delete(1), Errno::kAcces);
    EXPECT_EQ(view->Delete(9), Errno::kAcces);
    EXPECT_EQ(view->Lookup(1), 7);
    EXPECT_FALSE(view->Found(9));
  }
}

TEST_P(ProgramViewTest, ProgramMayUpdateWriteOnlyProgMap) {
  for (const MapType type :
       {MapType::kHash, MapType::kLruHash, MapType::kArray}) {
    const auto view = NewView(type, kWrOnlyProg);
    ASSERT_NE(view, nullptr);
    EXPECT_EQ(view->Update(1, 9, kAny), Errno::kOk);
    EXPECT_TRUE(view->Found(1));
    const uint32_t key = 1;
    uint64_t value = 0;
    EXPECT_EQ(view->user().Lookup(&key, &value), Errno::kOk);
    EXPECT_EQ(value, 9U);
    EXPECT_EQ(view->Delete(1),
              type == MapType::kArray ? Errno::kInval : Errno::kOk);
  }
}

TEST_P(ProgramViewTest, FreezeDoesNotStopProgram) {
  for (const MapType type :
       {MapType::kHash, MapType::kLruHash, MapType::kArray}) {
    const auto view = NewView(type);
    ASSERT_NE(view, nullptr);
    ASSERT_EQ(view->user().Freeze(), Errno::kOk);
    EXPECT_EQ(view->Update(1, 9, kAny), Errno::kOk);
    EXPECT_EQ(view->Lookup(1), 9);
    EXPECT_EQ(view->Delete(1),
              type == MapType::kArray ? Errno::kInval : Errno::kOk);
  }
}

TEST_P(ProgramViewTest, RightsOfUserViewDoNotStopProgram) {
  for (const MapType type :
       {MapType::kHash, MapType::kLruHash, MapType::kArray}) {
    for (const MapFlags map_flags : {kRdOnly, kWrOnly}) {
      const auto view = NewView(type, map_flags);
      ASSERT_NE(view, nullptr);
      EXPECT_EQ(view->Update(1, 9, kAny), Errno::kOk);
      EXPECT_EQ(view->Lookup(1), 9);
      EXPECT_EQ(view->Delete(1),
                type == MapType::kArray ? Errno::kInval : Errno::kOk);
    }
  }
}

// The verifier's answer to a program that looks up key 0 and then loads from,
// or stores through, the pointer. LocalMap leaves this to its caller.
Errno LoadThroughPointer(MapType type, MapFlags map_flags, bool store) {
  absl::StatusOr<std::unique_ptr<KernelMap>> map =
      KernelMap::Create(Def(type, map_flags, kNoSpinLock));
  EXPECT_TRUE(map.ok()) << map.status();
  if (!map.ok()) return Errno::kNoMem;
  BpfAssembler assembler;
  assembler.MoveValue(kR1, 0)
      .Store(4, kR10, -4, kR1)
      .Move(kR2, kR10)
      .AddValue(kR2, -4)
      .LoadMap(kR1, (*map)->fd())
      .Call(kHelperMapLookupElem)
      .SkipIfZero(kR0, 2)
      .MoveValue(kR1, 0);
  if (store) {
    assembler.Store(8, kR0, 0, kR1);
  } else {
    assembler.Load(8, kR1, kR0, 0);
  }
  return KernelProgram(assembler.MoveValue(kR0, 0).Exit()).load_error();
}

TEST(VerifierTest, StoreNeedsRightToWriteAndLoadRightToRead) {
  SKIP_WITHOUT_KERNEL();
  for (const MapType type : {MapType::kHash, MapType::kArray}) {
    EXPECT_EQ(LoadThroughPointer(type, {}, false), Errno::kOk);
    EXPECT_EQ(LoadThroughPointer(type, {}, true), Errno::kOk);
    EXPECT_EQ(LoadThroughPointer(type, kRdOnlyProg, false), Errno::kOk);
    EXPECT_EQ(LoadThroughPointer(type, kRdOnlyProg, true), Errno::kAcces);
    EXPECT_EQ(LoadThroughPointer(type, kWrOnlyProg, false), Errno::kAcces);
    EXPECT_EQ(LoadThroughPointer(type, kWrOnlyProg, true), Errno::kOk);
  }
}

}  // namespace
}  // namespace bpfmap
