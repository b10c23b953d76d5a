// SPDX-License-Identifier: Apache-2.0

// The contract of queues and stacks, rule by rule, in both views, on each
// profile and on the kernel.
//
// A rule stands here as a sentence; every combination of flags, states and
// errors stands in golden/kernel_errno.tsv (golden_test.cc), and random ones in
// push_pop_differential_test.cc.

#include "bpfmap/maps/queue_stack_map.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_support.h"
#include "tests/support/print_errno.h"
#include "tests/support/push_pop_view.h"

namespace bpfmap {
namespace {

using ::testing::ElementsAre;

constexpr uint64_t kUntouched = 57005;

// Queues or stacks of uint64_t on one backend.
class QueueStackTest : public testing::TestWithParam<TypeAndBackend> {
 protected:
  void SetUp() override {
    if (backend().is_kernel) SKIP_WITHOUT_KERNEL();
  }

  static const PushPopBackend& backend() { return std::get<1>(GetParam()); }
  static bool is_queue() { return std::get<0>(GetParam()) == MapType::kQueue; }

  void Make(uint32_t max_entries, MapFlags map_flags = {}) {
    ASSERT_EQ(backend().create({.type = std::get<0>(GetParam()),
                                .value_size = sizeof(uint64_t),
                                .max_entries = max_entries,
                                .map_flags = map_flags,
                                .name = "push_pop"},
                               &view_),
              Errno::kOk);
  }

  BpfMap& map() { return view_->user(); }

  // The user view.
  Errno Update(uint64_t value, ElemFlags flags = kAny) {
    return map().Update(nullptr, &value, flags);
  }
  // What Lookup or LookupAndDelete gives, if it gives something. A buffer that
  // was changed anyway is a failure.
  std::optional<uint64_t> Lookup() {
    uint64_t value = kUntouched;
    const Errno error = map().Lookup(nullptr, &value);
    return Given(error, value, kUntouched);
  }
  std::optional<uint64_t> LookupAndDelete() {
    uint64_t value = kUntouched;
    const Errno error = map().LookupAndDelete(nullptr, &value);
    return Given(error, value, kUntouched);
  }

  // The program view.
  Errno Push(uint64_t value, ElemFlags flags = kAny) {
    return view_->Push(&value, flags);
  }
  // What Pop or Peek gives, if it gives something. A buffer that is then not
  // zero is a failure.
  std::optional<uint64_t> Pop() {
    uint64_t value = kUntouched;
    const Errno error = view_->Pop(&value);
    return Given(error, value, 0);
  }
  std::optional<uint64_t> Peek() {
    uint64_t value = kUntouched;
    const Errno error = view_->Peek(&value);
    return Given(error, value, 0);
  }

  std::vector<uint64_t> PopAll() {
    std::vector<uint64_t> values;
    while (std::optional<uint64_t> value = Pop()) values.push_back(*value);
    return values;
  }

  std::unique_ptr<PushPopView> view_;

 private:
  static std::optional<uint64_t> Given(Errno error, uint64_t value,
                                       uint64_t if_not) {
    if (error == Errno::kOk) return value;
    EXPECT_EQ(error, Errno::kNoEnt);
    EXPECT_EQ(value, if_not);
    return std::nullopt;
  }
};

INSTANTIATE_TEST_SUITE_P(Backends, QueueStackTest,
                         testing::Combine(testing::Values(MapType::kQueue,
                                                          MapType::kStack),
                                          testing::ValuesIn(PushPopBackends())),
                         [](const auto& info) {
                           return MapTypeName(std::get<0>(info.param)) +
                                  ("_" + std::get<1>(info.param).name);
                         });

TEST_P(QueueStackTest, QueueGivesOldestFirstAndStackNewest) {
  Make(3);
  for (const uint64_t value : {1, 2, 3}) ASSERT_EQ(Push(value), Errno::kOk);
  if (is_queue()) {
    EXPECT_THAT(PopAll(), ElementsAre(1, 2, 3));
  } else {
    EXPECT_THAT(PopAll(), ElementsAre(3, 2, 1));
  }
}

TEST_P(QueueStackTest, PeekShowsWhatPopGives) {
  Make(2);
  ASSERT_EQ(Push(1), Errno::kOk);
  ASSERT_EQ(Push(2), Errno::kOk);
  const uint64_t first = is_queue() ? 1 : 2;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Peek(), first);
    EXPECT_EQ(Lookup(), first);
  }
  EXPECT_EQ(LookupAndDelete(), first);
  EXPECT_EQ(Pop(), 3 - first);
  EXPECT_EQ(Pop(), std::nullopt);
}

TEST_P(QueueStackTest, BothViewsAreOfSameValues) {
  Make(4);
  ASSERT_EQ(Push(1), Errno::kOk);
  ASSERT_EQ(Update(2), Errno::kOk);
  EXPECT_EQ(Lookup(), is_queue() ? 1 : 2);
  EXPECT_EQ(LookupAndDelete(), is_queue() ? 1 : 2);
  EXPECT_EQ(Pop(), is_queue() ? 2 : 1);
}

TEST_P(QueueStackTest, ItHoldsMaxEntriesAndThenIs2Big) {
  for (const uint32_t max_entries : {1, 2, 3, 8, 9}) {
    Make(max_entries);
    for (uint32_t i = 0; i < max_entries; ++i) {
      EXPECT_EQ(i % 2 == 0 ? Push(i) : Update(i), Errno::kOk);
    }
    EXPECT_EQ(Push(99), Errno::k2Big);
    EXPECT_EQ(Update(99), Errno::k2Big);
    EXPECT_EQ(PopAll().size(), max_entries);
  }
}

TEST_P(QueueStackTest, ExistDropsOldestOfFullMapOnly) {
  Make(3);
  for (const uint64_t value : {1, 2}) {
    ASSERT_EQ(Push(value, kExist), Errno::kOk);
  }
  ASSERT_EQ(Update(3, kExist), Errno::kOk);
  ASSERT_EQ(Push(4, kExist), Errno::kOk);
  ASSERT_EQ(Update(5, kExist), Errno::kOk);
  if (is_queue()) {
    EXPECT_THAT(PopAll(), ElementsAre(3, 4, 5));
  } else {
    EXPECT_THAT(PopAll(), ElementsAre(5, 4, 3));
  }
}

TEST_P(QueueStackTest, FlagsAreCheckedBeforeRoom) {
  Make(1);
  for (const bool full : {false, true}) {
    for (const ElemFlags flags :
         {kNoExist, ElemFlags{3}, kLock, ElemFlags{6}, ElemFlags{8},
          ElemFlags{uint64_t{1} << 32}, ElemFlags{uint64_t{1} << 32} | kExist,
          ~ElemFlags{0}}) {
      EXPECT_EQ(Push(7, flags), Errno::kInval) << ToNumber(flags);
      EXPECT_EQ(Update(7, flags), Errno::kInval) << ToNumber(flags);
    }
    if (!full) {
      ASSERT_EQ(Push(1), Errno::kOk);
    }
  }
  EXPECT_THAT(PopAll(), ElementsAre(1));
}

// Lookup() and its like check the buffer.
TEST_P(QueueStackTest, EmptyMapGivesProgramsZerosAndUsersNothing) {
  Make(2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Peek(), std::nullopt);
    EXPECT_EQ(Pop(), std::nullopt);
    EXPECT_EQ(Lookup(), std::nullopt);
    EXPECT_EQ(LookupAndDelete(), std::nullopt);
    ASSERT_EQ(Push(5), Errno::kOk);
    EXPECT_EQ(Pop(), 5u);
  }
}

TEST_P(QueueStackTest, LookupAndDeleteTakesValueEvenWithoutBuffer) {
  Make(2);
  EXPECT_EQ(map().Lookup(nullptr, nullptr), Errno::kNoEnt);
  EXPECT_EQ(map().LookupAndDelete(nullptr, nullptr), Errno::kNoEnt);
  ASSERT_EQ(Push(1), Errno::kOk);
  ASSERT_EQ(Push(2), Errno::kOk);
  EXPECT_EQ(map().Lookup(nullptr, nullptr), Errno::kFault);
  EXPECT_EQ(map().LookupAndDelete(nullptr, nullptr), Errno::kFault);
  EXPECT_EQ(Pop(), is_queue() ? 2 : 1);
  EXPECT_EQ(Pop(), std::nullopt);
}

TEST_P(QueueStackTest, UpdateWithoutValueIsFaultWhateverFlags) {
  Make(2);
  EXPECT_EQ(map().Update(nullptr, nullptr, kAny), Errno::kFault);
  EXPECT_EQ(map().Update(nullptr, nullptr, ElemFlags{3}), Errno::kFault);
  // A lock is asked for before, and there is none.
  EXPECT_EQ(map().Update(nullptr, nullptr, kLock), Errno::kInval);
}

TEST_P(QueueStackTest, KeyIsInval) {
  Make(2);
  ASSERT_EQ(Push(1), Errno::kOk);
  const uint32_t key = 0;
  uint64_t value = kUntouched;
  EXPECT_EQ(map().Lookup(&key, &value), Errno::kInval);
  EXPECT_EQ(map().LookupAndDelete(&key, &value), Errno::kInval);
  EXPECT_EQ(map().Update(&key, &value), Errno::kInval);
  EXPECT_EQ(map().Update(&key, nullptr), Errno::kInval);
  EXPECT_EQ(map().Delete(&key), Errno::kInval);
  EXPECT_EQ(map().GetNextKey(&key, &value), Errno::kInval);
  EXPECT_EQ(value, kUntouched);
  EXPECT_THAT(PopAll(), ElementsAre(1));
}

TEST_P(QueueStackTest, ThereIsNoDeleteNoWalkAndNoBatch) {
  Make(2);
  ASSERT_EQ(Push(1), Errno::kOk);
  uint64_t value = kUntouched;
  EXPECT_EQ(map().Delete(nullptr), Errno::kInval);
  EXPECT_EQ(map().GetNextKey(nullptr, &value), Errno::kInval);
  uint32_t count = 1, position = 0;
  EXPECT_EQ(map().LookupBatch(nullptr, &position, nullptr, &value, &count),
            Errno::kNotSupp);
  EXPECT_EQ(
      map().LookupAndDeleteBatch(nullptr, &position, nullptr, &value, &count),
      Errno::kNotSupp);
  EXPECT_EQ(map().UpdateBatch(nullptr, &value, &count), Errno::kNotSupp);
  EXPECT_EQ(map().DeleteBatch(nullptr, &count), Errno::kNotSupp);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(map().UpdateBatch(nullptr, &value, nullptr), Errno::kFault);
  EXPECT_EQ(value, kUntouched);
  EXPECT_THAT(PopAll(), ElementsAre(1));
}

TEST_P(QueueStackTest, FrozenMapIsForUsersToPeekAndForProgramsToUse) {
  Make(2);
  ASSERT_EQ(Update(1), Errno::kOk);
  EXPECT_EQ(map().Freeze(), Errno::kOk);
  EXPECT_EQ(map().Freeze(), Errno::kPerm);
  uint64_t value = kUntouched;
  EXPECT_EQ(Update(2), Errno::kPerm);
  EXPECT_EQ(map().LookupAndDelete(nullptr, &value), Errno::kPerm);
  EXPECT_EQ(map().Delete(nullptr), Errno::kPerm);
  EXPECT_EQ(Lookup(), 1u);
  EXPECT_EQ(Push(3), Errno::kOk);
  EXPECT_EQ(PopAll().size(), 2u);
}

TEST_P(QueueStackTest, RightsOfUserViewDoNotStopProgram) {
  uint64_t value = kUntouched;
  Make(2, kRdOnly);
  EXPECT_EQ(Update(1), Errno::kPerm);
  EXPECT_EQ(map().LookupAndDelete(nullptr, &value), Errno::kPerm);
  EXPECT_EQ(Push(5), Errno::kOk);
  EXPECT_EQ(Lookup(), 5u);
  EXPECT_EQ(Pop(), 5u);
  Make(2, kWrOnly);
  EXPECT_EQ(Update(6), Errno::kOk);
  EXPECT_EQ(map().Lookup(nullptr, &value), Errno::kPerm);
  EXPECT_EQ(map().LookupAndDelete(nullptr, &value), Errno::kPerm);
  EXPECT_EQ(Peek(), 6u);
  EXPECT_EQ(value, kUntouched);
}

TEST_P(QueueStackTest, ProgramMayOnlyPeekIntoReadOnlyProgMap) {
  Make(2, kRdOnlyProg);
  ASSERT_EQ(Update(1), Errno::kOk);
  uint64_t value = kUntouched;
  for (const ElemFlags flags : {kAny, kNoExist, kExist}) {
    EXPECT_EQ(Push(2, flags), Errno::kAcces);
  }
  EXPECT_EQ(view_->Pop(&value), Errno::kAcces);
  EXPECT_EQ(value, kUntouched);
  EXPECT_EQ(Peek(), 1u);
}

TEST_P(QueueStackTest, ProgramMayDoEverythingWithWriteOnlyProgMap) {
  Make(2, kWrOnlyProg);
  EXPECT_EQ(Push(1), Errno::kOk);
  EXPECT_EQ(Peek(), 1u);
  EXPECT_EQ(Pop(), 1u);
}

TEST_P(QueueStackTest, HelpersOfMapsWithKeysAreRefused) {
  for (const MapFlags map_flags : {MapFlags{}, kRdOnlyProg, kWrOnlyProg}) {
    Make(2, map_flags);
    const uint64_t value = 1;
    EXPECT_EQ(view_->LookupElem(),
              backend().is_kernel ? Errno::kAcces : Errno::kNoEnt);
    EXPECT_EQ(view_->UpdateElem(&value), Errno::kAcces);
    EXPECT_EQ(view_->DeleteElem(), Errno::kAcces);
  }
}

TEST_P(QueueStackTest, ValueOfAnySizeComesBackWhole) {
  for (const uint32_t size : {1U, 2U, 3U, 4U, 5U, 7U, 8U, 9U, 12U, 16U, 255U}) {
    ASSERT_EQ(backend().create({.type = std::get<0>(GetParam()),
                                .value_size = size,
                                .max_entries = 5},
                               &view_),
              Errno::kOk);
    // More than fit, so that the ring comes round.
    for (uint8_t i = 1; i <= 13; ++i) {
      const std::vector<uint8_t> value(size, i);
      EXPECT_EQ(view_->Push(value.data(), kExist), Errno::kOk);
    }
    for (uint8_t i = 0; i < 5; ++i) {
      std::vector<uint8_t> value(size + 1, 0xee);
      EXPECT_EQ(i % 2 == 0 ? view_->Pop(value.data())
                           : map().LookupAndDelete(nullptr, value.data()),
                Errno::kOk);
      EXPECT_EQ(value.back(), 0xee) << "written past the value";
      value.pop_back();
      EXPECT_THAT(value, testing::Each(is_queue() ? 9 + i : 13 - i));
    }
  }
}

// Calls that the verifier would have refused.
TEST(QueueStackNullTest, HelperWithoutBufferIsFault) {
  for (const PushPopBackend& backend : LocalPushPopBackends()) {
    std::unique_ptr<PushPopView> view;
    ASSERT_EQ(backend.create(
                  {.type = MapType::kQueue, .value_size = 8, .max_entries = 2},
                  &view),
              Errno::kOk);
    const uint64_t value = 1;
    EXPECT_EQ(view->Push(nullptr, kAny), Errno::kFault);
    ASSERT_EQ(view->Push(&value, kAny), Errno::kOk);
    EXPECT_EQ(view->Pop(nullptr), Errno::kFault);
    EXPECT_EQ(view->Peek(nullptr), Errno::kFault);
    uint64_t popped = 0;
    EXPECT_EQ(view->Pop(&popped), Errno::kOk);
  }
}

}  // namespace
}  // namespace bpfmap
