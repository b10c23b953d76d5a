// SPDX-License-Identifier: Apache-2.0

// The contract of arrays of programs, here and in the kernel, and where a tail
// call goes.
//
// Every flag and error stands in golden/kernel_errno.tsv.

#include "bpfmap/maps/prog_array.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "bpfmap/profiles/heap.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/kernel_program.h"
#include "tests/support/kernel_support.h"
#include "tests/support/print_errno.h"
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

constexpr int kHelperTailCall = 12;
constexpr MapDef kDef = {.type = MapType::kProgArray,
                         .key_size = 4,
                         .value_size = 4,
                         .max_entries = 4};

class ProgArrayTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(GetParam().create(kDef, &map_), Errno::kOk);
    if (!GetParam().is_kernel) return;
    for (int i = 0; i < 2; ++i) {
      programs_[i].emplace(BpfAssembler().MoveValue(kR0, 100 + i).Exit());
      ASSERT_EQ(programs_[i]->load_error(), Errno::kOk);
    }
  }

  // Two programs: of the kernel, or any numbers.
  uint32_t ProgramOf(int i) const {
    return GetParam().is_kernel ? programs_[i]->fd() : 1000 + i;
  }
  Errno Put(uint32_t index, uint32_t program) {
    return map_->Update(&index, &program);
  }
  Errno Delete(uint32_t index) { return map_->Delete(&index); }
  // 0 if there is none.
  uint32_t IdAt(uint32_t index) {
    uint32_t id = 0;
    const Errno error = map_->Lookup(&index, &id);
    EXPECT_EQ(error, id == 0 ? Errno::kNoEnt : Errno::kOk);
    return id;
  }

  TestMap map_;
  std::optional<KernelProgram> programs_[2];
};

TEST_P(ProgArrayTest, SlotIsEmptyUntilProgramIsPutIn) {
  EXPECT_EQ(IdAt(0), 0u);
  ASSERT_EQ(Put(0, ProgramOf(0)), Errno::kOk);
  ASSERT_EQ(Put(3, ProgramOf(0)), Errno::kOk);
  ASSERT_EQ(Put(2, ProgramOf(1)), Errno::kOk);
  EXPECT_NE(IdAt(0), 0u);
  EXPECT_EQ(IdAt(0), IdAt(3));
  EXPECT_NE(IdAt(0), IdAt(2));
  EXPECT_EQ(IdAt(1), 0u);
  ASSERT_EQ(Put(0, ProgramOf(1)), Errno::kOk);
  EXPECT_EQ(IdAt(0), IdAt(2));
}

TEST_P(ProgArrayTest, DeleteEmptiesSlot) {
  ASSERT_EQ(Put(0, ProgramOf(0)), Errno::kOk);
  EXPECT_EQ(Delete(0), Errno::kOk);
  EXPECT_EQ(IdAt(0), 0u);
  EXPECT_EQ(Delete(0), Errno::kNoEnt);
  EXPECT_EQ(Delete(4), Errno::k2Big);
}

TEST_P(ProgArrayTest, FlagsAndIndexAreCheckedInThisOrderBeforeProgram) {
  const uint32_t none = GetParam().is_kernel ? 9999 : 0;
  const uint32_t past_end = 4, index = 0;
  EXPECT_EQ(map_->Update(&past_end, &none, kNoExist), Errno::kInval);
  EXPECT_EQ(map_->Update(&past_end, &none), Errno::k2Big);
  EXPECT_EQ(map_->Update(&index, &none), Errno::kBadF);
}

TEST_P(ProgArrayTest, ProgramMayNeitherLookUpUpdateNorDelete) {
  const uint32_t index = 0, value = 1;
  ASSERT_EQ(Put(0, ProgramOf(0)), Errno::kOk);
  if (map_.local() != nullptr) {
    EXPECT_EQ(map_.local()->LookupElem(&index), nullptr);
    EXPECT_EQ(map_.local()->UpdateElem(&index, &value, kAny), Errno::kInval);
    EXPECT_EQ(map_.local()->DeleteElem(&index), Errno::kInval);
    return;
  }
  const auto& kernel = *static_cast<KernelMap*>(map_.get());
  KernelHelpers helpers(kernel);
  EXPECT_EQ(helpers.UpdateElem(&index, &value, kAny), Errno::kInval);
  EXPECT_EQ(helpers.DeleteElem(&index), Errno::kInval);
  BpfAssembler lookup;
  lookup.MoveValue(kR1, 0)
      .Store(4, kR10, -4, kR1)
      .LoadMap(kR1, kernel.fd())
      .Move(kR2, kR10)
      .AddValue(kR2, -4)
      .Call(kHelperMapLookupElem)
      .MoveValue(kR0, 0)
      .Exit();
  EXPECT_EQ(KernelProgram(lookup).load_error(), Errno::kInval);
}

// Slot 0 has the program 100 and slot 2 the program 101; the code
// after the call returns 7.
template <typename TailCall>
void ExpectTailCalls(TailCall tail_call) {
  EXPECT_EQ(tail_call(0), 100);
  EXPECT_EQ(tail_call(2), 101);
  EXPECT_EQ(tail_call(1), 7);
  EXPECT_EQ(tail_call(4), 7);
  EXPECT_EQ(tail_call(0xffffffff), 7);
}

TEST_P(ProgArrayTest, TailCallGoesToProgramOrFallsThrough) {
  if (!GetParam().is_kernel) return;  // see TailCallTest
  ASSERT_EQ(Put(0, ProgramOf(0)), Errno::kOk);
  ASSERT_EQ(Put(2, ProgramOf(1)), Errno::kOk);
  ExpectTailCalls([&](uint32_t index) {
    BpfAssembler caller;
    caller.LoadMap(kR2, static_cast<KernelMap*>(map_.get())->fd())
        .MoveValue(kR3, static_cast<int32_t>(index))
        .Call(kHelperTailCall)
        .MoveValue(kR0, 7)
        .Exit();
    int result = -1;
    EXPECT_EQ(KernelProgram(caller).Run(&result), Errno::kOk);
    return result;
  });
}

INSTANTIATE_TEST_SUITE_P(Backends, ProgArrayTest,
                         ::testing::ValuesIn(Backends()), BackendName);

template <typename P>
class TailCallTest : public ::testing::Test {};
using Profiles = ::testing::Types<Cloud, Embedded>;
TYPED_TEST_SUITE(TailCallTest, Profiles);

TYPED_TEST(TailCallTest, TailCallGoesToProgramOrFallsThrough) {
  const auto memory = std::make_unique<typename TypeParam::Memory>();
  ProgArray<TypeParam> programs(kDef, memory.get());
  ASSERT_EQ(programs.Init(), Errno::kOk);
  for (const auto& [index, program] :
       {std::pair(0U, 100U), std::pair(2U, 101U)}) {
    ASSERT_EQ(programs.Update(&index, &program), Errno::kOk);
  }
  ExpectTailCalls([&](uint32_t index) {
    const uint32_t program = programs.LookupProgram(index);
    return program == 0 ? 7 : static_cast<int>(program);
  });
}

TEST(ProgArrayConcurrencyTest, TailCallFindsProgramThatWasPutIn) {
  Heap memory;
  ProgArray<Cloud> programs(kDef, &memory);
  ASSERT_EQ(programs.Init(), Errno::kOk);
  ThreadTeam team;
  for (uint32_t worker = 0; worker < 2; ++worker) {
    team.AddWorker([&programs, worker]() -> testing::AssertionResult {
      const uint32_t index = 1;
      for (Steps steps(100'000); steps.Next();) {
        const uint32_t program = 10 * worker + 1 + steps.begun() % 2;
        const Errno error = steps.begun() % 3 != 0
                                ? programs.Update(&index, &program)
                                : programs.Delete(&index);
        if (error != Errno::kOk && error != Errno::kNoEnt) {
          return testing::AssertionFailure() << ErrnoName(error);
        }
      }
      return testing::AssertionSuccess();
    });
  }
  team.AddWatcher([&]() -> testing::AssertionResult {
    const uint32_t program = programs.LookupProgram(1);
    if (program > 12 || (program > 2 && program < 11)) {
      return testing::AssertionFailure() << program << " was never put in";
    }
    return testing::AssertionSuccess();
  });
  team.Run();
}

}  // namespace
}  // namespace bpfmap
